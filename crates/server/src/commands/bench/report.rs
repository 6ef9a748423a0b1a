//! How rows look to people: speed first, then what it costs.

use std::fmt::Write as _;

use super::latency::Quantiles;
use super::measure::Row;
use super::recovery::Recovery;
use crate::palette::Palette;

/// What is above the rows of the first table.
pub fn speed_header(colours: Palette) -> String {
    let Palette { dim, reset, .. } = colours;
    let groups = format!("{:54}   {:>23}   {:>23}", "", "acknowledged, ms", "start to succeeded, ms");
    let columns = format!(
        "{:21}{:>9} {:>9} {:>13}   {:>7} {:>7} {:>7}   {:>7} {:>7} {:>7} {:>7}",
        "scenario",
        "starts/s",
        "ends/s",
        "transitions/s",
        "p50",
        "p99",
        "max",
        "p50",
        "p99",
        "seen",
        "errors",
    );
    format!("{dim}{groups}\n{columns}{reset}")
}

/// One row of the first table.
pub fn speed(row: &Row, colours: Palette) -> String {
    let Palette { bold, red, reset, .. } = colours;
    let errors = if row.errors > 0 { red } else { "" };
    let mut line = format!("{:21}{bold}{:>9}{reset}", row.title, whole(row.starts_per_second));
    let _ = write!(
        line,
        " {:>9} {:>13}",
        maybe(row.ends_per_second, whole),
        maybe(row.transitions_per_second, whole)
    );
    let _ = write!(line, "   {}   {}", quantiles(row.acknowledged, true), quantiles(row.finished, false));
    let _ = write!(line, " {errors}{:>7}{reset}", row.errors);
    line
}

/// The second table.
pub fn cost(rows: &[Row], colours: Palette) -> String {
    let Palette { dim, reset, .. } = colours;
    let groups = format!(
        "{:21}{:>27}   {:>9}   {:>17}   {:>16}   {:>15}",
        "", "server's CPU", "client's", "raw syncs/s", "server's flushes", "resident, MiB",
    );
    let columns = format!(
        "{:21}{:>8} {:>12} {:>5}   {:>9}   {:>8} {:>8}   {:>7} {:>8}   {:>7} {:>7}",
        "scenario",
        "us/exec.",
        "us/transit.",
        "CPUs",
        "us/exec.",
        "growing",
        "reused",
        "/s",
        "transit.",
        "before",
        "after",
    );
    let rows: String = rows.iter().map(|row| cost_row(row) + "\n").collect();
    format!("{dim}{groups}\n{columns}{reset}\n{rows}")
}

fn cost_row(row: &Row) -> String {
    let (server, disk) = (row.server.as_ref(), row.disk.as_ref());
    format!(
        "{:21}{:>8} {:>12} {:>5}   {:>9}   {:>8} {:>8}   {:>7} {:>8}   {:>7} {:>7}",
        row.title,
        maybe(server.map(|server| server.cpu_per_execution), short),
        maybe(server.map(|server| server.cpu_per_transition), short),
        maybe(server.map(|server| server.cpus), short),
        maybe(row.client_cpu_per_execution, short),
        whole(row.raw.growing),
        whole(row.raw.recycled),
        maybe(disk.map(|disk| disk.flushes_per_second), whole),
        maybe(disk.and_then(|disk| disk.transitions_per_flush), short),
        maybe(server.map(|server| mib(server.resident_before)), whole),
        maybe(server.map(|server| mib(server.resident_after)), whole),
    )
}

/// What waiting executions cost, and how a killed server came back.
pub fn recovery(recovery: &Recovery) -> String {
    let each = |resident: Option<u64>| {
        let bytes =
            recovery.resident_without.zip(resident).map(|(without, with)| with.saturating_sub(without));
        bytes.and_then(|bytes| ratio(bytes, recovery.waiting))
    };
    let mib = |resident: Option<u64>| maybe(resident.map(mib), whole);
    format!(
        "{} executions wait\n\
         \x20 resident memory     {} MiB without them, {} MiB with them: {} bytes each\n\
         \x20 CPUs while waiting  {}\n\
         \x20 after SIGKILL       first answer after {:.3} s, {} MiB resident; {} wait\n",
        grouped(&recovery.waiting.to_string()),
        mib(recovery.resident_without),
        mib(recovery.resident_with),
        maybe(each(recovery.resident_with), whole),
        maybe(recovery.cpus_while_waiting, |cpus| format!("{cpus:.3}")),
        recovery.seconds_to_first_answer,
        mib(recovery.resident_after_start),
        grouped(&recovery.waiting_after_start.to_string()),
    )
}

/// What went wrong in the rows.
pub fn errors(rows: &[Row], colours: Palette) -> String {
    let Palette { red, reset, .. } = colours;
    let mut text = String::new();
    for row in rows {
        if let Some(error) = &row.first_error {
            let _ = writeln!(text, "{red}{}{reset}: {} errors, the first: {error}", row.title, row.errors);
        }
        if row.seconds_to_end.is_none() {
            let _ = writeln!(text, "{red}{}{reset}: not everything had ended in time", row.title);
        }
    }
    text
}

fn quantiles(quantiles: Quantiles, with_max: bool) -> String {
    let last = if with_max { short(quantiles.max) } else { quantiles.samples.to_string() };
    match quantiles.samples {
        0 => format!("{:>7} {:>7} {:>7}", "-", "-", "-"),
        _ => format!("{:>7} {:>7} {:>7}", short(quantiles.p50), short(quantiles.p99), last),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown in whole mebibytes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[expect(clippy::cast_precision_loss, reason = "shown in whole bytes")]
fn ratio(bytes: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| bytes as f64 / count as f64)
}

fn maybe(value: Option<f64>, text: fn(f64) -> String) -> String {
    value.map_or_else(dash, text)
}

fn dash() -> String {
    "-".to_owned()
}

/// Three digits that say something.
fn short(value: f64) -> String {
    match value {
        _ if value >= 100.0 => whole(value),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number with commas.
fn whole(value: f64) -> String {
    grouped(&format!("{value:.0}"))
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(whole(1_234_567.4), "1,234,567");
        assert_eq!(whole(999.0), "999");
        assert_eq!(short(0.123), "0.12");
        assert_eq!(short(12.34), "12.3");
        assert_eq!(short(1234.5), "1,234");
    }
}
