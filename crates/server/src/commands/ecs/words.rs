//! Tables and times as people read them.

use types::Timestamp;

/// Lines of aligned columns, two spaces between them; the last column is as wide as it is.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|text| text.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How long ago a time was, in one unit: `3 minutes ago`.
pub fn ago(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_seconds().saturating_sub(time.as_seconds());
    let (count, unit) = match seconds {
        ..=0 => return "just now".to_owned(),
        1..=119 => (seconds, "second"),
        120..=7199 => (seconds / 60, "minute"),
        7200..=172_799 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["A", "LONG", "C"], vec!["äöü", "x", "last one"], vec!["1", "2", ""]];
        let rows: Vec<Vec<String>> =
            rows.into_iter().map(|row| row.into_iter().map(str::to_owned).collect()).collect();
        assert_eq!(table(&rows), "A    LONG  C\näöü  x     last one\n1    2\n");
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn times_are_for_people() {
        let now = Timestamp::from_seconds(1_000_000);
        for (seconds, text) in [
            (0, "just now"),
            (-5, "just now"),
            (1, "1 second ago"),
            (119, "119 seconds ago"),
            (130, "2 minutes ago"),
            (7200, "2 hours ago"),
            (200_000, "2 days ago"),
        ] {
            assert_eq!(ago(Timestamp::from_seconds(1_000_000 - seconds), now), text);
        }
    }
}
