//! The matcher of a bus answers as the patterns do one by one, on random patterns and events.
#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

use std::collections::BTreeSet;

use event_pattern::{Event, EventPattern, Matcher, Scratch};
use proptest::prelude::{ProptestConfig, any, proptest};

/// Texts that operators tell apart, and some that only look alike.
const TEXTS: [&str; 16] = [
    "",
    "a",
    "ab",
    "abc",
    "ABC",
    "b",
    "xabcx",
    "10.0.0.1",
    "10.0.0.01",
    "::1",
    "ß",
    "ä.Ä",
    "K",
    "\u{212a}",
    "1",
    "a\\\"b",
];
const NUMBERS: [&str; 10] =
    ["0", "-0.0", "1", "1.0", "10e-1", "2.5", "-3", "1e400", "9007199254740993", "0.30000000000000004"];
const KEYS: [&str; 7] = ["a", "b", "a.b", "a-b", "b.a", "c", "\\u0061"];

/// A small generator of choices.
struct Choices(u64);

impl Choices {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % count
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    fn list(&mut self, most: usize, mut item: impl FnMut(&mut Self) -> String) -> String {
        let count = 1 + self.below(most);
        (0..count).map(|_| item(self)).collect::<Vec<_>>().join(",")
    }

    fn text(&mut self) -> String {
        format!("\"{}\"", self.of(&TEXTS))
    }

    /// Not empty, which operators do not all take.
    fn affix(&mut self) -> String {
        format!("\"{}\"", self.of(&TEXTS[1..]))
    }

    fn wildcard(&mut self) -> String {
        self.of(&[
            "\"a*\"",
            "\"*c\"",
            "\"*b*\"",
            "\"*abc*\"",
            "\"a*c\"",
            "\"*\"",
            "\"x*bc*x\"",
            "\"abc\"",
            "\"*ab*bc*\"",
        ])
        .to_owned()
    }

    /// `"k":v,...` of an event; keys may be there more than once.
    fn members(&mut self, depth: usize) -> String {
        self.list(3, |choices| format!("\"{}\":{}", choices.of(&KEYS), choices.value(depth)))
    }

    fn value(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 5 } else { 11 }) {
            0 | 1 => self.text(),
            2 | 3 => self.of(&NUMBERS).to_owned(),
            4 => self.of(&["null", "true", "false", "[]", "{}"]).to_owned(),
            5..=7 => format!("{{{}}}", self.members(depth - 1)),
            _ => format!("[ {} ]", self.list(3, |choices| choices.value(depth - 1))),
        }
    }

    fn pattern(&mut self, depth: usize) -> String {
        let mut fields = self.list(3, |choices| {
            let key = choices.of(&KEYS);
            if depth > 0 && choices.below(3) == 0 {
                return format!("\"{key}\":{}", choices.pattern(depth - 1));
            }
            format!("\"{key}\":[{}]", choices.list(2, Choices::entry))
        });
        if depth > 0 && self.below(4) == 0 {
            let branches = format!("{},{}", self.pattern(depth - 1), self.pattern(depth - 1));
            fields.push_str(&format!(",\"$or\":[{branches}]"));
        }
        format!("{{{fields}}}")
    }

    fn entry(&mut self) -> String {
        match self.below(18) {
            0..=2 => self.text(),
            3 => self.of(&NUMBERS).to_owned(),
            4 => self.of(&["null", "true", "false"]).to_owned(),
            5 => format!("{{\"prefix\":{}}}", self.text()),
            6 => format!("{{\"suffix\":{}}}", self.text()),
            7 => format!("{{\"equals-ignore-case\":{}}}", self.text()),
            8 => format!("{{\"prefix\":{{\"equals-ignore-case\":{}}}}}", self.text()),
            9 => format!("{{\"suffix\":{{\"equals-ignore-case\":{}}}}}", self.text()),
            10 => format!("{{\"wildcard\":{}}}", self.wildcard()),
            11 => {
                self.of(&["[\"=\",1]", "[\">\",0]", "[\">=\",1,\"<\",2.5]", "[\"<=\",0]", "[\"<\",0.5]"])
                    .to_owned()
                    .replace('[', "{\"numeric\":[")
                    + "}"
            }
            12 | 13 => format!("{{\"exists\":{}}}", self.of(&["true", "false"])),
            14 => format!("{{\"cidr\":\"{}\"}}", self.of(&["10.0.0.0/8", "::/64", "10.0.0.1/31"])),
            15 => format!("{{\"anything-but\":[{}]}}", self.list(2, Choices::text)),
            16 => format!("{{\"anything-but\":{}}}", self.of(&["1", "[0,2.5]", "\"a\""])),
            _ => {
                let operator = self.of(&["prefix", "suffix", "equals-ignore-case"]);
                format!("{{\"anything-but\":{{\"{operator}\":[{}]}}}}", self.list(2, Choices::affix))
            }
        }
    }
}

/// Rules that are tried together.
fn rules(choices: &mut Choices) -> Vec<(usize, EventPattern)> {
    let count = 1 + choices.below(24);
    let texts = (0..count).map(|_| choices.pattern(2)).collect::<Vec<_>>();
    let parsed =
        texts.iter().map(|text| EventPattern::parse(text).map_err(|error| format!("{text}: {error}")));
    parsed.map(Result::unwrap).enumerate().collect()
}

fn wanted(rules: &[(usize, EventPattern)], event: &str) -> BTreeSet<usize> {
    let event = Event::parse(event).unwrap();
    rules.iter().filter(|(_, pattern)| pattern.matches(&event)).map(|(key, _)| *key).collect()
}

fn found(matcher: &Matcher<usize>, event: &str, scratch: &mut Scratch) -> BTreeSet<usize> {
    let found = matcher.matches_with(event, scratch).unwrap();
    let keys: BTreeSet<usize> = found.iter().map(|key| **key).collect();
    assert_eq!(keys.len(), found.len(), "each once");
    keys
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn indexed_rules_match_as_single_patterns_do(seed in any::<u64>()) {
        let mut choices = Choices(seed | 1);
        let mut rules = rules(&mut choices);
        let mut matcher = Matcher::new();
        let mut scratch = Scratch::default();
        for (key, pattern) in &rules {
            matcher.insert(*key, pattern.clone());
        }
        for round in 0..6 {
            for _ in 0..8 {
                let event = format!("{{{}}}", choices.members(4));
                assert_eq!(found(&matcher, &event, &mut scratch), wanted(&rules, &event), "{seed} {event} {rules:?}");
            }
            // Some go, some come again with other patterns.
            for (key, pattern) in &mut rules {
                match choices.below(4) {
                    0 => {
                        *pattern = EventPattern::parse(&choices.pattern(2)).unwrap();
                        matcher.insert(*key, pattern.clone());
                    }
                    1 if round % 2 == 0 => {
                        assert!(matcher.remove(key));
                        matcher.insert(*key, pattern.clone());
                    }
                    _ => {}
                }
            }
            if let Some((key, _)) = rules.pop() {
                assert!(matcher.remove(&key));
            }
        }
    }

    #[test]
    fn both_readers_take_the_same_texts(seed in any::<u64>()) {
        let mut choices = Choices(seed | 1);
        let mut matcher = Matcher::new();
        matcher.insert(1, EventPattern::parse(r#"{"a":["x"],"b":{"a":[1]}}"#).unwrap());
        let mut event = format!("{{{}}}", choices.members(3)).into_bytes();
        for _ in 0..choices.below(3) {
            let at = choices.below(event.len());
            event[at] = choices.of(b"{}[]\",:0.eE+-\\u \n\tatn\x1f");
        }
        if let Ok(event) = String::from_utf8(event) {
            let nothing: Matcher<u32> = Matcher::new();
            let wanted = Event::parse(&event).map(drop);
            assert_eq!(matcher.matches(&event).map(drop), wanted, "{event}");
            assert_eq!(nothing.matches(&event).map(drop), wanted, "{event}");
        }
    }
}

#[test]
fn many_ranges_are_found_by_their_values() {
    let mut matcher = Matcher::new();
    let ranges: Vec<(i64, i64)> =
        (0..3000).map(|number| (number * 7 % 1000, number * 7 % 1000 + number % 40 + 1)).collect();
    for (key, (from, to)) in ranges.iter().enumerate() {
        let pattern = format!(r#"{{"n":[{{"numeric":[">=",{from},"<",{to}]}}]}}"#);
        matcher.insert(key, EventPattern::parse(&pattern).unwrap());
    }
    for key in (0..3000).step_by(3) {
        assert!(matcher.remove(&key));
    }
    for value in [0, 1, 500, 999, 1039, 1040] {
        let found: BTreeSet<usize> =
            matcher.matches(&format!("{{\"n\":{value}.0}}")).unwrap().into_iter().copied().collect();
        let wanted = ranges
            .iter()
            .enumerate()
            .filter(|(key, (from, to))| key % 3 != 0 && *from <= value && value < *to);
        assert_eq!(found, wanted.map(|(key, _)| key).collect(), "{value}");
    }
}
