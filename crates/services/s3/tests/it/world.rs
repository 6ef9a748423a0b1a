//! The service behind a door, with a store and a folder of its own. The store can die: from then on it takes nothing, as
//! if the process had been killed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use api::{AwsError, Body, Call, Dispatcher, Principal, Reply, Service};
use clock::{Clock, VirtualClock};
use futures_util::future::BoxFuture;
use s3::S3;
use serde_json::Value;
use store::{Batch, Entry, Error, Range, Record, Slice, SqliteStore, Store, Ticket, TimerQueue};
use types::{AccountId, Region, Timestamp};

/// When the clock starts.
pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Where the service keeps things; outlives the service.
pub struct World {
    pub dir: tempfile::TempDir,
    pub clock: VirtualClock,
    store: Arc<SqliteStore>,
}

/// The service from a start to a kill.
pub struct Process {
    pub store: Arc<Mortal>,
    pub s3: S3,
    dispatcher: Dispatcher,
}

impl World {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("store")).unwrap());
        Self { dir, clock: VirtualClock::new(START), store }
    }

    pub async fn process(&self) -> Process {
        self.process_with(usize::MAX).await
    }

    /// A process that is killed before its store has taken one batch more than that.
    pub async fn process_with(&self, batches: usize) -> Process {
        let store = Arc::new(Mortal { store: Arc::clone(&self.store), left: AtomicUsize::new(batches) });
        let dispatcher = Dispatcher::new(Clock::Virtual(self.clock.clone()));
        let s3 = S3::new(Arc::clone(&store) as _, &self.objects());
        s3.start().await.unwrap();
        dispatcher.install([Arc::new(s3.clone()) as Arc<dyn Service>]);
        Process { store, s3, dispatcher }
    }

    fn objects(&self) -> std::path::PathBuf {
        self.dir.path().join("objects")
    }

    /// How many files there are beside the store.
    pub fn files(&self) -> usize {
        count_files(&self.objects())
    }
}

fn count_files(folder: &Path) -> usize {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { count_files(&path) } else { 1 })
        .sum()
}

impl Process {
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, AwsError> {
        Ok(self.stream(operation, input, None).await?.output)
    }

    pub async fn stream(&self, operation: &str, input: Value, body: Option<Body>) -> Result<Reply, AwsError> {
        self.call_in("us-east-1", "000000000000", operation, input, body).await
    }

    pub async fn call_in(
        &self,
        region: &str,
        account: &str,
        operation: &str,
        input: Value,
        body: Option<Body>,
    ) -> Result<Reply, AwsError> {
        let account = AccountId::new(account);
        let principal = Principal::Root { account: account.clone() };
        let call = Call::new(principal, &account, &Region::new(region), "s3", operation, input);
        self.dispatcher.call_streaming(call, body).await
    }

    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<Value, AwsError> {
        let input = serde_json::json!({"Bucket": "bucket", "Key": key});
        Ok(self.stream("PutObject", input, Some(bytes.into())).await?.output)
    }

    /// The bytes of an object; `None` where there is none.
    pub async fn get(&self, key: &str, version_id: Option<&str>) -> Option<Vec<u8>> {
        let input = serde_json::json!({"Bucket": "bucket", "Key": key, "VersionId": version_id});
        let reply = self.stream("GetObject", input, None).await.ok()?;
        Some(reply.body.unwrap().collect(u64::MAX).await.unwrap().to_vec())
    }
}

/// A store that takes so many batches and then no more.
pub struct Mortal {
    store: Arc<SqliteStore>,
    left: AtomicUsize,
}

impl Mortal {
    pub fn is_dead(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

impl Store for Mortal {
    fn submit(&self, batch: Batch) -> Ticket {
        let lives = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lives).is_ok() {
            return self.store.submit(batch);
        }
        let (settle, ticket) = Ticket::new();
        let _ = settle.send(Err(Error::unavailable("killed")));
        ticket
    }

    fn get<'a>(&'a self, table: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        self.store.get(table, key)
    }

    fn list<'a>(&'a self, table: &'a str, range: Range<'a>) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        self.store.list(table, range)
    }

    fn read<'a>(&'a self, log: &'a str, slice: Slice) -> BoxFuture<'a, Result<Vec<Entry>, Error>> {
        self.store.read(log, slice)
    }

    fn timers(&self, queue: &'static str) -> BoxFuture<'_, Result<TimerQueue, Error>> {
        self.store.timers(queue)
    }
}
