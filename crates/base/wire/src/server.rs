//! Accepts connections and runs HTTP/1.1 on them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::handler::Wire;
use crate::limits;

impl Wire {
    /// Serves connections of `listener` until `shutdown` completes, then lets open requests finish.
    ///
    /// # Errors
    /// None while it runs: a failure to accept a connection is logged and tried again.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let wire = Arc::new(self);
        let (stop, stopped) = watch::channel(false);
        let places = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>((place, listener.accept().await?.0))
            };
            let (place, stream) = tokio::select! {
                () = &mut shutdown => break,
                next = next => match next {
                    Ok(next) => next,
                    Err(error) => {
                        // Out of file descriptors, or the client gave up: neither ends the server.
                        tracing::warn!(%error, "accepting a connection failed");
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        continue;
                    }
                },
            };
            let (wire, stopped) = (Arc::clone(&wire), stopped.clone());
            connections.spawn(async move {
                connection(wire, stream, stopped).await;
                drop(place);
            });
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        // The receivers are connections; there may be none.
        let _ = stop.send(true);
        let finished = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limits::SHUTDOWN_TIMEOUT, finished).await.is_err() {
            tracing::warn!("requests were still open when the server stopped");
        }
        Ok(())
    }
}

async fn connection(wire: Arc<Wire>, stream: TcpStream, mut stopped: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "setting TCP_NODELAY failed");
    }
    let service = service_fn(move |request| {
        let wire = Arc::clone(&wire);
        async move { Ok::<_, std::convert::Infallible>(wire.handle(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIMEOUT)
        .max_buf_size(limits::HEAD_BYTES_MAX)
        .max_headers(limits::HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let stopped = async move { stopped.wait_for(|stopped| *stopped).await.is_ok() };
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
