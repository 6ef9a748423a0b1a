//! Virtual time: a server whose clock stands until somebody moves it (`serve --clock virtual`, `runwright clock`).
//!
//! The clock is moved from one time at which something is due to the next. At each, everything that is due is let come to
//! rest before the clock goes on (`advance`); what that means is read from the store (`ledger`). What happened is heard at
//! the door (`listener`). The time is kept in the store and never goes back (`kept`). ADR 34.

mod advance;
mod happening;
mod kept;
mod ledger;
mod listener;
pub mod over_http;
pub mod session;

use std::collections::HashSet;
use std::sync::Arc;

use api::{Dispatcher, Service};
use clock::{Clock, VirtualClock};
use store::Store;
use types::Timestamp;

pub use advance::{Advance, Moved, To};
pub use happening::{Happening, duration};
pub use kept::{forget, take_up};
use ledger::Ledger;
use listener::{Heard, Listener};

/// The clock that is moved by hand, and what has to be known to move it.
pub struct VirtualTime {
    clock: VirtualClock,
    ledger: Arc<Ledger>,
    heard: Heard,
    /// What was waited for long enough: a container that runs for ever is waited for once.
    left_alone: tokio::sync::Mutex<Names>,
}

type Names = HashSet<ledger::TimerName>;

impl VirtualTime {
    /// Virtual time from `start` on, for services on [`Self::store`].
    pub fn new(store: Arc<dyn Store>, start: Timestamp) -> Self {
        Self {
            clock: VirtualClock::beside_the_machine(start),
            ledger: Arc::new(Ledger::new(store)),
            heard: Heard::default(),
            left_alone: tokio::sync::Mutex::default(),
        }
    }

    /// The store that services are to have.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.ledger) as _
    }

    /// The clock that services are to have.
    pub fn clock(&self) -> Clock {
        Clock::Virtual(self.clock.clone())
    }

    /// The service `events`, heard.
    pub fn listen(&self, events: Arc<dyn Service>) -> Arc<dyn Service> {
        Arc::new(Listener::new(events, self.heard.clone()))
    }

    /// Hears what becomes of schedules.
    pub fn watch(&self, dispatcher: &Dispatcher) {
        let heard = self.heard.clone();
        dispatcher.watch(move |occurrence| heard.occurrence(occurrence));
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        Clock::Virtual(self.clock.clone()).now()
    }
}
