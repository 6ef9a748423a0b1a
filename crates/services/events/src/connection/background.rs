//! What happens to connections when nobody asks for it: secrets are made what records say, endpoints are asked for tokens.

use std::sync::Arc;

use super::{authorization, secret};
use crate::limits::{AUTHORIZATIONS_CONCURRENT_MAX, SECRETS_CONCURRENT_MAX};
use crate::{Error, Inner};

/// Looks after connections from now on.
pub(crate) async fn start(inner: &Arc<Inner>) -> Result<(), Error> {
    let secrets = inner.store.timers(secret::QUEUE).await?;
    let (clock, working) = (inner.dispatcher.clock().clone(), Arc::clone(inner));
    tokio::spawn(secrets.serve(clock, SECRETS_CONCURRENT_MAX, move |timer| {
        let inner = Arc::clone(&working);
        async move { inner.settle_secret(&timer).await }
    }));
    let authorizations = inner.store.timers(authorization::QUEUE).await?;
    let (clock, working) = (inner.dispatcher.clock().clone(), Arc::clone(inner));
    tokio::spawn(authorizations.serve(clock, AUTHORIZATIONS_CONCURRENT_MAX, move |timer| {
        let inner = Arc::clone(&working);
        async move { inner.authorize_due(&timer).await }
    }));
    Ok(())
}
