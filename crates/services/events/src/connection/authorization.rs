//! Authorizes OAuth connections when they are made or changed: asks their endpoints for a token, keeps what came of it.
//!
//! A connection is `AUTHORIZING` until then. An endpoint that cannot be reached is asked some times; one that refuses,
//! once. How a token is asked for and used is `token`'s.

use serde::{Deserialize, Serialize};
use store::{Batch, Timer};
use types::Timestamp;

use crate::connection::{Connection, NoteAuthorization};
use crate::limits::{AUTHORIZATION_ATTEMPTS_MAX, AUTHORIZATION_PAUSE, STORE_PAUSE};
use crate::{Error, Inner};

/// A timer per connection that is to be authorized, under the connection's key.
pub(super) const QUEUE: &str = "events/connection-authorization";

/// What the timer of a connection says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Wanted {
    /// Another connection may have taken the name since.
    connection_arn: String,
    /// Attempts that have failed.
    failed_attempts: u32,
}

/// Adds to a batch: a connection that has new parameters is authorized. Whoever made it sees it `AUTHORIZING` first.
pub(crate) fn begin(batch: &mut Batch, key: &str, connection: &Connection, now: Timestamp) {
    if connection.is_authorizing() {
        let wanted = Wanted { connection_arn: connection.arn().to_owned(), failed_attempts: 0 };
        set_timer(batch, key, &wanted, now);
    } else {
        end(batch, key);
    }
}

/// Adds to a batch: nothing is to be authorized any more.
pub(crate) fn end(batch: &mut Batch, key: &str) {
    batch.clear_timer(QUEUE, key);
}

fn set_timer(batch: &mut Batch, key: &str, wanted: &Wanted, now: Timestamp) {
    let due = now + AUTHORIZATION_PAUSE.saturating_mul(1 << wanted.failed_attempts.min(8));
    // Plain data with text keys: it cannot fail to be written.
    batch.set_timer(QUEUE, key, due, serde_json::to_vec(wanted).unwrap_or_default());
}

impl Inner {
    /// Makes an attempt, and keeps what came of it as often as the store has to be asked for that.
    pub(super) async fn authorize_due(&self, timer: &Timer) {
        let Ok(wanted) = serde_json::from_slice::<Wanted>(&timer.payload) else {
            tracing::error!(connection = timer.key, "the timer of a connection cannot be read");
            return;
        };
        let clock = self.dispatcher.clock();
        while let Err(error) = self.authorize_once(&timer.key, &wanted).await {
            // Somebody has changed the connection meanwhile: it is looked at again.
            if matches!(error, Error::Concurrent(_)) {
                continue;
            }
            tracing::error!(connection = timer.key, %error, "a connection could not be authorized");
            if !error.may_pass() {
                return;
            }
            clock.sleep_until(clock.now() + STORE_PAUSE).await;
        }
    }

    async fn authorize_once(&self, key: &str, wanted: &Wanted) -> Result<(), Error> {
        let mut batch = Batch::new();
        let seen = self.connections.get(key).await?;
        let is_wanted = |connection: &Connection| {
            connection.arn() == wanted.connection_arn && connection.is_authorizing()
        };
        match seen.filter(|seen| is_wanted(&seen.value)) {
            Some(seen) => {
                let answer = self.fetch_token(&seen.value).await?;
                let now = self.dispatcher.clock().now();
                let failed_attempts = wanted.failed_attempts.saturating_add(1);
                match answer {
                    Err(refusal) if refusal.may_pass && failed_attempts < AUTHORIZATION_ATTEMPTS_MAX => {
                        set_timer(&mut batch, key, &Wanted { failed_attempts, ..wanted.clone() }, now);
                    }
                    answer => {
                        let failure = answer.err().map(|refusal| refusal.reason);
                        let note =
                            NoteAuthorization { connection_arn: wanted.connection_arn.clone(), failure };
                        self.connections.replace(&mut batch, &seen, &seen.value.clone().noted(note, now));
                        end(&mut batch, key);
                    }
                }
            }
            None => end(&mut batch, key),
        }
        self.store.submit(batch).durable().await?;
        Ok(())
    }
}
