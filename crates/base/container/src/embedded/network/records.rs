//! What is on disk about the networks of one data directory.
//!
//! ```text
//! lock                    held while addresses and ports are given away
//! range.json              the range that addresses are taken from
//! names/NAME/record.json  what was asked for, and what was given        before anything of it is made
//! names/NAME/namespace    the network namespace, mounted on this file    when it is complete
//! addresses/ADDRESS       a symbolic link whose text is the network's name
//! ports/PROTOCOL-PORT     the same
//! ```
//!
//! A namespace, its interfaces and rules are the kernel's and end with it; what is here says what to make again.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::range::Range;
use crate::network::{Network, NetworkSpec};

/// A network as it was asked for, and as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What was asked for.
    pub spec: NetworkSpec,
    /// What was given.
    pub network: Network,
}

/// Something that only one network can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// An address of the range.
    Address(std::net::Ipv4Addr),
    /// A port of this machine.
    Port(crate::network::Protocol, u16),
}

/// The directory in which everything about the networks is.
#[derive(Clone, Debug)]
pub struct Records {
    directory: PathBuf,
}

impl Records {
    /// The records of the data directory `data`. Nothing is made.
    pub fn of(data: &Path) -> Self {
        Self { directory: data.join("networks") }
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes the directories, where they are missing.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn create(&self) -> io::Result<()> {
        ["names", "addresses", "ports"]
            .iter()
            .try_for_each(|name| fs::create_dir_all(self.directory.join(name)))
    }

    /// Waits until no other process, and no other thread, gives addresses and ports away.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn lock(&self) -> io::Result<OwnedFd> {
        let file = File::options().create(true).append(true).open(self.directory.join("lock"))?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file.into())
    }

    /// The file that a network's namespace is mounted on.
    pub fn namespace(&self, name: &str) -> PathBuf {
        self.network(name).join("namespace")
    }

    fn network(&self, name: &str) -> PathBuf {
        self.directory.join("names").join(name)
    }

    /// What is known about a network. A damaged record (the machine lost power before it was on the disk) is as good
    /// as none.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn read(&self, name: &str) -> io::Result<Option<Record>> {
        read_json(&self.network(name).join("record.json"))
    }

    /// Whether anything is known about a network.
    pub fn exists(&self, name: &str) -> bool {
        self.network(name).exists()
    }

    /// Whether any network has an address.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn has_addresses(&self) -> io::Result<bool> {
        Ok(fs::read_dir(self.directory.join("addresses"))?.next().is_some())
    }

    /// Notes a network.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn write(&self, record: &Record) -> io::Result<()> {
        let directory = self.network(&record.spec.name);
        fs::create_dir_all(&directory)?;
        write_json(&directory.join("record.json"), record)
    }

    /// Forgets a network whose namespace is discarded. One that is not known is no error.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        missing_is_fine(fs::remove_dir_all(self.network(name)))
    }

    /// The names of all networks, the half-made ones too.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.directory.join("names")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = entries.map(name).collect::<io::Result<_>>()?;
        names.sort_unstable();
        Ok(names)
    }

    /// The range that addresses are taken from, if one was chosen.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn range(&self) -> io::Result<Option<Range>> {
        read_json(&self.directory.join("range.json"))
    }

    /// Remembers the range that was chosen.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn set_range(&self, range: Range) -> io::Result<()> {
        write_json(&self.directory.join("range.json"), &range)
    }

    /// Takes something for the network `name`; `false` when another network has it. To be called under the lock.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn claim(&self, claim: &Claim, name: &str) -> io::Result<bool> {
        let path = self.claim_path(claim);
        match std::os::unix::fs::symlink(name, &path) {
            // A crash may have come between an earlier claim and the record.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(fs::read_link(&path)? == Path::new(name))
            }
            result => result.map(|()| true),
        }
    }

    /// Gives something back that the network `name` had. To be called under the lock.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn release(&self, claim: &Claim, name: &str) -> io::Result<()> {
        let path = self.claim_path(claim);
        match fs::read_link(&path) {
            Ok(owner) if owner == Path::new(name) => missing_is_fine(fs::remove_file(path)),
            _ => Ok(()),
        }
    }

    /// Gives back everything that belongs to networks that are not known. To be called under the lock.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn release_orphans(&self) -> io::Result<()> {
        for kind in ["addresses", "ports"] {
            for entry in fs::read_dir(self.directory.join(kind))? {
                let path = entry?.path();
                let owner = fs::read_link(&path).unwrap_or_default();
                if !self.directory.join("names").join(&owner).join("record.json").exists() {
                    missing_is_fine(fs::remove_file(path))?;
                }
            }
        }
        Ok(())
    }

    fn claim_path(&self, claim: &Claim) -> PathBuf {
        match claim {
            Claim::Address(address) => self.directory.join("addresses").join(address.to_string()),
            Claim::Port(protocol, port) => {
                self.directory.join("ports").join(format!("{}-{port}", protocol.as_str()))
            }
        }
    }
}

impl Record {
    /// Everything that only this network has.
    pub fn claims(&self) -> Vec<Claim> {
        let ports = self.network.ports.iter().map(|port| Claim::Port(port.protocol, port.host_port));
        self.network.address.map(Claim::Address).into_iter().chain(ports).collect()
    }
}

fn missing_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let aside = path.with_extension("new");
    fs::write(&aside, serde_json::to_vec(value)?)?;
    fs::rename(aside, path)
}
