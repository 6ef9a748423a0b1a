//! `StringMatches`: a text in which `*` stands for any characters.

/// A compiled pattern: the texts between its asterisks.
#[derive(Debug)]
pub(crate) struct Pattern {
    pieces: Vec<String>,
}

impl Pattern {
    /// Reads a pattern. `\*` is an asterisk, `\\` a backslash; a backslash before anything else is not allowed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut pieces = vec![String::new()];
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            let literal = match c {
                '*' => {
                    pieces.push(String::new());
                    continue;
                }
                '\\' => characters.next().filter(|escaped| matches!(escaped, '*' | '\\'))?,
                other => other,
            };
            pieces.last_mut()?.push(literal);
        }
        Some(Self { pieces })
    }

    /// The pattern, without the backslashes before what stands for itself.
    pub(crate) fn text(&self) -> String {
        self.pieces.join("*")
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else { return text.is_empty() };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            match text.split_once(piece.as_str()) {
                Some((_, after)) => text = after,
                None => return false,
            }
        }
        text.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn asterisks_stand_for_any_characters() {
        let matches =
            |pattern: &str, text: &str| Pattern::parse(pattern).is_some_and(|pattern| pattern.matches(text));
        assert!(matches("log-*.txt", "log-1.txt"));
        assert!(matches("*", ""));
        assert!(matches("a*b*c", "aXXbYYbc"));
        assert!(matches(r"a\*\\", r"a*\"));
        assert!(!matches("a*a", "a"));
        assert!(!matches("log-*", "xlog-1"));
        assert!(Pattern::parse(r"\a").is_none());
    }
}
