//! Texts as URLs carry them: the encoding type `url` of lists, copy sources, tags in headers.

use std::fmt::Write as _;

/// Encodes a text as lists with `encoding-type=url` do: all but `[A-Za-z0-9-._*/]` as `%XX`, a blank as `+`.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' | b'/' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            byte => {
                // Writing to a string cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

/// Decodes `%XX`; `None` where that is not UTF-8, or a percent sign stands alone.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { digit(bytes.next()?)? << 4 | digit(bytes.next()?)? } else { byte });
    }
    String::from_utf8(decoded).ok()
}

/// Decodes `%XX` and `+`, which stands for a blank.
pub(crate) fn decode_form(text: &str) -> Option<String> {
    decode(&text.replace('+', " "))
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_it_encodes() {
        assert_eq!(encode("a b/c+d\u{e9}%"), "a+b/c%2Bd%C3%A9%25");
        assert_eq!(decode_form(&encode("a b/c+d\u{e9}%")).as_deref(), Some("a b/c+d\u{e9}%"));
        assert_eq!(decode("a+b").as_deref(), Some("a+b"));
        for wrong in ["%", "%1", "%zz", "%ff"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
