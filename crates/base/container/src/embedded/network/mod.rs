//! Networks of the embedded driver: namespaces that outlive this process, on a bridge of the data directory's own.
//!
//! A bridged network is a namespace with `eth0`, whose other end is a port of the bridge; this machine is its gateway. Everything
//! is found again by names made from the data directory and the network's name, so that a server that was killed at any
//! moment completes or removes what it had begun.

mod abandoned;
mod assembly;
mod bridge;
mod connections;
mod links;
pub mod namespace;
pub(crate) mod needs;
mod netlink;
mod nf_tables;
mod range;
pub mod records;
mod reservation;
pub mod resolver;
mod translation;

use std::io;
use std::net::{SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use self::links::Links;
use self::range::Range;
use self::records::{Record, Records};
use crate::driver::is_container_name;
use crate::name_locks::NameLocks;
use crate::network::{Network, NetworkError, NetworkSpec};

/// The number of the loopback interface in every namespace.
const LOOPBACK: u32 = 1;

/// The networks of one data directory.
#[derive(Clone, Debug)]
pub struct Networks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    records: Records,
    /// Tells this data directory's interfaces from those of another.
    scope: String,
    names: NameLocks,
    /// The range that this process made the translation table for; held while that or its ports change.
    translating: Mutex<Option<Range>>,
}

impl Networks {
    /// The networks in `data`, whose interfaces are called by `scope`: at least ten characters.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(data: &Path, scope: &str) -> io::Result<Self> {
        let inner = Inner::open(data, scope)?;
        // Nothing that a start could not do without, and not everyone may do it.
        if let Err(error) = inner.remove_strays() {
            tracing::warn!(%error, "interfaces of networks that are gone cannot be removed");
        }
        if let Err(error) = inner.unpublish_strays() {
            tracing::debug!(%error, "ports that lead to networks that are gone cannot be removed");
        }
        if let Err(error) = abandoned::sweep() {
            tracing::debug!(%error, "what deleted data directories left cannot be removed");
        }
        Ok(Self(Arc::new(inner)))
    }

    /// See [`crate::Driver::provide_network`].
    ///
    /// # Errors
    /// [`NetworkError`].
    pub async fn provide(&self, spec: NetworkSpec) -> Result<Network, NetworkError> {
        spec.validate()?;
        let _one = self.0.names.lock(&spec.name).await;
        let name = spec.name.clone();
        let provided = self.run(move |inner| inner.provide(&spec)).await;
        // What will never be complete is not kept. Not on the same thread: it may be in another namespace.
        if let Err(NetworkError::Unsupported(_) | NetworkError::Forbidden(_)) = &provided {
            self.run(move |inner| inner.remove(&name).map_err(failed)).await?;
        }
        provided
    }

    /// See [`crate::Driver::remove_network`].
    ///
    /// # Errors
    /// [`NetworkError`].
    pub async fn remove(&self, name: &str) -> Result<(), NetworkError> {
        if !is_container_name(name) {
            return Ok(());
        }
        let _one = self.0.names.lock(name).await;
        let name = name.to_owned();
        self.run(move |inner| inner.remove(&name).map_err(failed)).await
    }

    /// The host name of containers of the network `name` that have none of their own.
    ///
    /// # Errors
    /// [`NetworkError::Unknown`].
    pub fn hostname(&self, name: &str) -> Result<String, NetworkError> {
        let known = if is_container_name(name) { self.0.records.read(name).map_err(failed)? } else { None };
        let record = known.ok_or_else(|| NetworkError::Unknown(name.to_owned()))?;
        Ok(record.spec.hostname.unwrap_or_else(|| name.chars().take(63).collect()))
    }

    /// The names of all networks, the half-made ones too.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn names(&self) -> io::Result<Vec<String>> {
        self.0.records.names()
    }

    /// See [`crate::Driver::listen_in_network`].
    ///
    /// # Errors
    /// [`NetworkError`].
    pub async fn listen(&self, name: &str, address: SocketAddrV4) -> Result<TcpListener, NetworkError> {
        let namespace = self.0.records.namespace(name);
        if !is_container_name(name) || !namespace::is_kept(&namespace) {
            return Err(NetworkError::Unknown(name.to_owned()));
        }
        listen_in(namespace, address).await
    }

    /// See [`crate::Driver::release_common`].
    pub fn release_common(&self) {
        self.0.release_common();
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, NetworkError> + Send + 'static,
    ) -> Result<T, NetworkError> {
        let inner = Arc::clone(&self.0);
        namespace::on_own_thread(move || work(&inner)).await.map_err(failed)?
    }
}

impl Inner {
    fn open(data: &Path, scope: &str) -> io::Result<Self> {
        let records = Records::of(data);
        records.create()?;
        let lock = records.lock()?;
        records.release_orphans()?;
        drop(lock);
        let (names, translating) = <(NameLocks, Mutex<Option<Range>>)>::default();
        Ok(Self { records, scope: scope.to_owned(), names, translating })
    }

    fn provide(&self, spec: &NetworkSpec) -> Result<Network, NetworkError> {
        let known = self.records.read(&spec.name).map_err(failed)?;
        let record = match known {
            Some(record) => record,
            None => self.reserve(spec)?,
        };
        self.assemble(&record)?;
        Ok(record.network)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if !self.records.exists(name) {
            return Ok(());
        }
        let record = self.records.read(name)?;
        self.take_apart(name, record.as_ref())?;
        self.let_go(name, record.as_ref())
    }

    /// Removes what the kernel has of a network. It is still known.
    fn take_apart(&self, name: &str, record: Option<&Record>) -> io::Result<()> {
        if let Some(record) = record {
            self.unpublish(record)?;
        }
        self.disassemble(name)
    }

    /// Forgets a network of which the kernel has nothing any more.
    fn let_go(&self, name: &str, record: Option<&Record>) -> io::Result<()> {
        let _lock = self.records.lock()?;
        // Only then: whoever gets the address or a port next is not mistaken for this one after a crash.
        self.records.forget(name)?;
        let Some(record) = record else { return self.records.release_orphans() };
        // Who made the translation anew meanwhile, as the first network after a start does, still knew this one.
        if let Err(error) = self.unpublish(record) {
            tracing::warn!(%error, network = name, "ports may lead to a network that is gone, until the next start");
        }
        self.release(record)
    }

    /// Removes the bridge and the translation where no network is left.
    fn release_common(&self) {
        let removed = self.records.lock().and_then(|_lock| match self.records.names()?.is_empty() {
            true => self.remove_common(),
            false => Ok(()),
        });
        if let Err(error) = removed {
            tracing::warn!(%error, "the bridge of the networks cannot be removed");
        }
    }
}

/// The last of the networks takes what they had in common along, once nobody here asks for another.
impl Drop for Inner {
    fn drop(&mut self) {
        self.release_common();
    }
}

/// Listens at `address` in a namespace.
///
/// # Errors
/// [`NetworkError`].
pub async fn listen_in(namespace: PathBuf, address: SocketAddrV4) -> Result<TcpListener, NetworkError> {
    namespace::on_own_thread(move || listen(&namespace, address))
        .await
        .and_then(|listener| listener)
        .map_err(failed)
}

fn listen(namespace: &Path, address: SocketAddrV4) -> io::Result<TcpListener> {
    namespace::enter(namespace)?;
    if address.ip().is_link_local() {
        Links::open()?.add_address(LOOPBACK, *address.ip(), 32)?;
    }
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// What an error of the kernel means to whoever wants a network.
fn failed(error: io::Error) -> NetworkError {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => NetworkError::Forbidden(
            "networks of tasks take root with CAP_NET_ADMIN and CAP_SYS_ADMIN, which this process does not have".to_owned(),
        ),
        Some(libc::EOPNOTSUPP) => NetworkError::Unsupported(format!(
            "this kernel lacks what networks of tasks are made of (the modules bridge and veth): {error}"
        )),
        _ => NetworkError::Unavailable(error.to_string()),
    }
}
