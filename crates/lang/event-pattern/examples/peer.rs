//! Our side of `benches/peers/matching.py`: reads rules and events from files, then answers each line `SECONDS` on
//! standard input with `EVENTS CPU_SECONDS MATCHES_OF_ONE_PASS`, having matched for that long.
//!
//! A rule per line of the first file, an event per line of the second.
#![expect(clippy::print_stdout, reason = "it answers")]

use std::time::{Duration, Instant};

use event_pattern::{EventPattern, Matcher, Scratch};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [rules, events] = paths.as_slice() else { return Err("peer RULES EVENTS".into()) };
    let (rules, events) = (std::fs::read_to_string(rules)?, std::fs::read_to_string(events)?);
    let mut matcher = Matcher::new();
    for (number, rule) in rules.lines().enumerate() {
        matcher.insert(format!("r{number}"), EventPattern::parse(rule)?);
    }
    let events: Vec<&str> = events.lines().collect();
    println!("ready");
    for line in std::io::stdin().lines() {
        let until = Instant::now() + Duration::from_secs_f64(line?.trim().parse()?);
        let before = cpu_seconds()?;
        let mut scratch = Scratch::default();
        let (mut matches, mut matched) = (0, 0);
        // One whole pass at least, so that the matches can be compared; after that the clock decides.
        for event in events.iter().cycle() {
            if matched >= events.len() && matched % 64 == 0 && Instant::now() >= until {
                break;
            }
            let found = matcher.matches_with(event, &mut scratch)?.len();
            matches += if matched < events.len() { found } else { 0 };
            matched += 1;
        }
        println!("{matched} {} {matches}", cpu_seconds()? - before);
    }
    Ok(())
}

/// The CPU time of this thread, which is the only one.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}
