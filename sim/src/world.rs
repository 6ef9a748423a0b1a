//! What outlives a process: the disk, the clock, containers, services outside, and clients.

use std::sync::{Arc, Mutex};

use clock::VirtualClock;
use types::Timestamp;

use crate::client::Client;
use crate::containers::Containers;
use crate::disk::Disk;
use crate::door::Delays;
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
    pub delays: Arc<Delays>,
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
}

impl World {
    /// A world in which nothing has happened yet; so many calls in a hundred take their time.
    pub fn new(seed: u64, clients: Vec<Client>, slow_calls_percent: u64, prints: bool) -> Self {
        let clock = VirtualClock::new(Timestamp::from_seconds(BEGIN_SECONDS));
        let trace = Arc::new(Trace::new(clock.clone(), prints));
        let delays = Arc::new(Delays::new(Random::new(seed, "delays"), slow_calls_percent));
        Self {
            receiver: Arc::new(Receiver::new(seed, Arc::clone(&trace))),
            containers: Arc::new(Containers::new(seed, &clock, Arc::clone(&trace), Arc::clone(&delays))),
            clients: clients.into_iter().map(Arc::new).collect(),
            ledger: Arc::new(Ledger::new(Arc::clone(&trace))),
            disk: Arc::default(),
            seed,
            clock,
            delays,
            trace,
        }
    }
}
