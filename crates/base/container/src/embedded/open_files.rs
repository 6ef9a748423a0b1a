//! How many files this process may have open: each running container takes some of its server's.
//!
//! A shell gives 1024 by default, and lets the process have more if it asks. Containers get what this process was given:
//! programs exist that go through all the descriptors that they could have, or cannot use those above 1024.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::doctor::Check;
use crate::driver::{DriverKind, ResourceLimit};

/// What this process was started with.
static GIVEN: OnceLock<ResourceLimit> = OnceLock::new();
/// Files that the server has open for a running task, with what its clients need: measured, and rounded up.
const FILES_PER_TASK: u64 = 8;

/// Asks for as many open files as this process may have.
pub fn raise() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    GIVEN.get_or_init(|| ResourceLimit { name: "nofile".to_owned(), soft, hard });
    if soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(%error, "the limit on open files stays at {soft}");
    }
}

/// The limit of a container whose specification has none, where ours is not what this process was given.
pub fn of_containers() -> Option<ResourceLimit> {
    GIVEN.get().filter(|given| given.soft < given.hard).cloned()
}

/// Says how many there are.
pub fn check() -> Check {
    let found = match (getrlimit(Resource::RLIMIT_NOFILE), GIVEN.get()) {
        (Ok((soft, _)), Some(given)) if given.soft != soft => {
            format!("{soft} (raised from {}), for about {} running tasks", given.soft, soft / FILES_PER_TASK)
        }
        (Ok((soft, _)), _) => format!("{soft}, for about {} running tasks", soft / FILES_PER_TASK),
        (Err(error), _) => error.to_string(),
    };
    Check { driver: DriverKind::Embedded, name: "open files", ok: true, found, advice: "" }
}
