//! How a run looks: lines for people, JSON for programs.

use std::fmt::Write as _;
use std::io::{Write as _, stdout};

use types::Timestamp;

use super::OutputFormat;
use super::happening::{Happening, Outcome};
use super::stopped;
use crate::palette::Palette;

/// Writes what happens to standard output, a line or a few at a time.
pub struct Show {
    format: OutputFormat,
    text: Text,
}

impl Show {
    /// Shows in `format`; colours only where standard output is a terminal and `NO_COLOR` is not set.
    pub fn new(format: OutputFormat) -> Self {
        Self { format, text: Text::new(Palette::of_stdout()) }
    }

    /// Shows one thing that happened.
    pub fn tell(&mut self, happening: &Happening) {
        let lines = match self.format {
            OutputFormat::Text => self.text.lines(happening),
            OutputFormat::Json => json_line(happening),
        };
        let mut out = stdout().lock();
        // A reader that went away (`| head`) is not our failure.
        let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
    }
}

fn json_line(happening: &Happening) -> String {
    let mut line = serde_json::to_string(happening).unwrap_or_default();
    line.push('\n');
    line
}

/// The text form. Times of states are seconds since the first of them.
struct Text {
    palette: Palette,
    first_time: Option<Timestamp>,
}

impl Text {
    fn new(palette: Palette) -> Self {
        Self { palette, first_time: None }
    }

    fn lines(&mut self, happening: &Happening) -> String {
        let Palette { dim, bold, red, green, reset, .. } = self.palette;
        match happening {
            Happening::Ready { driver, endpoint } => {
                let driver = match driver {
                    Some(kind) => format!("containers: {}", format!("{kind:?}").to_lowercase()),
                    None => "containers: none can run here, see `runwright doctor`".to_owned(),
                };
                format!("{dim}runwright {} · {driver} · {endpoint}{reset}\n", env!("CARGO_PKG_VERSION"))
            }
            Happening::Resource { logical_id, status, resource_type, reason } => {
                let (colour, mark) = if status.ends_with("_FAILED") || status.contains("ROLLBACK_IN") {
                    (red, "✗")
                } else {
                    (dim, "·")
                };
                let mut line = format!("{colour}{mark} {status:<16} {resource_type} {logical_id}{reset}\n");
                if let Some(reason) = reason.as_deref().filter(|_| colour == red) {
                    let _ = writeln!(line, "{red}  {reason}{reset}");
                }
                line
            }
            Happening::Deployed { stack, status, changed } => {
                let well = matches!(status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE");
                let (colour, mark) = if well { (green, "✓") } else { (red, "✗") };
                let unchanged = if *changed { "" } else { " (no changes)" };
                format!("{colour}{mark}{reset} stack {bold}{stack}{reset} {status}{unchanged}\n")
            }
            Happening::Fired { rule, event_id } => {
                format!("{green}▶{reset} fired {bold}{rule}{reset} {dim}event {event_id}{reset}\n")
            }
            Happening::NotDelivered { target, reason } => {
                format!("{red}✗ {target} did not take the event:{reset} {reason}\n")
            }
            Happening::Started { execution } => {
                let mut parts = execution.rsplit(':');
                let (name, machine) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                format!("{green}▶{reset} started {bold}{machine}{reset} {dim}{name}{reset}\n")
            }
            Happening::Note { text } => format!("  {dim}{text}{reset}\n"),
            Happening::StateEntered { state, time } => format!("{} {bold}{state}{reset}\n", self.at(*time)),
            Happening::StateExited { state, time } => {
                format!("{} {dim}{state} left{reset}\n", self.at(*time))
            }
            Happening::Failure { what, error, cause, time } => {
                format!("{} {red}{what} {error}{reset} {}\n", self.at(*time), readable(cause))
            }
            Happening::Task { task, status, reason } => {
                let reason = reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
                format!("{:>10} {dim}task {} {status}{reason}{reset}\n", "", first(task, 8))
            }
            Happening::Output { container, line, .. } => format!("{container:>10} {dim}│{reset} {line}\n"),
            Happening::Finished(outcome) => self.finished(outcome),
        }
    }

    fn finished(&self, outcome: &Outcome) -> String {
        let Palette { bold, red, green, reset, .. } = self.palette;
        let (colour, mark) = if outcome.succeeded() { (green, "✓") } else { (red, "✗") };
        let seconds = seconds(outcome.duration_ms);
        let mut lines = format!("{colour}{mark} {bold}{}{reset} in {seconds} s\n", outcome.status);
        if let Some(error) = &outcome.error {
            let cause = outcome.cause.as_deref().map(readable).unwrap_or_default();
            let _ = writeln!(lines, "  {red}{error}{reset} {cause}");
        }
        if let Some(output) = &outcome.output {
            let pretty = serde_json::to_string_pretty(output).unwrap_or_default();
            for line in pretty.lines() {
                let _ = writeln!(lines, "  {line}");
            }
        }
        lines
    }

    fn at(&mut self, time: Timestamp) -> String {
        let first = *self.first_time.get_or_insert(time);
        let Palette { dim, reset, .. } = self.palette;
        format!("{dim}{:>10}{reset}", seconds(time.as_millis() - first.as_millis()))
    }
}

fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis / 1000, (millis % 1000).abs())
}

/// The first `count` characters.
fn first(text: &str, count: usize) -> String {
    text.chars().take(count).collect()
}

/// A cause that is a whole task as JSON is told as why that task stopped.
fn readable(cause: &str) -> String {
    let task = serde_json::from_str(cause).ok();
    task.as_ref().and_then(stopped::reason).unwrap_or_else(|| cause.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(happenings: &[Happening]) -> String {
        let mut text = Text::new(Palette::PLAIN);
        happenings.iter().map(|happening| text.lines(happening)).collect()
    }

    #[test]
    fn states_are_timed_from_the_first() {
        let shown = plain(&[
            Happening::StateEntered { state: "A".to_owned(), time: Timestamp::from_millis(5_000) },
            Happening::StateExited { state: "A".to_owned(), time: Timestamp::from_millis(6_007) },
        ]);
        assert_eq!(shown, "     0.000 A\n     1.007 A left\n");
    }

    #[test]
    fn a_failure_shows_error_and_cause() {
        let shown = plain(&[Happening::Finished(Outcome {
            status: "FAILED".to_owned(),
            duration_ms: 1234,
            output: None,
            error: Some("States.Runtime".to_owned()),
            cause: Some("because".to_owned()),
        })]);
        assert_eq!(shown, "✗ FAILED in 1.234 s\n  States.Runtime because\n");
    }

    #[test]
    fn programs_get_an_object_a_line() {
        let line = json_line(&Happening::Output {
            task: "t".to_owned(),
            container: "c".to_owned(),
            line: "hello".to_owned(),
        });
        assert_eq!(line, "{\"event\":\"output\",\"task\":\"t\",\"container\":\"c\",\"line\":\"hello\"}\n");
    }
}
