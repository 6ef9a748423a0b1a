//! Which lines begin a new event: `awslogs-datetime-format` and `awslogs-multiline-pattern`.

use regex::{Regex, RegexBuilder};

use crate::limits;

/// What the first line of every event matches.
#[derive(Clone, Debug)]
pub struct Multiline(Regex);

impl Multiline {
    /// The regular expression `pattern`, found anywhere in a line.
    ///
    /// # Errors
    /// The reason for which it is none, on one line.
    pub fn new(pattern: &str) -> Result<Self, String> {
        // Every container whose output is delivered has its own.
        let compiled = RegexBuilder::new(pattern)
            .size_limit(limits::MULTILINE_PATTERN_BYTES)
            .dfa_size_limit(limits::MULTILINE_PATTERN_BYTES)
            .build();
        compiled.map(Self).map_err(|error| {
            let text = error.to_string();
            text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        })
    }

    /// Whether `line` begins an event.
    pub fn begins(&self, line: &str) -> bool {
        self.0.is_match(line)
    }
}

/// The pattern of a date and time in the manner of `strftime`.
///
/// What is not a directive is part of the pattern as it is written, and a directive that Docker does not know is nothing.
///
/// Source: Docker's `awslogs` logging driver, "awslogs-datetime-format".
pub fn datetime_pattern(format: &str) -> String {
    let mut pattern = String::with_capacity(4 * format.len());
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        match (c, rest.clone().next()) {
            ('%', Some(directive)) if directive != '\n' => {
                rest.next();
                pattern.push_str(directive_pattern(directive));
            }
            _ => pattern.push(c),
        }
    }
    pattern
}

/// Docker's own expressions, with the character classes that they mean: its `[1,2]` takes a comma too.
fn directive_pattern(directive: char) -> &'static str {
    match directive {
        'a' => "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
        'A' => "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
        'w' => "[0-6]",
        'd' => "(?:0[1-9]|[12][0-9]|3[01])",
        'b' => "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
        'B' => "(?:January|February|March|April|May|June|July|August|September|October|November|December)",
        'm' => "(?:0[1-9]|1[0-2])",
        'Y' => "[0-9]{4}",
        'y' => "[0-9]{2}",
        'H' => "(?:[01][0-9]|2[0-3])",
        'I' => "(?:0[0-9]|1[0-2])",
        'p' => "[AP]M",
        'M' | 'S' => "[0-5][0-9]",
        'f' => "[0-9]{6}",
        'z' => "[+-][0-9]{4}",
        'Z' => "[A-Z]{1,4}T",
        'j' => "(?:00[1-9]|0[1-9][0-9]|[12][0-9][0-9]|3[0-5][0-9]|36[0-6])",
        'L' => "\\.[0-9]{3}",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_found_wherever_they_stand() {
        let cases: [(&str, &[&str], &[&str]); 10] = [
            ("%Y-%m-%d", &["2016-12-07 x", "at 2016-12-07"], &["", "2016-13-07", "2016-12-32", " indented"]),
            ("\\[%b %d, %Y %H:%M:%S\\]", &["[May 01, 2017 19:00:01] A"], &["May 01, 2017 19:00:01"]),
            ("%A %B %w", &["Monday June 1"], &["Mon Jun 1"]),
            ("%a %b", &["Mon Jun"], &["Xyz Jun"]),
            ("%y%j", &["16001", "16366"], &["16000", "16367"]),
            ("%I:%M %p", &["07:31 AM", "12:00 PM"], &["13:00 XM"]),
            ("%H%z", &["23+0100", "00-0800"], &["24+0100"]),
            ("%S%L", &["59.123"], &["59123", "60.123"]),
            ("%f %Z", &["123456 UTCT", "123456 EST"], &["12345 EST"]),
            ("%Q%d%", &["07%"], &["00%"]),
        ];
        for (format, begin, do_not) in cases {
            let multiline =
                Multiline::new(&datetime_pattern(format)).unwrap_or_else(|error| panic!("{error}"));
            assert!(begin.iter().all(|line| multiline.begins(line)), "{format}");
            assert!(!do_not.iter().any(|line| multiline.begins(line)), "{format}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused_in_one_line() {
        for pattern in ["(", "[a", "x{9999999}", "(?P<a>x)(?P<a>y)"] {
            let reason = Multiline::new(pattern).map(drop).unwrap_err();
            assert!(!reason.is_empty() && !reason.contains('\n'), "{reason}");
        }
    }
}
