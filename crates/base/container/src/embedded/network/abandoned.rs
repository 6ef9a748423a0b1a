//! What servers leave whose data directory was deleted: a bridge and a table that nobody would ever ask for again.
//!
//! Every bridge says whose it is. Where that directory is gone and nothing is attached to the bridge, it goes, and so does
//! a table of ours whose bridge is not there. Another server that does not see the directory that this one sees loses
//! nothing by that: what it needs it makes again.

use std::io;
use std::path::{Path, PathBuf};

use super::Inner;
use super::links::Links;
use super::netlink::Connection;
use super::nf_tables::{Transaction, tables};
use super::translation::TABLE;

/// What a bridge's description begins with; the data directory follows.
const DESCRIPTION: &str = "runwright ";
/// What the name of each data directory's bridge begins with, and how much of the directory's scope follows.
pub const BRIDGE: &str = "rwb";
pub const BRIDGE_SCOPE: usize = 10;

impl Inner {
    /// Has the bridge say whose it is.
    pub fn describe_bridge(&self, links: &mut Links, index: u32) -> io::Result<()> {
        links.set_description(index, &format!("{DESCRIPTION}{}", self.records.directory().display()))
    }
}

/// Removes what is abandoned, and returns its names.
///
/// # Errors
/// Those of the kernel.
pub fn sweep() -> io::Result<Vec<String>> {
    let mut links = Links::open()?;
    let mut kernel = Connection::to_netfilter()?;
    let mut swept = Vec::new();
    let tables: Vec<String> =
        tables(&mut kernel)?.into_iter().filter(|table| table.starts_with(TABLE)).collect();
    for bridge in links.described()?.into_iter().filter(|one| one.name.starts_with(BRIDGE)) {
        if is_gone(&bridge.description) && links.ports(bridge.index)?.is_empty() {
            links.delete(bridge.index)?;
            swept.push(bridge.name);
        }
    }
    for table in tables {
        let scope = table.strip_prefix(TABLE).and_then(|scope| scope.get(..BRIDGE_SCOPE)).unwrap_or_default();
        if links.index(&format!("{BRIDGE}{scope}"))?.is_none() {
            Transaction::on(&table).remove_table().commit(&mut kernel)?;
            swept.push(table);
        }
    }
    Ok(swept)
}

fn is_gone(description: &str) -> bool {
    let directory = description.strip_prefix(DESCRIPTION).map(PathBuf::from);
    directory.is_some_and(|directory| matches!(Path::new(&directory).try_exists(), Ok(false)))
}
