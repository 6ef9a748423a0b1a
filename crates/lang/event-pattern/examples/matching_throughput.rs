//! Events per second of one thread: events of 900 bytes, read and matched against five rules of each kind.
//!
//! `cargo run --release -p event-pattern --example matching_throughput`
#![expect(clippy::print_stdout, reason = "it reports")]

use std::time::Instant;

use event_pattern::{Event, EventPattern, Matcher, Scratch};

const EVENTS: usize = 50_000;

fn event(number: usize) -> String {
    let points: Vec<String> = (0..11)
        .map(|point| {
            format!("[-122.42200352825{:03},37.80848009696{:03},0]", (number + point) % 1000, number % 997)
        })
        .collect();
    format!(
        r#"{{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-{number:012}","detail-type":"type-{}","source":"source-{}","account":"123456789012","time":"2026-11-20T00:00:00Z","region":"eu-central-1","resources":["arn:aws:ec2:eu-central-1:123456789012:instance/i-{number:08}"],"detail":{{"state":"running","lot":"{}","street":"STREET {} AVE","odd":"O","count":{},"block":{{"number":"{:04}","from":"{}","to":"{}"}},"geometry":{{"type":"Polygon","coordinates":[{}]}}}}}}"#,
        number % 20,
        number % 10,
        number % 1000,
        number % 300,
        number % 5000,
        number % 10_000,
        number % 900,
        number % 800,
        points.join(",")
    )
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let events: Vec<String> = (0..EVENTS).map(event).collect();
    let bytes: usize = events.iter().map(String::len).sum();
    println!("{} bytes per event", bytes / EVENTS);
    let rate = |label: &str, mut work: Box<dyn FnMut(&str) -> usize>| {
        let mut best = f64::MAX;
        let mut found = 0;
        for _ in 0..4 {
            let start = Instant::now();
            found = events.iter().map(|event| work(event)).sum();
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!("{label:20} {:>9} events/s, {found} matches", (EVENTS as f64 / best).round());
    };
    rate("read only", Box::new(|event| usize::from(Event::parse(event).is_err())));
    let kinds = [
        ("exact", r#"{"detail":{"lot":["N"]}}"#),
        ("indexed", r#"{"source":["source-N"],"detail-type":["type-N"]}"#),
        ("prefix", r#"{"detail":{"street":[{"prefix":"STREET N"}]}}"#),
        ("suffix", r#"{"detail":{"street":[{"suffix":"N AVE"}]}}"#),
        ("equals-ignore-case", r#"{"detail":{"street":[{"equals-ignore-case":"street N ave"}]}}"#),
        ("wildcard", r#"{"detail":{"street":[{"wildcard":"S*N*E"}]}}"#),
        ("numeric", r#"{"detail":{"count":[{"numeric":[">",N,"<",4000]}]}}"#),
        ("anything-but", r#"{"detail":{"lot":[{"anything-but":["N"]}]}}"#),
        ("arrays", r#"{"detail":{"geometry":{"type":["Polygon"],"coordinates":[{"numeric":["=",N]}]}}}"#),
    ];
    for (label, pattern) in kinds {
        let mut matcher = Matcher::new();
        let mut scratch = Scratch::default();
        for number in 1..=5 {
            matcher.insert(number, EventPattern::parse(&pattern.replace('N', &number.to_string()))?);
        }
        rate(
            label,
            Box::new(move |event| matcher.matches_with(event, &mut scratch).map_or(0, |rules| rules.len())),
        );
    }
    Ok(())
}
