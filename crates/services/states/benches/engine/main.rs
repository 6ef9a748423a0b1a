//! What the engine does without HTTP: durable state transitions a second, and what one of them costs.
//!
//! `cargo bench -p states`, and after `--`: a directory on the disk to measure (default: that of temporary files),
//! `--million` for a store with a million finished executions, `--quick` for a look, and names of parts (`scenarios`,
//! `finished`, `history`; default: all).
//!
//! The callers are tasks of the same process that call through the door, as an HTTP request does after it was read; what
//! they cost is counted with the rest. An answer comes when the execution is on disk. Beside every row, measured right
//! before it: the syncs a second of a loop that appends and syncs on the same disk.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod curves;
mod engine;
mod raw;
mod scenarios;

use std::error::Error;
use std::path::PathBuf;

/// What everything here may fail with.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What was asked for.
struct Options {
    /// On the disk to measure.
    parent: PathBuf,
    /// Also a store with a million finished executions.
    million: bool,
    /// A tenth of everything.
    quick: bool,
    parts: Vec<String>,
}

impl Options {
    fn read() -> Self {
        let (flags, words): (Vec<_>, Vec<_>) =
            std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
        let (parts, dirs): (Vec<_>, Vec<_>) =
            words.into_iter().partition(|word| ["scenarios", "finished", "history"].contains(&word.as_str()));
        let has = |name: &str| flags.iter().any(|flag| flag == name);
        Self {
            parent: dirs.first().map_or_else(std::env::temp_dir, PathBuf::from),
            million: has("--million"),
            quick: has("--quick"),
            parts,
        }
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}

fn main() -> Outcome<()> {
    let options = Options::read();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    println!("{cpus} CPUs, load {} · disk of {}", load.join(" "), options.parent.display());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if options.wants("scenarios") {
            scenarios::print(&options).await?;
        }
        if options.wants("finished") {
            curves::print_finished(&options).await?;
        }
        if options.wants("history") {
            curves::print_history(&options).await?;
        }
        Ok(())
    })
}
