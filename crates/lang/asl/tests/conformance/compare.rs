//! Compares what is with what was recorded: values that AWS makes up are compared by their presence.

use std::collections::HashSet;

use regex::Regex;
use serde_json::Value;

const MADE_UP: [&str; 9] = [
    "timestamp",
    "datetime",
    "date",
    "time",
    "start-date",
    "stop-date",
    "creation-date",
    "update-date",
    "redrive-date",
];

/// Compares with one case's own placeholders.
pub struct Comparer {
    tokens: HashSet<String>,
    placeholder: Regex,
}

impl Comparer {
    /// With the case's `tokens`.
    pub fn new(case: &Value) -> Self {
        let named = case["tokens"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let tokens: HashSet<String> =
            named.chain(["snf_role_arn", "sfn_role_arn"]).map(str::to_owned).collect();
        let placeholder = Regex::new(r"<[A-Za-z][A-Za-z0-9_:\- ]*>|\b1{12}\b").expect("a pattern");
        Self { tokens, placeholder }
    }

    /// The first difference, or `None`.
    pub fn differs(&self, want: &Value, got: &Value, at: &str) -> Option<String> {
        let differs = || Some(format!("{at}: want {want}, got {got}"));
        match (want, got) {
            (Value::String(want), _) => self.text(want, got, at),
            (Value::Object(_) | Value::Array(_), Value::String(text)) => {
                match serde_json::from_str::<Value>(text) {
                    Ok(inner) => self.differs(want, &inner, at),
                    Err(_) => differs(),
                }
            }
            (Value::Object(wanted), Value::Object(given)) => self.members(wanted, given, at),
            (Value::Array(wanted), Value::Array(given)) if wanted.len() == given.len() => wanted
                .iter()
                .zip(given)
                .enumerate()
                .find_map(|(index, (want, got))| self.differs(want, got, &format!("{at}[{index}]"))),
            (Value::Number(want), Value::Number(got)) if want.as_f64() == got.as_f64() => None,
            (want, got) if want == got => None,
            _ => differs(),
        }
    }

    fn members(
        &self,
        want: &serde_json::Map<String, Value>,
        got: &serde_json::Map<String, Value>,
        at: &str,
    ) -> Option<String> {
        let made_up = |name: &String| self.placeholder.is_match(name);
        let missing: Vec<_> = want.keys().filter(|name| !got.contains_key(*name) && !made_up(name)).collect();
        let extra: Vec<_> = got.keys().filter(|name| !want.contains_key(*name)).collect();
        if !missing.is_empty() || (!extra.is_empty() && !want.keys().any(made_up)) {
            return Some(format!("{at}: missing {missing:?}, extra {extra:?}"));
        }
        want.iter().find_map(|(name, want)| self.differs(want, got.get(name)?, &format!("{at}.{name}")))
    }

    fn text(&self, want: &str, got: &Value, at: &str) -> Option<String> {
        if self.tokens.contains(want) || MADE_UP.contains(&want) || is_own_name(want, at) {
            let absent = got.is_null() || got.as_str() == Some("");
            return absent.then(|| format!("{at}: want {want:?}, got {got}"));
        }
        let wanted: Option<Value> =
            serde_json::from_str(want).ok().filter(|v: &Value| v.is_object() || v.is_array());
        let Some(text) = got.as_str() else {
            return match wanted {
                Some(wanted) => self.differs(&wanted, got, at),
                None => Some(format!("{at}: want {want:?}, got {got}")),
            };
        };
        if want == text
            || text == "resolved"
            || want.starts_with("<<task_token")
            || self.pattern(want).is_match(text)
        {
            return None;
        }
        match (wanted, serde_json::from_str::<Value>(text)) {
            (Some(wanted), Ok(got @ (Value::Object(_) | Value::Array(_)))) => self.differs(&wanted, &got, at),
            _ => Some(format!("{at}: want {want:?}, got {text:?}")),
        }
    }

    /// The recorded text, with anything in place of what AWS made up.
    fn pattern(&self, want: &str) -> Regex {
        let mut tokens: Vec<String> = self
            .tokens
            .iter()
            .filter(|token| want.contains(*token))
            .map(|token| regex::escape(token))
            .collect();
        tokens.sort_by_key(|token| std::cmp::Reverse(token.len()));
        tokens.insert(0, self.placeholder.as_str().to_owned());
        let made_up = Regex::new(&tokens.join("|")).expect("a pattern");
        let (mut pattern, mut end) = ("(?s)^".to_owned(), 0);
        for found in made_up.find_iter(want) {
            pattern += &regex::escape(&want[end..found.start()]);
            pattern += ".+?";
            end = found.end();
        }
        pattern += &regex::escape(&want[end..]);
        Regex::new(&format!("{pattern}$")).expect("a pattern")
    }
}

/// A value that is its own key, in hyphens: `receipt-handle`.
fn is_own_name(want: &str, at: &str) -> bool {
    let leaf = at.rsplit('.').next().unwrap_or_default();
    let mut hyphened = String::new();
    let mut previous_lower = false;
    for c in leaf.chars() {
        if c.is_ascii_uppercase() && previous_lower {
            hyphened.push('-');
        }
        previous_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        hyphened.push(c.to_ascii_lowercase());
    }
    want.contains('-') && want == hyphened
}
