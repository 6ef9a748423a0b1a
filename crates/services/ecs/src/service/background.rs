//! Has services looked after whenever something about them changes or is due.
//!
//! Services are looked after side by side, each of them once at a time. What is to be done is `keep`'s.

use std::collections::HashMap;

use api::{AwsError, Call, Dispatcher, Principal};
use serde_json::json;
use store::TimerQueue;
use tokio::task::JoinSet;
use types::{AccountId, Region};

use crate::retry::Delays;

/// Has the services of the queue looked after. Dropping the future drops what is under way; the timers stay.
pub async fn run(dispatcher: Dispatcher, mut queue: TimerQueue) {
    // Services that are being looked after, and whether something has happened to them since that began.
    let mut busy: HashMap<String, bool> = HashMap::new();
    let mut under_way: JoinSet<String> = JoinSet::new();
    loop {
        let key = tokio::select! {
            biased;
            Some(ended) = under_way.join_next() => match ended {
                Ok(key) if busy.remove(&key) == Some(true) => key,
                Ok(_) => continue,
                Err(error) => {
                    tracing::error!(%error, "looking after a service ended early");
                    continue;
                }
            },
            timer = queue.next(dispatcher.clock()) => match timer {
                Some(timer) => timer.key,
                None => return,
            },
        };
        match busy.get_mut(&key) {
            Some(again) => *again = true,
            None => {
                busy.insert(key.clone(), false);
                under_way.spawn(look_after(dispatcher.clone(), key));
            }
        }
    }
}

async fn look_after(dispatcher: Dispatcher, key: String) -> String {
    let mut delays = Delays::endless();
    while let Err(error) = keep(&dispatcher, &key).await {
        tracing::error!(%error, service = key, "a service cannot be looked after; trying again");
        delays.wait(dispatcher.clock()).await;
    }
    key
}

async fn keep(dispatcher: &Dispatcher, key: &str) -> Result<(), AwsError> {
    let mut parts = key.split('/');
    let mut part = || parts.next().unwrap_or_default();
    let (account, region) = (AccountId::new(part()), Region::new(part()));
    let call = Call::new(
        Principal::service("ecs.amazonaws.com"),
        &account,
        &region,
        "ecs",
        "internal:KeepService",
        json!({ "cluster": part(), "service": part() }),
    );
    dispatcher.call(call).await.map(drop)
}
