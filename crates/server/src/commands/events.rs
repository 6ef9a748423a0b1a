//! `runwright events next`: when a rule, a schedule or an expression is next due.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use schedule::Schedule;
use serde_json::json;
use types::Timestamp;

use crate::config::Settings;
use crate::occurrences::{Next, NextQuestion};
use crate::time_options::parse_time;
use crate::upkeep::control;

/// What `runwright events` is told.
#[derive(Args, Debug)]
pub struct EventsArgs {
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Subcommand, Debug)]
enum EventsCommand {
    /// Print the next times of a rule, a schedule or an expression. An expression needs no server.
    Next(NextArgs),
}

#[derive(Args, Debug)]
struct NextArgs {
    /// A rule, a schedule (GROUP/NAME where its group is not the default one), an ARN of either, or an expression such as
    /// "cron(0 2 * * ? *)".
    #[arg(value_name = "RULE|SCHEDULE|EXPRESSION")]
    subject: String,

    /// How many times.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,

    /// Where an expression is read, such as Europe/Berlin [default: UTC].
    #[arg(long, value_name = "TZ")]
    timezone: Option<String>,

    /// After this time [default: now, by the server's clock where one is asked].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<Timestamp>,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    /// Read this configuration file [default: runwright.toml, if there is one].
    #[arg(long, env = "RUNWRIGHT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// The data directory of the running server [default: the platform's data directory].
    #[arg(long, env = "RUNWRIGHT_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// The region of the rule or the schedule [default: the server's].
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// Where there is no such rule, schedule, expression or time zone, and where a server is needed and none answers.
pub async fn events(args: EventsArgs) -> anyhow::Result<ExitCode> {
    let EventsCommand::Next(args) = args.command;
    let next = match args.subject.contains('(') {
        true => of_expression(&args)?,
        false => of_server(&args).await?,
    };
    let zone = time_zone(args.timezone.as_deref().unwrap_or(&next.timezone))?;
    let text = if args.json { as_json(&next, &zone)? } else { lines(&next, &zone) };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    if next.times.is_empty() {
        eprintln!("{} is never due again", next.expression);
    }
    if !next.enabled {
        eprintln!("it is disabled: nothing fires before it is enabled");
    }
    Ok(ExitCode::SUCCESS)
}

fn of_expression(args: &NextArgs) -> anyhow::Result<Next> {
    let timezone = args.timezone.clone().unwrap_or_else(|| "UTC".to_owned());
    let zone = time_zone(&timezone)?;
    let from = args.from.unwrap_or_else(|| clock::Clock::Wall.now());
    // What Scheduler takes is all that rules take, and more.
    let schedule = Schedule::parse_scheduler(&args.subject)?;
    let next = |after: Timestamp| schedule.next_due(after, from, &zone);
    let times = std::iter::successors(next(from), |last| next(*last)).take(args.count as usize).collect();
    Ok(Next { times, timezone, expression: args.subject.clone(), enabled: true })
}

async fn of_server(args: &NextArgs) -> anyhow::Result<Next> {
    let settings =
        Settings { config: args.config.clone(), data_dir: args.data_dir.clone(), ..Settings::default() };
    let question = NextQuestion {
        subject: args.subject.clone(),
        count: args.count as usize,
        after: args.from,
        region: args.region.clone(),
    };
    control::ask_for_next(&settings.decide()?.data_dir, question).await
}

fn time_zone(name: &str) -> anyhow::Result<TimeZone> {
    TimeZone::get(name).map_err(|_| anyhow!("{name:?} is not a time zone such as Europe/Berlin"))
}

/// `2026-10-25T00:30:00Z`, and beside it what clocks in another zone show.
fn lines(next: &Next, zone: &TimeZone) -> String {
    let line = |time: &Timestamp| match local(*time, zone) {
        Some(local) => format!("{}  {local}\n", time.to_iso_seconds()),
        None => format!("{}\n", time.to_iso_seconds()),
    };
    next.times.iter().map(line).collect()
}

fn local(time: Timestamp, zone: &TimeZone) -> Option<String> {
    let local = time.jiff().to_zoned(zone.clone());
    (*zone != TimeZone::UTC).then(|| local.strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string())
}

fn as_json(next: &Next, zone: &TimeZone) -> anyhow::Result<String> {
    let time = |time: &Timestamp| json!({"time": time.to_iso_seconds(), "local": local(*time, zone)});
    let times: Vec<_> = next.times.iter().map(time).collect();
    let value = json!({"expression": next.expression, "timezone": next.timezone, "enabled": next.enabled, "times": times});
    Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_where_they_are_meant() {
        let args = NextArgs {
            subject: "cron(30 2 * * ? *)".to_owned(),
            count: 2,
            timezone: Some("Europe/Berlin".to_owned()),
            from: Some(Timestamp::parse_rfc3339("2026-10-24T12:00:00Z").unwrap()),
            json: false,
            config: None,
            data_dir: None,
            region: None,
        };
        let zone = time_zone("Europe/Berlin").unwrap();
        let text = lines(&of_expression(&args).unwrap(), &zone);
        let wanted = "2026-10-25T00:30:00Z  Sun 2026-10-25 02:30:00 +02:00\n\
                      2026-10-26T01:30:00Z  Mon 2026-10-26 02:30:00 +01:00\n";
        assert_eq!(text, wanted);
        assert!(time_zone("Mars/Olympus").is_err());
    }
}
