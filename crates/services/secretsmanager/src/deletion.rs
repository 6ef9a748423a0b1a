//! DeleteSecret and RestoreSecret: a secret's last days.

use std::time::Duration;

use api::Context;
use store::Batch;
use types::Timestamp;

use crate::generated::types as model;
use crate::limits::{CONFLICTS_MAX, RECOVERY_WINDOW_DAYS, RECOVERY_WINDOW_DAYS_DEFAULT, STORE_PAUSE};
use crate::secret::{Deletion, Secret, VALUES_TABLE};
use crate::{Error, Inner, names};

/// A timer per secret that is to end, under the secret's key.
pub const QUEUE: &str = "secretsmanager/deletion";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Inner {
    pub(crate) async fn delete(
        &self,
        cx: &Context,
        input: model::DeleteSecretInput,
    ) -> Result<model::DeleteSecretOutput, Error> {
        let window = window(&input)?;
        for _ in 0..CONFLICTS_MAX {
            let seen = match self.secret(cx, &input.secret_id).await {
                // Deleting at once what is gone already is no error.
                Err(Error::NotFound) if window.is_none() => return Ok(never_was(cx, &input.secret_id)),
                seen => seen?,
            };
            seen.value.refuse_unless_owner(cx)?;
            let due = cx.now + window.unwrap_or_default();
            let mut batch = Batch::new();
            match window {
                None => {
                    batch.require_version(crate::secret::TABLE, seen.key.as_str(), seen.version);
                    self.end(&mut batch, &seen.key);
                }
                Some(_) if seen.value.deletion.is_some() => return Err(Error::MarkedForDeletion),
                Some(_) => {
                    let deletion = Some(Deletion { decided: cx.now, due });
                    self.secrets.replace(&mut batch, &seen, &Secret { deletion, ..seen.value.clone() });
                    batch.set_timer(QUEUE, seen.key.as_str(), due, Vec::new());
                }
            }
            match self.store.submit(batch).durable().await {
                Err(store::Error::Conflict { .. }) => continue,
                submitted => submitted?,
            };
            return Ok(model::DeleteSecretOutput {
                arn: Some(seen.value.arn),
                name: Some(seen.value.name),
                deletion_date: Some(due),
            });
        }
        Err(Error::Concurrent)
    }

    pub(crate) async fn restore(
        &self,
        cx: &Context,
        secret_id: &str,
    ) -> Result<model::RestoreSecretOutput, Error> {
        for _ in 0..CONFLICTS_MAX {
            let seen = self.secret(cx, secret_id).await?;
            seen.value.refuse_unless_owner(cx)?;
            let mut batch = Batch::new();
            self.secrets.replace(&mut batch, &seen, &Secret { deletion: None, ..seen.value.clone() });
            batch.clear_timer(QUEUE, seen.key.as_str());
            match self.store.submit(batch).durable().await {
                Err(store::Error::Conflict { .. }) => continue,
                submitted => submitted?,
            };
            return Ok(model::RestoreSecretOutput { arn: Some(seen.value.arn), name: Some(seen.value.name) });
        }
        Err(Error::Concurrent)
    }

    /// Deletes a secret whose recovery window has ended, as often as the store has to be asked for that.
    pub(crate) async fn end_recovery_window(&self, key: &str) {
        let clock = self.dispatcher.clock();
        while let Err(error) = self.try_end(key, clock.now()).await {
            tracing::error!(%error, "a secret whose recovery window has ended cannot be deleted");
            if matches!(error, Error::Store(store::Error::Malformed { .. })) {
                return;
            }
            clock.sleep_until(clock.now() + STORE_PAUSE).await;
        }
    }

    async fn try_end(&self, key: &str, now: Timestamp) -> Result<(), Error> {
        let Some(seen) = self.secrets.get(key).await? else {
            let mut batch = Batch::new();
            batch.clear_timer(QUEUE, key);
            self.store.submit(batch).durable().await?;
            return Ok(());
        };
        if seen.value.deletion.is_none_or(|deletion| deletion.due > now) {
            // Restored meanwhile, or deleted anew: then another timer was set.
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.require_version(crate::secret::TABLE, key, seen.version);
        self.end(&mut batch, key);
        self.store.submit(batch).durable().await?;
        Ok(())
    }

    /// Adds to a batch: the end of a secret, with everything that is kept of it.
    fn end(&self, batch: &mut Batch, key: &str) {
        self.secrets.delete(batch, key);
        batch.delete_prefix(VALUES_TABLE, names::values_prefix(key));
        batch.clear_timer(QUEUE, key);
    }
}

/// For how long the secret can be restored; `None`: not at all.
fn window(input: &model::DeleteSecretInput) -> Result<Option<Duration>, Error> {
    let force = input.force_delete_without_recovery == Some(true);
    let invalid = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
    match input.recovery_window_in_days {
        Some(_) if force => {
            invalid("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
        }
        Some(days) if !RECOVERY_WINDOW_DAYS.contains(&days) => {
            invalid("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
        }
        None if force => Ok(None),
        days => {
            let days = days.unwrap_or(RECOVERY_WINDOW_DAYS_DEFAULT);
            Ok(Some(DAY * u32::try_from(days).unwrap_or_default()))
        }
    }
}

fn never_was(cx: &Context, secret_id: &str) -> model::DeleteSecretOutput {
    let candidates = names::candidates(cx, secret_id);
    let name = candidates.into_iter().next().map_or_else(|| secret_id.to_owned(), |(name, _)| name);
    let arn = match secret_id.starts_with("arn:") {
        true => secret_id.to_owned(),
        false => names::new_arn(cx, &name),
    };
    model::DeleteSecretOutput { arn: Some(arn), name: Some(name), deletion_date: Some(cx.now) }
}
