//! What outlives a process: the disk, the clock, containers, services outside, and clients.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use clock::VirtualClock;
use types::Timestamp;

use crate::client::Client;
use crate::containers::Containers;
use crate::disk::Disk;
use crate::door::Ways;
use crate::faults::Faults;
use crate::ledger::Ledger;
use crate::random::Random;
use crate::receiver::Receiver;
use crate::trace::Trace;

/// When every run begins.
const BEGIN_SECONDS: i64 = 1_700_000_000;

/// Everything around the process.
pub struct World {
    /// The seed that everything follows from.
    pub seed: u64,
    /// The time.
    pub clock: VirtualClock,
    /// What is durable.
    pub disk: Arc<Mutex<Disk>>,
    /// How long calls take.
    pub ways: Arc<Ways>,
    /// What tasks call.
    pub receiver: Arc<Receiver>,
    /// What runs containers.
    pub containers: Arc<Containers>,
    /// Who wants something.
    pub clients: Vec<Arc<Client>>,
    /// What they were told.
    pub ledger: Arc<Ledger>,
    /// What happened.
    pub trace: Arc<Trace>,
    /// What goes wrong.
    pub faults: Faults,
    /// Whether everything has been looked at, and only time has to pass until it is forgotten.
    pub is_later: AtomicBool,
}

impl World {
    /// A world in which nothing has happened yet.
    pub fn new(seed: u64, clients: Vec<Client>, faults: Faults, prints: bool) -> Self {
        let clock = VirtualClock::new(Timestamp::from_seconds(BEGIN_SECONDS));
        let trace = Arc::new(Trace::new(clock.clone(), prints));
        let random = Random::new(seed, "ways");
        let ways = Arc::new(Ways::new(random, faults.slow_calls_percent, faults.lost_calls_permille));
        Self {
            receiver: Arc::new(Receiver::new(seed, Arc::clone(&trace))),
            containers: Arc::new(Containers::new(seed, &clock, Arc::clone(&trace), Arc::clone(&ways))),
            clients: clients.into_iter().map(Arc::new).collect(),
            ledger: Arc::new(Ledger::new(Arc::clone(&trace))),
            disk: Arc::default(),
            is_later: AtomicBool::new(false),
            seed,
            clock,
            ways,
            trace,
            faults,
        }
    }
}
