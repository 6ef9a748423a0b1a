//! Waiting between attempts to reach something that fails.

use std::time::Duration;

use clock::Clock;

use crate::limits;

/// Growing waits, a limited number of them.
#[derive(Debug)]
pub struct Delays {
    next: Duration,
    left: u32,
}

impl Delays {
    /// Waits for `attempts` attempts in all.
    pub fn new(attempts: u32) -> Self {
        Self { next: limits::RETRY_DELAY, left: attempts.saturating_sub(1) }
    }

    /// Waits without an end.
    pub fn endless() -> Self {
        Self::new(u32::MAX)
    }

    /// Waits before the next attempt; `false` at once where there is none.
    pub async fn wait(&mut self, clock: &Clock) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        // What fails is outside: it gets well in the machine's time.
        let clock = clock.machine();
        clock.sleep_until(clock.now() + self.next).await;
        self.next = (self.next * 2).min(limits::RETRY_DELAY_MAX);
        true
    }
}
