//! What queues forget in time: messages that were kept for as long as the queue says, and ids that meant something for
//! five minutes.

use store::Batch;
use types::Timestamp;

use crate::queue::QueueKey;
use crate::send::UPKEEP;
use crate::{Error, Inner};

impl Inner {
    /// Lets the queue with that key forget what it is to forget now, and sets the timer of the next time.
    pub(crate) async fn forget(&self, key: &str, now: Timestamp) -> Result<(), Error> {
        let mut parts = key.splitn(3, '/').map(str::to_owned);
        let (Some(account), Some(region), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Ok(());
        };
        let queue_key = QueueKey { account, region, name };
        loop {
            let forgotten = self
                .queues
                .with(&queue_key, |queue| {
                    let mut batch = Batch::new();
                    queue.expire(now, &mut batch);
                    let has_more = queue.next_expiry().is_some_and(|due| due < now);
                    queue.has_upkeep = has_more;
                    if queue.next_expiry().is_none() {
                        batch.clear_timer(UPKEEP, key);
                    } else {
                        queue.keep_up(now, &mut batch);
                    }
                    Ok((has_more, self.queues.store.submit(batch)))
                })
                .await;
            let (has_more, ticket) = match forgotten {
                Err(Error::QueueDoesNotExist) => return Ok(()),
                other => other?,
            };
            self.queues.settle(ticket, &[&queue_key]).await?;
            if !has_more {
                return Ok(());
            }
        }
    }
}
