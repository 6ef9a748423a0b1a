//! Batches a second through both stores, next to what the disk does with a file that is written again and again.
//!
//! A batch is what one transition of an execution writes: a history entry of 1 KiB, a record of 256 bytes, a timer
//! cleared and a timer set. `cargo bench -p store`, with a directory on the disk to measure as its argument.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use store::{Batch, LocalStore, SqliteStore, Store};
use tokio::sync::oneshot;
use types::Timestamp;

const RUN: Duration = Duration::from_secs(4);
/// Length of the file that is written again and again.
const SEGMENT: usize = 16 << 20;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    // Cargo adds `--bench`.
    let parent = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let parent = parent.map_or_else(std::env::temp_dir, PathBuf::from);
    starts(&parent)?;
    println!(
        "{:>7} {:>7} {:>10} {:>6} {:>13} {:>16} {:>13}",
        "writers", "", "batches/s", "ratio", "batches/sync", "p50/p99 ms", "CPU us/batch"
    );
    for writers in [1, 64, 512] {
        let dir = tempfile::tempdir_in(&parent)?;
        let raw = raw(&dir.path().join("raw"), writers)?;
        raw.print(writers, "raw", &raw);
        through(Arc::new(SqliteStore::open(&dir.path().join("sqlite"))?), writers)?
            .print(writers, "sqlite", &raw);
        through(Arc::new(LocalStore::open(&dir.path().join("local"))?), writers)?
            .print(writers, "local", &raw);
    }
    Ok(())
}

/// How long it takes to open a store that is new, and one that was closed.
fn starts(parent: &Path) -> Outcome<()> {
    let dir = tempfile::tempdir_in(parent)?;
    for name in ["first start", "start after a clean end"] {
        let begun = Instant::now();
        let store = LocalStore::open(dir.path())?;
        println!("{name}: {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
        drop(store);
    }
    Ok(())
}

/// What a run measured.
struct Figures {
    elapsed: Duration,
    /// Of each batch.
    latencies: Vec<Duration>,
    syncs: f64,
    /// Of the whole process, clients and the database's thread included.
    cpu: Duration,
}

impl Figures {
    fn print(&self, writers: usize, name: &str, raw: &Self) {
        println!(
            "{writers:>7} {name:>7} {:>10.0} {:>6.2} {:>13.1} {:>8.2}/{:<7.2} {:>13.1}",
            self.per_second(),
            self.per_second() / raw.per_second(),
            self.batches() / self.syncs,
            self.quantile(0.5),
            self.quantile(0.99),
            self.cpu.as_secs_f64() * 1e6 / self.batches(),
        );
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are small")]
    fn batches(&self) -> f64 {
        self.latencies.len() as f64
    }

    fn per_second(&self) -> f64 {
        self.batches() / self.elapsed.as_secs_f64()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    fn quantile(&self, quantile: f64) -> f64 {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        let at = (self.batches() * quantile) as usize;
        latencies.get(at).copied().unwrap_or_default().as_secs_f64() * 1000.0
    }
}

/// The same writers, whose 1.5 KiB go into a file that is there: write what waits, one `fdatasync`, acknowledge.
fn raw(path: &Path, writers: usize) -> Outcome<Figures> {
    let mut file = File::create(path)?;
    file.write_all(&vec![0; SEGMENT])?;
    file.sync_all()?;
    file.rewind()?;
    let (submit, waiting) = mpsc::channel::<oneshot::Sender<u64>>();
    let disk = std::thread::spawn(move || -> std::io::Result<()> {
        let bytes = [7; 1536];
        let mut sync = 0;
        while let Ok(first) = waiting.recv() {
            let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
            if file.stream_position()? as usize + bytes.len() * group.len() > SEGMENT {
                file.rewind()?;
            }
            file.write_all(&bytes.repeat(group.len()))?;
            file.sync_data()?;
            sync += 1;
            for ticket in group {
                // Whoever is gone needs no answer.
                let _ = ticket.send(sync);
            }
        }
        Ok(())
    });
    let figures = run(writers, move |_, _| {
        let (settle, settled) = oneshot::channel();
        let sent = submit.send(settle);
        async move {
            sent?;
            Ok(settled.await?)
        }
    })?;
    disk.join().map_err(|_| "the disk's thread panicked")??;
    Ok(figures)
}

/// Through a store, until everything is where it is to stay.
fn through(store: Arc<dyn Store>, writers: usize) -> Outcome<Figures> {
    run(writers, move |writer, number| {
        let ticket = store.submit(batch(writer, number));
        async move { Ok(ticket.durable().await?.0) }
    })
}

fn batch(writer: usize, number: u64) -> Batch {
    let time = Timestamp::from_millis(number.cast_signed());
    // A hundred transitions make an execution.
    let (execution, sequence) = (format!("execution-{writer}-{}", number / 100), number % 100);
    let mut batch = Batch::new();
    batch.append(execution.as_str(), sequence, time, vec![7; 1024]);
    batch.put("executions", execution.as_str(), vec![7; 256]);
    batch.clear_timer("wakes", format!("{execution}/{}", sequence.wrapping_sub(1)));
    batch.set_timer("wakes", format!("{execution}/{sequence}"), time, vec![7; 64]);
    batch
}

/// Lets `writers` tasks submit one batch after another; `submit` answers the number of the sync that made it durable.
fn run<F: Future<Output = Outcome<u64>> + Send>(
    writers: usize,
    submit: impl Fn(usize, u64) -> F + Clone + Send + 'static,
) -> Outcome<Figures> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (begun, cpu_before) = (Instant::now(), cpu()?);
    let (latencies, syncs) = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..writers {
            let submit = submit.clone();
            tasks.spawn(async move {
                let (mut latencies, mut syncs, mut number) = (Vec::new(), BTreeSet::new(), 0);
                while begun.elapsed() < RUN {
                    let submitted = Instant::now();
                    syncs.insert(submit(writer, number).await?);
                    latencies.push(submitted.elapsed());
                    number += 1;
                }
                Outcome::Ok((latencies, syncs))
            });
        }
        let (mut latencies, mut syncs) = (Vec::new(), BTreeSet::new());
        while let Some(task) = tasks.join_next().await {
            let (of_task, its_syncs) = task??;
            latencies.extend(of_task);
            syncs.extend(its_syncs);
        }
        Outcome::Ok((latencies, syncs))
    })?;
    let syncs = f64::from(u32::try_from(syncs.len())?);
    let elapsed = begun.elapsed();
    // Closes the store, which has to bring the rest into its database: that is part of the price.
    drop(submit);
    let cpu = cpu()?.saturating_sub(cpu_before);
    Ok(Figures { elapsed, latencies, syncs, cpu })
}

/// What this process has used so far, in user and system mode; nothing where the machine does not say.
fn cpu() -> Outcome<Duration> {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return Ok(Duration::ZERO) };
    let (_, fields) = stat.rsplit_once(')').ok_or("no process")?;
    let fields = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Ok(Duration::from_millis(ticks * 10))
}
