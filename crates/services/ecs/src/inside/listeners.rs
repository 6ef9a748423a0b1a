//! Listens inside of the networks of tasks.
//!
//! Each task with a network of its own has two listeners, each a small future on the runtime's threads. They are opened
//! before its first container is started, opened again after a restart, and end with the task.

use std::future::pending;
use std::net::SocketAddrV4;
use std::sync::Arc;

use container::{Driver, NetworkError, NetworkMode};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use wire::Front;

use super::environment::{API_ADDRESS, DOCUMENTS_ADDRESS};
use super::{Inside, InsideDocuments};
use crate::retry::Delays;
use crate::task::{ContainerState, Status, Task};

/// The listeners of one task. Dropping them ends them, and their connections.
#[derive(Default)]
pub struct Listeners {
    attended: bool,
    serving: JoinSet<()>,
}

/// What is to be served, and where.
struct Place {
    front: Front,
    network: String,
    address: SocketAddrV4,
}

impl Listeners {
    /// Sees to it that a task whose containers run, or are about to, has its listeners.
    ///
    /// # Errors
    /// Why a task whose containers have not been started cannot have them, as a sentence.
    pub async fn attend(
        &mut self,
        inside: &Arc<Inside>,
        driver: &Arc<dyn Driver>,
        task: &Task,
    ) -> Result<(), String> {
        let wants_them = matches!(task.status, Status::Activating | Status::Running | Status::Stopping);
        if self.attended || !wants_them {
            return Ok(());
        }
        for place in places(inside, task) {
            if !is_fresh(task) {
                self.serving.spawn(place.reopen(Arc::clone(inside), Arc::clone(driver)));
                continue;
            }
            match place.listen(driver.as_ref()).await {
                Ok(listener) => drop(self.serving.spawn(place.serve(listener))),
                Err(NetworkError::Unsupported(reason)) => place.cannot_be_served(&reason),
                Err(error) => {
                    return Err(format!(
                        "ResourceInitializationError: the task's network cannot be served: {error}"
                    ));
                }
            }
        }
        self.attended = true;
        Ok(())
    }

    /// Ends the listeners and their connections, and returns when nothing of them is left.
    pub async fn close(&mut self) {
        self.serving.shutdown().await;
    }
}

impl Place {
    async fn listen(&self, driver: &dyn Driver) -> Result<TcpListener, NetworkError> {
        let listener = driver.listen_in_network(&self.network, self.address).await?;
        let listener = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
        listener.map_err(|error| NetworkError::Unavailable(error.to_string()))
    }

    /// The task runs without, as it does on an engine of another machine.
    fn cannot_be_served(&self, reason: &str) {
        let (network, address) = (&self.network, self.address);
        tracing::warn!(reason, network, %address, "containers find neither credentials nor the API in their network");
    }

    async fn serve(self, listener: TcpListener) {
        // It ends only by being dropped.
        let _ = self.front.serve(listener, pending()).await;
    }

    /// Containers run already: they are not to wait for this, and not to end for it.
    async fn reopen(self, inside: Arc<Inside>, driver: Arc<dyn Driver>) {
        let mut delays = Delays::endless();
        loop {
            match self.listen(driver.as_ref()).await {
                Ok(listener) => return self.serve(listener).await,
                Err(NetworkError::Unsupported(reason)) => return self.cannot_be_served(&reason),
                Err(error) => {
                    tracing::warn!(%error, network = self.network, "a task's network cannot be served again yet");
                    delays.wait(&inside.clock()).await;
                }
            }
        }
    }
}

/// Where the task is to be served what.
fn places(inside: &Arc<Inside>, task: &Task) -> Vec<Place> {
    let Some(network) = own_network(task) else { return Vec::new() };
    let documents = InsideDocuments::in_network_of(Arc::clone(inside), task.key());
    let documents = (Front::documents(Arc::new(documents)), DOCUMENTS_ADDRESS);
    let api = inside.api.clone().map(|api| (api, API_ADDRESS));
    [documents]
        .into_iter()
        .chain(api)
        .map(|(front, address)| Place { front: front.for_a_task(), network: network.to_owned(), address })
        .collect()
}

/// Whether no container was started yet, as far as is recorded.
fn is_fresh(task: &Task) -> bool {
    task.containers.iter().all(|container| container.state == ContainerState::Pending)
}

/// The network that the task's containers share, where it is not this machine's.
fn own_network(task: &Task) -> Option<&str> {
    task.containers.iter().find_map(|container| match &container.spec.network {
        NetworkMode::Network(name) => Some(name.as_str()),
        NetworkMode::Host | NetworkMode::Private | NetworkMode::Container(_) => None,
    })
}
