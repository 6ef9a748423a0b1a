//! Finds which words of `api::model` a text of tables uses.

/// All words that tables may use.
const WORDS: [&str; 22] = [
    "BLOB",
    "BOOLEAN",
    "DOUBLE",
    "ErrorShape",
    "INTEGER",
    "Kind",
    "Location",
    "Lookahead",
    "Map",
    "Member",
    "Operation",
    "Pattern",
    "Protocol",
    "Range",
    "Route",
    "STRING",
    "ServiceModel",
    "Shape",
    "Size",
    "TIMESTAMP",
    "Text",
    "TimestampFormat",
];

/// The words that `tables` uses outside of its texts.
pub fn of_tables(tables: &str) -> Vec<&'static str> {
    let code = without_texts(tables);
    let used: Vec<&str> = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    WORDS.into_iter().filter(|word| used.contains(word)).collect()
}

/// The code with its string literals, plain and `r#".."#`, taken out.
fn without_texts(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find('"') {
        let (before, text) = rest.split_at(at);
        kept.push_str(before);
        kept.push(' ');
        let text = text.get(1..).unwrap_or_default();
        let end = if before.ends_with("r#") { text.find("\"#").map(|at| at + 2) } else { plain_end(text) };
        rest = end.and_then(|end| text.get(end..)).unwrap_or_default();
    }
    kept + rest
}

/// Where a plain literal ends whose opening quote has been read.
fn plain_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' if !escaped => return Some(at + 1),
            letter => escaped = letter == '\\' && !escaped,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_texts_are_not_imported() {
        let tables = r##"static SHAPE_MAP: Shape = Shape::string("Map \" Kind", Text::new().matching(
            Pattern::new(r#"Range "Size"#, "[\\", &[])));"##;
        assert_eq!(of_tables(tables), ["Pattern", "Shape", "Text"]);
    }
}
