//! Networks by Docker's means: a container that does nothing holds each one, and the others join it.

use std::net::{SocketAddrV4, TcpListener};

use super::DockerDriver;
use crate::driver::DriverError;
use crate::network::{Network, NetworkError, NetworkSpec};

/// The name of the container that holds a network.
pub fn holder_name(network: &str) -> String {
    format!("{network}.network")
}

impl DockerDriver {
    pub(super) async fn provide(&self, _: NetworkSpec) -> Result<Network, NetworkError> {
        Err(NetworkError::Unsupported("networks of tasks are only served by the embedded driver".to_owned()))
    }

    pub(super) async fn withdraw(&self, _: &str) -> Result<(), DriverError> {
        Ok(())
    }

    pub(super) async fn networks(&self) -> Result<Vec<String>, DriverError> {
        Ok(Vec::new())
    }

    pub(super) async fn listen(&self, name: &str, _: SocketAddrV4) -> Result<TcpListener, NetworkError> {
        Err(NetworkError::Unknown(name.to_owned()))
    }
}
