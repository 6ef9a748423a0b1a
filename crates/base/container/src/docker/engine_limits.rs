//! What an engine of this machine may give to containers: no more than it has, where it may not raise limits.
//!
//! An engine that itself runs in a container often may not (`CAP_SYS_RESOURCE`), and starts no container that is to have
//! more, such as the 65,535 open files of every task on Fargate.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tokio::net::UnixStream;

use crate::driver::ResourceLimit;

/// The capability's place in `CapEff` of `/proc/PID/status`.
const SYS_RESOURCE: u32 = 24;
/// The limits by our names and by those of `/proc/PID/limits`.
const NAMES: [(&str, &str); 7] = [
    ("nofile", "Max open files"),
    ("nproc", "Max processes"),
    ("memlock", "Max locked memory"),
    ("core", "Max core file size"),
    ("stack", "Max stack size"),
    ("msgqueue", "Max msgqueue size"),
    ("sigpending", "Max pending signals"),
];

/// The hard limits of an engine that may not raise them, by name; empty where it may, or cannot be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineLimits(BTreeMap<&'static str, u64>);

impl EngineLimits {
    /// Those of the process that listens at `socket`.
    pub async fn of(socket: &Path) -> Self {
        let peer = UnixStream::connect(socket).await.and_then(|stream| stream.peer_cred());
        let Some(pid) = peer.ok().and_then(|peer| peer.pid()) else { return Self::default() };
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        Self::parse(&read("status"), &read("limits"))
    }

    fn parse(status: &str, limits: &str) -> Self {
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        if effective.is_none_or(|mask| mask >> SYS_RESOURCE & 1 == 1) {
            return Self::default();
        }
        let hard = |title: &str| {
            let line = limits.lines().find_map(|line| line.strip_prefix(title))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        Self(NAMES.into_iter().filter_map(|(name, title)| Some((name, hard(title)?))).collect())
    }

    /// `limit`, or as much of it as the engine can give.
    pub fn clamp(&self, limit: &ResourceLimit) -> ResourceLimit {
        let most = self.0.get(limit.name.as_str()).copied().unwrap_or(u64::MAX);
        ResourceLimit { name: limit.name.clone(), soft: limit.soft.min(most), hard: limit.hard.min(most) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_may_not_raise_limits_gives_what_it_has() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 20000                files\n\
                      Max processes             unlimited            unlimited            processes\n";
        let limit = |soft, hard| ResourceLimit { name: "nofile".to_owned(), soft, hard };
        let bound = EngineLimits::parse("CapEff:\t000001fffeffffff\n", limits);
        assert_eq!(bound.clamp(&limit(65535, 65535)), limit(20000, 20000));
        assert_eq!(bound.clamp(&limit(10, 20)), limit(10, 20));
        let processes = ResourceLimit { name: "nproc".to_owned(), soft: 5, hard: u64::MAX };
        assert_eq!(bound.clamp(&processes), processes);
        for free in ["CapEff:\t000001ffffffffff\n", "", "CapEff:\tx\n"] {
            assert_eq!(EngineLimits::parse(free, limits), EngineLimits::default(), "{free}");
        }
    }
}
