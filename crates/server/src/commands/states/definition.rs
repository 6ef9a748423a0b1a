//! A definition as a person writes it: JSON or YAML in a file, with the places of its fields.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use template::node::{Node, Position, Value};

/// A definition that was read.
pub struct Definition {
    /// Where from; `-` is standard input.
    pub path: PathBuf,
    /// The definition as JSON text.
    pub json: String,
    /// The same with places; `None` where the text is neither JSON nor YAML.
    document: Option<Node>,
}

impl Definition {
    /// Reads a file, or standard input where the path is `-`.
    ///
    /// JSON stays as it is, to the last blank. YAML becomes JSON.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match path == Path::new("-") {
            true => std::io::read_to_string(std::io::stdin().lock().by_ref())
                .context("cannot read standard input")?,
            false => {
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
            }
        };
        Ok(Self::of(path, text))
    }

    fn of(path: &Path, text: String) -> Self {
        let document = template::read(&text).ok();
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        let json = match &document {
            Some(Node { value: Value::Map(_), .. }) if !is_json => {
                document.as_ref().map(|document| document.to_json().to_string()).unwrap_or_default()
            }
            // Step Functions says best itself what is wrong with this.
            _ => text,
        };
        Self { path: path.to_owned(), json, document }
    }

    /// Where a field stands: that which the JSON pointer names, or as much of the way as there is.
    pub fn position(&self, pointer: &str) -> Option<Position> {
        let mut node = self.document.as_ref()?;
        for name in pointer.split('/').skip(1).filter(|name| !name.is_empty()) {
            // As RFC 6901 writes names with `~` and `/`; Step Functions sometimes writes `[0]` for `0`.
            let name = name.replace("~1", "/").replace("~0", "~");
            let index = name.trim_matches(['[', ']']).parse::<usize>();
            let next = match &node.value {
                Value::Map(members) => members.get(&name),
                Value::List(elements) => index.ok().and_then(|index| elements.get(index)),
                Value::Null | Value::Plain(_) | Value::Quoted(_) => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        Some(node.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_places_in_json_and_in_yaml() {
        let json = Definition::of(Path::new("a"), "{\n \"States\": {\n  \"A\": {\"Type\": 1}}}".to_owned());
        assert_eq!(json.position("/States/A/Type"), Some(Position { line: 3, column: 17 }));
        let yaml = Definition::of(Path::new("a"), "StartAt: A\nStates:\n  A:\n    Type: Pass\n".to_owned());
        assert_eq!(yaml.position("/States/A/Next").map(|position| position.line), Some(4));
        assert_eq!(yaml.json, r#"{"StartAt":"A","States":{"A":{"Type":"Pass"}}}"#);
    }

    #[test]
    fn what_is_neither_stays_as_it_is() {
        let text = Definition::of(Path::new("a"), "{\"StartAt\": ".to_owned());
        assert_eq!((text.json.as_str(), text.position("/")), ("{\"StartAt\": ", None));
    }
}
