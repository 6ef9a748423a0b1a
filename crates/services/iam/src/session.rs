//! Sessions of roles: temporary credentials, kept until some time after they expire.

use std::time::Duration;

use api::Principal;
use clock::Clock;
use serde::{Deserialize, Serialize};
use store::Batch;
use types::{AccountId, Timestamp};
use wire::Credential;

use crate::directory::Directory;
use crate::error::Error;
use crate::limits::EXPIRED_SESSION_KEPT;

/// The queue of sessions to be forgotten; a timer's key is an access key id.
const QUEUE: &str = "sts-sessions";

/// How long what could not be forgotten rests before it is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// Temporary credentials and what was said when they were asked for.
// No `Debug`: secrets stay out of logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) account: AccountId,
    pub(crate) role_arn: String,
    pub(crate) role_session_name: String,
    /// `ASIA` and 16 characters.
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) expiration: Timestamp,
    /// The inline session policy, for whoever decides what the session may do.
    pub(crate) policy: Option<String>,
    /// Session tags: key and value.
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) transitive_tag_keys: Vec<String>,
    pub(crate) source_identity: Option<String>,
}

impl Session {
    pub(crate) fn principal(&self) -> Principal {
        Principal::role(self.role_arn.as_str(), self.role_session_name.as_str())
    }

    pub(crate) fn credential(self) -> Credential {
        Credential {
            principal: self.principal(),
            secret_access_key: self.secret_access_key,
            session_token: Some(self.session_token),
            expires: Some(self.expiration),
        }
    }
}

impl Directory {
    /// Keeps a session, and sees to it that it is forgotten.
    pub(crate) async fn create_session(&self, session: &Session) -> Result<(), Error> {
        let id = session.access_key_id.as_str();
        let mut batch = Batch::new();
        self.sessions.create(&mut batch, id, session);
        batch.set_timer(QUEUE, id, session.expiration + EXPIRED_SESSION_KEPT, Vec::new());
        self.commit(batch).await
    }

    /// Forgets sessions whose time has come, until the store closes.
    pub(crate) async fn forget_sessions(&self, clock: &Clock) -> Result<(), Error> {
        let mut queue = self.store.timers(QUEUE).await?;
        while let Some(timer) = queue.next(clock).await {
            let mut batch = Batch::new();
            self.sessions.delete(&mut batch, &timer.key);
            batch.clear_timer(QUEUE, timer.key.as_str());
            if let Err(error) = self.commit(batch).await {
                tracing::error!(%error, "a session that has ended is not forgotten yet");
                queue.put_back(timer, clock.now() + PAUSE);
                continue;
            }
            self.known.remove(&timer.key);
        }
        Ok(())
    }
}
