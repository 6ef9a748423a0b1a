//! What networks need of this machine, and whether it is there.
//!
//! Everything is tried for real, in a namespace that vanishes with its thread.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;

use super::bridge::FORWARDING;
use super::links::{self, Links};
use super::netlink::Connection;
use super::nf_tables::{Transaction, tables_that_refuse_forwarding};
use super::range::Range;
use super::{abandoned, namespace, translation};
use crate::doctor::Check;
use crate::driver::DriverKind;

/// Looks at everything.
pub fn check() -> Vec<Check> {
    let swept = abandoned::sweep().unwrap_or_default();
    let translated = aside(make_table);
    let addresses =
        aside(make_interfaces).map(|()| "a bridge, and a pair of interfaces for each task".to_owned());
    let mut checks = vec![
        check_of(
            "task addresses",
            addresses,
            "tasks with the network mode awsvpc or bridge do not start; run as root with CAP_NET_ADMIN and \
             CAP_SYS_ADMIN, and load the kernel modules bridge and veth",
        ),
        check_of(
            "outbound NAT",
            translated.clone().and_then(|()| forwarded()),
            "tasks reach this machine and each other, and nothing beyond; load the kernel module nf_tables, and \
             allow the forwarding that is named (docs/operating.md)",
        ),
        check_of(
            "port mappings",
            translated.map(|()| "DNAT by nf_tables".to_owned()),
            "tasks with port mappings in the network mode bridge do not start; load the kernel module nf_tables",
        ),
    ];
    if !swept.is_empty() {
        let found = format!("what deleted data directories had left was removed: {}", swept.join(", "));
        checks.push(check_of("left-overs", Ok(found), ""));
    }
    checks
}

fn check_of(name: &'static str, found: Result<String, String>, advice: &'static str) -> Check {
    let ok = found.is_ok();
    Check { driver: DriverKind::Embedded, name, ok, found: found.unwrap_or_else(|reason| reason), advice }
}

/// Tries something in a network namespace of its own.
fn aside(attempt: fn() -> io::Result<()>) -> Result<(), String> {
    let tried = std::thread::spawn(move || namespace::enter_new().and_then(|()| attempt()));
    let tried = tried.join().unwrap_or_else(|_| Err(io::Error::other("the attempt panicked")));
    tried.map_err(|error| error.to_string())
}

fn make_interfaces() -> io::Result<()> {
    let address = Ipv4Addr::new(192, 0, 2, 1);
    let mut links = Links::open()?;
    links.add_bridge("rwb", links::mac_of(address))?;
    let bridge = links.index("rwb")?.ok_or(io::ErrorKind::NotFound)?;
    links.add_pair("rwv", bridge, "eth0", links::mac_of(address), namespace::current()?.as_fd())?;
    links.add_address(bridge, address, 24)
}

fn make_table() -> io::Result<()> {
    let range = Range::new(Ipv4Addr::new(192, 0, 2, 0), 24);
    let table = translation::rules(Transaction::on("runwright"), "rwb", range);
    table.commit(&mut Connection::to_netfilter()?)
}

/// Whether packets of tasks may pass through this machine.
fn forwarded() -> Result<String, String> {
    let forwarding = fs::read_to_string(FORWARDING).unwrap_or_default();
    let can_be_set = || fs::OpenOptions::new().write(true).open(FORWARDING).is_ok();
    let state = match forwarding.trim() {
        "1" => "on",
        _ if can_be_set() => "is switched on with the first task",
        _ => return Err(format!("{FORWARDING} is not 1, and cannot be set")),
    };
    let kernel = Connection::to_netfilter();
    let refusing =
        kernel.and_then(|mut kernel| tables_that_refuse_forwarding(&mut kernel)).unwrap_or_default();
    if refusing.is_empty() {
        Ok(format!("masquerade by nf_tables, forwarding {state}"))
    } else {
        Err(format!(
            "a firewall drops forwarded packets unless it is told otherwise: table {}",
            refusing.join(", ")
        ))
    }
}
