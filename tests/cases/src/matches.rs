use serde_json::Value;

/// Whether `found` is as `wanted` says: `<>` is any value, a text `/^x/` a regular expression, a text that is JSON is
/// compared as JSON where an object is wanted, and anything else is equal, with no member more or less.
///
/// # Errors
/// The first difference, with the way to it.
pub fn matches(wanted: &Value, found: &Value) -> Result<(), String> {
    match (wanted, found) {
        (Value::String(any), found) if any == "<>" && !found.is_null() => Ok(()),
        (Value::String(pattern), Value::String(found)) if pattern.len() > 2 && pattern.starts_with("/^") => {
            like(pattern.trim_matches('/'), found)
        }
        (Value::Object(_), Value::String(text)) if text.starts_with('{') => {
            let found = serde_json::from_str(text).map_err(|error| format!("{text}: {error}"))?;
            matches(wanted, &found)
        }
        (Value::Object(wanted), Value::Object(found)) => {
            for (name, value) in wanted {
                matches(value, found.get(name).unwrap_or(&Value::Null))
                    .map_err(|error| format!("{name}: {error}"))?;
            }
            let extra: Vec<_> = found.keys().filter(|name| !wanted.contains_key(*name)).collect();
            if extra.is_empty() { Ok(()) } else { Err(format!("{extra:?} more than expected")) }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            wanted.iter().zip(found).try_for_each(|(wanted, found)| matches(wanted, found))
        }
        _ if wanted == found => Ok(()),
        _ => Err(format!("expected {wanted}, found {found}")),
    }
}

fn like(pattern: &str, found: &str) -> Result<(), String> {
    let whole = regex::Regex::new(pattern).map_err(|error| error.to_string())?;
    if whole.is_match(found) { Ok(()) } else { Err(format!("{found} is not like {pattern}")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named() {
        let wanted = json!({"a": "<>", "b": ["/^x+$/"], "c": {"d": 1}});
        assert_eq!(matches(&wanted, &json!({"a": 1, "b": ["xx"], "c": "{\"d\":1}"})), Ok(()));
        for (found, difference) in [
            (json!({"b": ["x"], "c": {"d": 1}}), "a: "),
            (json!({"a": 1, "b": ["y"], "c": {"d": 1}}), "b: y is not like"),
            (json!({"a": 1, "b": ["x"], "c": {"d": 2}}), "c: d: expected 1, found 2"),
            (json!({"a": 1, "b": ["x"], "c": {"d": 1}, "e": 1}), "[\"e\"] more"),
        ] {
            assert!(matches(&wanted, &found).unwrap_err().starts_with(difference), "{found}");
        }
    }
}
