//! Accepts connections and runs HTTP/1.1 on them.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::documents::{self, Documents};
use crate::handler::{AnswerBody, Wire};
use crate::limits;

/// What is served on a listener: the API, plain documents, or both.
#[derive(Clone)]
pub struct Front {
    wire: Option<Arc<Wire>>,
    documents: Option<Arc<dyn Documents>>,
    connections_max: usize,
}

impl Front {
    /// The API alone.
    pub fn api(wire: Arc<Wire>) -> Self {
        Self { wire: Some(wire), documents: None, connections_max: limits::CONNECTIONS_MAX }
    }

    /// Documents alone, to whoever reaches the listener.
    pub fn documents(documents: Arc<dyn Documents>) -> Self {
        Self { wire: None, documents: Some(documents), connections_max: limits::CONNECTIONS_MAX }
    }

    /// The same, and documents besides: to clients on this machine's loopback only.
    #[must_use]
    pub fn with_documents(self, documents: Arc<dyn Documents>) -> Self {
        Self { documents: Some(documents), ..self }
    }

    /// The same for the containers of one task: a few connections at a time.
    #[must_use]
    pub fn for_a_task(self) -> Self {
        Self { connections_max: limits::CONNECTIONS_PER_TASK_MAX, ..self }
    }

    /// Serves connections of `listener` until `shutdown` completes, then lets open requests finish. Dropping the future
    /// ends everything at once.
    ///
    /// # Errors
    /// None while it runs: a failure to accept a connection is logged and tried again.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let (stop, stopped) = watch::channel(false);
        let places = Arc::new(Semaphore::new(self.connections_max));
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
            let (front, stopped) = (self.clone(), stopped.clone());
            connections.spawn(async move {
                front.connection(stream, stopped).await;
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

    async fn connection(self, stream: TcpStream, mut stopped: watch::Receiver<bool>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "setting TCP_NODELAY failed");
        }
        let front = Arc::new(self.for_client(&stream));
        let service = service_fn(move |request| {
            let front = Arc::clone(&front);
            async move { Ok::<_, std::convert::Infallible>(front.answer(request).await) }
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

    /// What of it this client is served. Documents beside an API are for this machine: other machines may reach the API.
    fn for_client(self, stream: &TcpStream) -> Self {
        let is_local = || stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
        match (&self.wire, &self.documents) {
            (Some(_), Some(_)) if !is_local() => Self { documents: None, ..self },
            _ => self,
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        let Some(documents) = &self.documents else { return self.answer_beside(request).await };
        let (parts, body) = request.into_parts();
        if documents::is_post(documents.as_ref(), &parts) {
            return documents::post(documents.as_ref(), &parts, body).await;
        }
        match documents::answer(documents.as_ref(), &parts).await {
            Some(document) => document,
            None => self.answer_beside(Request::from_parts(parts, body)).await,
        }
    }

    async fn answer_beside(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        match &self.wire {
            Some(wire) => wire.handle(request).await,
            None => documents::not_found(),
        }
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("wire", &self.wire)
            .field("documents", &self.documents.is_some())
            .finish_non_exhaustive()
    }
}
