//! Which driver runs containers, by what the configuration says and this machine can do.

use std::net::{SocketAddrV4, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use container::doctor::{self, DriverConfig, Refusal};
use container::{
    BoxFuture, ContainerSpec, ContainerStats, ContainerSummary, Driver, DriverError, DriverKind, Exec,
    ExecSpec, Exit, Image, ImageError, LaunchError, LogChunk, LogPosition, Network, NetworkError,
    NetworkSpec, Started,
};

use crate::config::{Config, DriverChoice};

/// What the choice depends on.
pub fn configuration(config: &Config) -> DriverConfig {
    DriverConfig {
        wanted: match config.driver {
            DriverChoice::Auto => None,
            DriverChoice::Embedded => Some(DriverKind::Embedded),
            DriverChoice::Docker => Some(DriverKind::Docker),
        },
        data_directory: config.data_dir.join("containers"),
        executable: std::env::current_exe().unwrap_or_default(),
        allow_host_image: config.host_image,
        docker_host: config.docker_host.clone(),
        runtime_directory: std::env::var_os("XDG_RUNTIME_DIR").map(Into::into),
        owner: config.data_dir.display().to_string(),
        ..DriverConfig::default()
    }
}

/// The driver, and why there is none where it can only refuse.
pub async fn choose(config: &Config) -> (Arc<dyn Driver>, Option<Refusal>) {
    match doctor::choose(&configuration(config)).await {
        Ok(driver) => (driver, None),
        Err(refusal) => (Arc::new(Unavailable(refusal.to_string())), Some(refusal)),
    }
}

/// Stands where no container can run: everything else is served, and a task fails with what to do about it.
struct Unavailable(String);

impl Unavailable {
    fn error<T>(&self) -> BoxFuture<'_, Result<T, DriverError>>
    where
        T: Send + 'static,
    {
        Box::pin(async { Err(DriverError::Unavailable(self.0.clone())) })
    }
}

impl Driver for Unavailable {
    fn kind(&self) -> DriverKind {
        DriverKind::Embedded
    }

    fn prepare_image<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Image, ImageError>> {
        Box::pin(async { Err(ImageError::Refused(self.0.clone())) })
    }

    fn launch(&self, _: ContainerSpec) -> BoxFuture<'_, Result<Started, LaunchError>> {
        Box::pin(async { Err(LaunchError::CannotCreate(self.0.clone())) })
    }

    fn wait<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Exit, DriverError>> {
        self.error()
    }

    fn stop<'a>(&'a self, _: &'a str, _: Duration) -> BoxFuture<'a, Result<(), DriverError>> {
        self.error()
    }

    fn read_logs<'a>(&'a self, _: &'a str, _: LogPosition) -> BoxFuture<'a, Result<LogChunk, DriverError>> {
        self.error()
    }

    fn free_logs<'a>(
        &'a self,
        _: &'a str,
        _: &'a LogPosition,
        _: &'a LogPosition,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        self.error()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ContainerSummary>, DriverError>> {
        self.error()
    }

    fn exec<'a>(&'a self, _: &'a str, _: ExecSpec) -> BoxFuture<'a, Result<Exec, DriverError>> {
        self.error()
    }

    fn stats<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<ContainerStats, DriverError>> {
        self.error()
    }

    fn remove<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        self.error()
    }

    fn provide_network(&self, _: NetworkSpec) -> BoxFuture<'_, Result<Network, NetworkError>> {
        Box::pin(async { Err(NetworkError::Unsupported(self.0.clone())) })
    }

    fn remove_network<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        self.error()
    }

    fn list_networks(&self) -> BoxFuture<'_, Result<Vec<String>, DriverError>> {
        self.error()
    }

    fn listen_in_network<'a>(
        &'a self,
        _: &'a str,
        _: SocketAddrV4,
    ) -> BoxFuture<'a, Result<TcpListener, NetworkError>> {
        Box::pin(async { Err(NetworkError::Unsupported(self.0.clone())) })
    }
}
