//! Where containers that share this machine's network find the server.
//!
//! SDKs ask for credentials over plain HTTP on loopback addresses only, and the server gives them to nobody else.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// A way to the server over loopback.
pub struct Loopback {
    /// `http://ADDRESS:PORT`.
    pub endpoint: String,
    /// A listener that has to be served too, where the server's own is not reached over loopback.
    pub listener: Option<TcpListener>,
}

impl Loopback {
    /// The way to a server that listens on `address`.
    ///
    /// Where there is none, containers are told the address itself: they find the API there, and no credentials.
    pub async fn of(address: SocketAddr) -> Self {
        let (ip, port) = (address.ip(), address.port());
        if ip.is_loopback() {
            return Self { endpoint: format!("http://{address}"), listener: None };
        }
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        if ip.is_unspecified() {
            return Self { endpoint: format!("http://{local}"), listener: None };
        }
        match TcpListener::bind(local).await {
            Ok(listener) => Self { endpoint: format!("http://{local}"), listener: Some(listener) },
            Err(error) => {
                tracing::warn!(%error, "containers in the network mode host get no credentials: {local} is taken");
                Self { endpoint: format!("http://{address}"), listener: None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn containers_are_told_a_loopback_address() {
        for (address, endpoint) in [
            ("127.0.0.1:4566", "http://127.0.0.1:4566"),
            ("0.0.0.0:4566", "http://127.0.0.1:4566"),
            ("[::]:4566", "http://127.0.0.1:4566"),
            ("[::1]:4566", "http://[::1]:4566"),
        ] {
            let loopback = Loopback::of(address.parse().unwrap()).await;
            assert_eq!(loopback.endpoint, endpoint);
            assert!(loopback.listener.is_none());
        }
    }
}
