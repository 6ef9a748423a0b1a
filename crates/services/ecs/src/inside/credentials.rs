//! Credentials of task roles: sessions that STS makes for ECS, kept as long as they are fresh.
//!
//! They are kept in memory only. After a restart a task that asks gets a session made anew; what was handed out before goes
//! on to be accepted until it expires, for STS keeps sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::{AwsError, Call, Dispatcher, Fault, Principal};
use clock::Clock;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Mutex as AsyncMutex;
use types::{AccountId, Arn, Region, Timestamp};

use super::TaskRole;
use crate::error::Error;
use crate::limits;
use crate::task::Task;

/// The sessions of the roles of tasks.
pub struct TaskRoles {
    dispatcher: Dispatcher,
    /// By the task's key. A session that is being made is waited for, not made twice.
    sessions: Mutex<HashMap<String, Arc<AsyncMutex<Option<Session>>>>>,
}

/// Temporary credentials.
// No `Debug`: secrets stay out of logs.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Session {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: Timestamp,
}

/// What STS answers, as far as it counts here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed {
    credentials: Session,
}

/// Credentials as containers are given them.
///
/// Source: Amazon ECS container agent, `IAMRoleCredentials`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialsDocument<'a> {
    role_arn: &'a str,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: String,
}

impl TaskRoles {
    /// No sessions yet.
    pub fn new(dispatcher: Dispatcher) -> Self {
        Self { dispatcher, sessions: Mutex::default() }
    }

    /// The clock that sessions are timed by.
    pub fn clock(&self) -> Clock {
        self.dispatcher.clock().machine()
    }

    /// Assumes the roles of tasks that are about to be recorded.
    ///
    /// # Errors
    /// [`Error::RoleNotAssumed`], [`Error::Sts`].
    pub async fn assume_all(&self, tasks: &[Task]) -> Result<(), Error> {
        let assumed = futures_util::future::join_all(tasks.iter().map(|task| self.assume(task))).await;
        assumed.into_iter().collect()
    }

    async fn assume(&self, task: &Task) -> Result<(), Error> {
        let Some(role) = &task.task_role else { return Ok(()) };
        match self.current(task, role).await {
            Ok(_) => Ok(()),
            Err(error) if error.fault() == Fault::Sender => {
                tracing::info!(%error, role = role.arn, "the role of a task cannot be assumed");
                Err(Error::RoleNotAssumed(role.arn.clone()))
            }
            Err(error) => Err(Error::Sts(error)),
        }
    }

    /// The credentials of a task's role as JSON.
    ///
    /// # Errors
    /// Why the role cannot be assumed, where there is no session that is still accepted.
    pub async fn document(&self, task: &Task, role: &TaskRole) -> Result<String, AwsError> {
        let session = self.current(task, role).await?;
        let document = CredentialsDocument {
            role_arn: &role.arn,
            access_key_id: &session.access_key_id,
            secret_access_key: &session.secret_access_key,
            token: &session.session_token,
            expiration: session.expiration.to_iso_seconds(),
        };
        serde_json::to_string(&document).map_err(|error| AwsError::internal("ServerException", &error))
    }

    /// Forgets the session of a task that has ended. What was handed out is accepted until it expires, as on AWS.
    pub fn forget(&self, key: &str) {
        self.slots().remove(key);
    }

    /// The session of a task's role: the one there is while it is fresh, else a new one.
    async fn current(&self, task: &Task, role: &TaskRole) -> Result<Session, AwsError> {
        let slot = self.slot(task.key());
        let mut slot = slot.lock().await;
        let left = |session: &Session| session.expiration.since(self.clock().now());
        if let Some(session) = slot.as_ref().filter(|one| left(one) > limits::ROLE_SESSION_RENEWED_BEFORE) {
            return Ok(session.clone());
        }
        match self.new_session(task, role).await {
            Ok(session) => Ok(slot.insert(session).clone()),
            Err(error) => match slot.as_ref().filter(|one| !left(one).is_zero()) {
                Some(session) => {
                    tracing::warn!(%error, task = task.arn, "the credentials of a task cannot be renewed");
                    Ok(session.clone())
                }
                None => Err(error),
            },
        }
    }

    async fn new_session(&self, task: &Task, role: &TaskRole) -> Result<Session, AwsError> {
        let account = role.arn.parse::<Arn>().map_or_else(|_| task.account.clone(), |arn| arn.account);
        let call = Call::new(
            Principal::service("ecs-tasks.amazonaws.com"),
            &AccountId::new(account),
            &Region::new(task.region.as_str()),
            "sts",
            "AssumeRole",
            json!({
                "RoleArn": role.arn,
                "RoleSessionName": task.id,
                "DurationSeconds": limits::ROLE_SESSION.as_secs(),
            }),
        );
        let answer = self.dispatcher.call(call).await?;
        let assumed: Assumed =
            serde_json::from_value(answer).map_err(|error| AwsError::internal("ServerException", &error))?;
        Ok(assumed.credentials)
    }

    /// The place of a task's session. Now and then those that have expired are forgotten: a task that was not recorded after
    /// its role had been assumed does not end.
    fn slot(&self, key: String) -> Arc<AsyncMutex<Option<Session>>> {
        let mut slots = self.slots();
        if slots.len() == slots.capacity() {
            let now = self.clock().now();
            let expired = |session: &Session| session.expiration <= now;
            slots.retain(|_, slot| !slot.try_lock().is_ok_and(|slot| slot.as_ref().is_none_or(expired)));
        }
        Arc::clone(slots.entry(key).or_default())
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<AsyncMutex<Option<Session>>>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
