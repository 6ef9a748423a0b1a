//! Measures a queue of timers: memory of each, time to set and to take, how late they come, and what waiting costs.
//!
//! `cargo run --release -p store --example timers -- [timers]`

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a measurement")]

use std::time::{Duration, Instant};

use clock::Clock;
use store::{Timer, TimerChange, TimerQueue};
use tokio::sync::mpsc;
use types::Timestamp;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let timers = std::env::args().nth(1).map_or(100_000, |text| text.parse().unwrap());
    memory_and_cost(timers);
    waiting(timers).await;
    lateness(timers).await;
}

/// A timer as one of an execution that waits.
fn timer(number: usize, due: Timestamp) -> Timer {
    // Numbers are spread, so that keys are not in the order of their times.
    let name = format!("{:032x}", (number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    Timer {
        key: format!("arn:aws:states:us-east-1:000000000000:execution:machine:{name}#7"),
        due,
        payload: Vec::new(),
    }
}

fn queue() -> (mpsc::UnboundedSender<TimerChange>, TimerQueue) {
    let (sender, changes) = mpsc::unbounded_channel();
    (sender, TimerQueue::new([], changes))
}

fn memory_and_cost(timers: usize) {
    let (_sender, changes) = mpsc::unbounded_channel();
    let before = resident_bytes();
    let began = cpu();
    let mut queue = TimerQueue::new(
        (0..timers).map(|number| timer(number, Timestamp::from_millis(number as i64))),
        changes,
    );
    let set = cpu() - began;
    let bytes = resident_bytes().saturating_sub(before);
    let began = cpu();
    while queue.next_due(Timestamp::MAX).is_some() {}
    let taken = cpu() - began;
    let each = |cost: Duration| cost.as_secs_f64() * 1e6 / timers as f64;
    println!("{timers} timers with keys of {} bytes", timer(0, Timestamp::MAX).key.len());
    println!("memory            {:>8.0} bytes each", bytes as f64 / timers as f64);
    println!("set (made too)    {:>8.2} us of CPU each", each(set));
    println!("take              {:>8.2} us of CPU each", each(taken));
}

/// Lets timers wait for an hour that does not pass.
async fn waiting(timers: usize) {
    let (sender, mut queue) = queue();
    let due = Clock::Wall.now() + Duration::from_secs(3600);
    for number in 0..timers {
        sender.send(TimerChange::Set(timer(number, due))).unwrap();
    }
    assert!(queue.next_due(Clock::Wall.now()).is_none());
    let (began, seconds) = (cpu(), 5);
    tokio::select! {
        _ = queue.next(&Clock::Wall) => unreachable!("nothing is due"),
        () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
    }
    let used = (cpu() - began).as_secs_f64() * 1000.0 / seconds as f64;
    println!("waiting           {used:>8.2} ms of CPU in a second");
}

/// Lets timers come over ten seconds.
async fn lateness(timers: usize) {
    let (sender, mut queue) = queue();
    let start = Clock::Wall.now() + Duration::from_secs(1);
    for number in 0..timers {
        let due = start + Duration::from_millis((number * 10_000 / timers) as u64);
        sender.send(TimerChange::Set(timer(number, due))).unwrap();
    }
    let (mut late, mut last) = (Vec::with_capacity(timers), Timestamp::MIN);
    let (began, used) = (Instant::now(), cpu());
    for _ in 0..timers {
        let timer = queue.next(&Clock::Wall).await.unwrap();
        assert!(timer.due >= last, "out of order");
        last = timer.due;
        late.push(Clock::Wall.now().since(timer.due));
    }
    late.sort_unstable();
    let at = |part: f64| late[((late.len() - 1) as f64 * part) as usize].as_millis();
    println!(
        "{timers} over ten seconds: late by p50 {} ms, p99 {} ms, at most {} ms; {:.0} ms of CPU in {:.1} s",
        at(0.5),
        at(0.99),
        at(1.0),
        (cpu() - used).as_secs_f64() * 1000.0,
        began.elapsed().as_secs_f64(),
    );
}

/// CPU that this process has used.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
