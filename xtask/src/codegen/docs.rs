//! Makes short Rust docs from the HTML that AWS's models carry.

/// The first sentence of an HTML text as `///` lines, or `fallback` where there is none.
pub fn lines(html: Option<&str>, fallback: &str) -> String {
    let sentence = html.map(first_sentence).filter(|text| !text.is_empty());
    let text = escape(&sentence.unwrap_or_else(|| fallback.to_owned()));
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        if width == 0 || width + word.len() > 100 {
            lines.push_str(if width == 0 { "/// " } else { "\n/// " });
            width = word.len();
        } else {
            lines.push(' ');
            width += word.len() + 1;
        }
        lines.push_str(word);
    }
    lines.push('\n');
    lines
}

fn first_sentence(html: &str) -> String {
    let text = strip(html);
    let end = text.match_indices(". ").map(|(at, _)| at + 1).find(|at| {
        let head = text.get(..*at).unwrap_or_default();
        !["e.g.", "i.e.", "vs.", "etc."].iter().any(|short| head.ends_with(short))
    });
    let sentence = end.and_then(|end| text.get(..end)).unwrap_or(&text);
    match sentence.char_indices().nth(300) {
        Some((at, _)) => format!("{} ...", sentence.get(..at).unwrap_or_default().trim_end()),
        None => sentence.to_owned(),
    }
}

/// The text without tags, up to the end of its first paragraph, with single blanks.
fn strip(html: &str) -> String {
    let paragraph = html.split("</p>").find(|part| !without_tags(part).trim().is_empty()).unwrap_or(html);
    let text = without_tags(paragraph);
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => inside = false,
            _ if !inside => text.push(letter),
            _ => {}
        }
    }
    text
}

/// Keeps rustdoc from reading links, HTML, lists or emphasis into the text.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for word in text.split(' ') {
        if !escaped.is_empty() {
            escaped.push(' ');
        }
        if word.contains("://") {
            let link = word.trim_end_matches(['.', ',', ')', ';']);
            let rest = word.strip_prefix(link).unwrap_or_default();
            escaped.push_str(&format!("`{link}`{rest}"));
            continue;
        }
        for letter in word.chars() {
            if matches!(letter, '[' | ']' | '<' | '>' | '*' | '`' | '\\' | '_' | '#') {
                escaped.push('\\');
            }
            escaped.push(letter);
        }
    }
    if escaped.starts_with(['-', '+']) { format!("\\{escaped}") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_one_sentence() {
        let html = "<p>The <code>name</code> of the &lt;role&gt;, e.g. <i>x_y</i>. See [1].</p><p>More.</p>";
        assert_eq!(lines(Some(html), ""), "/// The name of the \\<role\\>, e.g. x\\_y.\n");
        assert_eq!(lines(Some("<p/>"), "Tag."), "/// Tag.\n");
        assert_eq!(lines(None, "Tag."), "/// Tag.\n");
    }
}
