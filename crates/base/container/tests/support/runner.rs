//! A small test runner: these programs are also containers' supervisors, so they cannot use the standard one, whose
//! threads exist before `main` begins.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

/// A test that got stuck fails after this long.
const TIME_MAX: Duration = Duration::from_secs(120);

pub type Test<'a> = (String, Pin<Box<dyn Future<Output = ()> + 'a>>);

/// Runs the tests whose names contain one of the arguments (all of them without any), and says how each went.
pub async fn run(tests: Vec<Test<'_>>) -> ExitCode {
    let filters: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let mut failed = Vec::new();
    let mut count = 0;
    for (name, test) in tests {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
            continue;
        }
        count += 1;
        let begun = Instant::now();
        let result = tokio::time::timeout(TIME_MAX, AssertUnwindSafe(test).catch_unwind()).await;
        let verdict = match result {
            Ok(Ok(())) => "ok",
            Ok(Err(_)) => "FAILED",
            Err(_) => "FAILED (timed out)",
        };
        println!("test {name} ... {verdict} ({} ms)", begun.elapsed().as_millis());
        if verdict != "ok" {
            failed.push(name);
        }
    }
    println!("\n{} of {count} passed; failed: {failed:?}", count - failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
