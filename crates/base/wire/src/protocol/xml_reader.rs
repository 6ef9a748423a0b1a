//! Reads small XML documents: elements and text, no more.
//!
//! Document types are refused, so entities are only those of XML itself and nothing can grow. Attributes and namespaces
//! are read over: no served operation's input has any.

use crate::limits;

/// An element with what is in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its name without a prefix.
    pub name: &'a str,
    /// The text in it, that of its children aside.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Element<'a>>,
}

/// Why a text is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotXml;

impl<'a> Element<'a> {
    /// Reads a document: one element, with declaration, comments and blanks around it.
    ///
    /// # Errors
    /// [`NotXml`] for what is not well-formed, deeper than [`limits::XML_DEPTH_MAX`] or has more elements than
    /// [`limits::XML_ELEMENTS_MAX`].
    pub fn parse(document: &'a [u8]) -> Result<Self, NotXml> {
        let text = std::str::from_utf8(document).map_err(|_| NotXml)?;
        let mut reader = Reader { rest: text.strip_prefix('\u{FEFF}').unwrap_or(text), elements: 0 };
        // The document itself is the outermost "element", which has no text.
        let mut open = vec![Self::default()];
        while !reader.rest.is_empty() {
            reader.node(&mut open)?;
        }
        let document = open.pop().filter(|_| open.is_empty()).ok_or(NotXml)?;
        let mut roots = document.children.into_iter();
        match (roots.next(), roots.next()) {
            (Some(root), None) if document.text.trim().is_empty() => Ok(root),
            _ => Err(NotXml),
        }
    }

    /// The elements of that name in it.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

struct Reader<'a> {
    rest: &'a str,
    elements: usize,
}

impl<'a> Reader<'a> {
    /// Reads text up to the next tag, or one tag.
    fn node(&mut self, open: &mut Vec<Element<'a>>) -> Result<(), NotXml> {
        let Some(markup) = self.rest.strip_prefix('<') else {
            let end = self.rest.find('<').unwrap_or(self.rest.len());
            let (text, rest) = self.rest.split_at(end);
            self.rest = rest;
            return unescape(text, &mut open.last_mut().ok_or(NotXml)?.text);
        };
        if markup.starts_with("!--") {
            self.until("-->").map(drop)
        } else if let Some(data) = markup.strip_prefix("![CDATA[") {
            self.rest = data;
            let text = self.until("]]>")?;
            open.last_mut().ok_or(NotXml)?.text.push_str(text);
            Ok(())
        } else if markup.starts_with('?') {
            self.until("?>").map(drop)
        } else if markup.starts_with('!') {
            Err(NotXml)
        } else {
            self.rest = markup;
            self.tag(open)
        }
    }

    fn tag(&mut self, open: &mut Vec<Element<'a>>) -> Result<(), NotXml> {
        let tag = self.tag_text()?;
        if let Some(name) = tag.strip_prefix('/') {
            let closed = open.pop().ok_or(NotXml)?;
            let parent = open.last_mut().filter(|_| closed.name == local(name.trim_end()));
            parent.ok_or(NotXml)?.children.push(closed);
            return Ok(());
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(is_blank).unwrap_or((tag, ""));
        check_attributes(attributes)?;
        let element = Element { name: checked(local(name))?, ..Element::default() };
        self.elements += 1;
        if self.elements > limits::XML_ELEMENTS_MAX || open.len() > limits::XML_DEPTH_MAX {
            return Err(NotXml);
        }
        if is_empty {
            open.last_mut().ok_or(NotXml)?.children.push(element);
        } else {
            open.push(element);
        }
        Ok(())
    }

    /// What stands up to the tag's end, which quotes may hold too.
    fn tag_text(&mut self) -> Result<&'a str, NotXml> {
        let mut quote = None;
        let end = self.rest.bytes().position(|byte| match (byte, quote) {
            (b'"' | b'\'', None) => {
                quote = Some(byte);
                false
            }
            (byte, Some(open)) => {
                if byte == open {
                    quote = None;
                }
                false
            }
            (byte, None) => byte == b'>',
        });
        let end = end.ok_or(NotXml)?;
        let (tag, rest) = (self.rest.get(..end).ok_or(NotXml)?, self.rest.get(end + 1..).ok_or(NotXml)?);
        self.rest = rest;
        if tag.contains('<') { Err(NotXml) } else { Ok(tag) }
    }

    fn until(&mut self, end: &str) -> Result<&'a str, NotXml> {
        let (text, rest) = self.rest.split_once(end).ok_or(NotXml)?;
        self.rest = rest;
        Ok(text)
    }
}

/// Only that every attribute is a name with a quoted value.
fn check_attributes(mut attributes: &str) -> Result<(), NotXml> {
    loop {
        attributes = attributes.trim_start_matches(is_blank);
        if attributes.is_empty() {
            return Ok(());
        }
        let (name, value) = attributes.split_once('=').ok_or(NotXml)?;
        checked(local(name.trim_end_matches(is_blank)))?;
        let value = value.trim_start_matches(is_blank);
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or(NotXml)?;
        let (_, rest) = value.get(1..).and_then(|value| value.split_once(quote)).ok_or(NotXml)?;
        if !rest.is_empty() && !rest.starts_with(is_blank) {
            return Err(NotXml);
        }
        attributes = rest;
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn checked(name: &str) -> Result<&str, NotXml> {
    let legal = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let starts_well = name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_');
    if starts_well && name.chars().all(legal) { Ok(name) } else { Err(NotXml) }
}

const fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

/// Appends text with XML's own entities and character references replaced.
fn unescape(mut text: &str, to: &mut String) -> Result<(), NotXml> {
    while let Some((plain, reference)) = text.split_once('&') {
        to.push_str(plain);
        let (name, rest) = reference.split_once(';').ok_or(NotXml)?;
        to.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            number => character(number)?,
        });
        text = rest;
    }
    to.push_str(text);
    Ok(())
}

fn character(reference: &str) -> Result<char, NotXml> {
    let number = reference.strip_prefix('#').ok_or(NotXml)?;
    let code = match number.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    code.ok().filter(|code| *code != 0).and_then(char::from_u32).ok_or(NotXml)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_text() {
        let text = "\u{FEFF}<?xml version=\"1.0\"?>\n<!-- <x> --><s:a xmlns:s='u' b = \"1>2\" >x &lt;&#x41;&#66;\
                    <![CDATA[<&]]><b/><c >d</c\n></s:a>\n";
        let root = Element::parse(text.as_bytes()).unwrap();
        assert_eq!((root.name, root.text.as_str()), ("a", "x <AB<&"));
        assert_eq!(root.children.iter().map(|child| child.name).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(root.named("c").next().unwrap().text, "d");
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        let deep = "<a>".repeat(100) + &"</a>".repeat(100);
        let many = format!("<a>{}</a>", "<b/>".repeat(limits::XML_ELEMENTS_MAX));
        let entity = "<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\">]><a>&x;</a>";
        for text in [
            "",
            " ",
            "x",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<a",
            "<a b></a>",
            "<a b=c/>",
            "<a b='c/>",
            "<a>&x;</a>",
            "<a>&#0;</a>",
            "<a>&#xD800;</a>",
            "<a>&lt</a>",
            "<a><!--</a>",
            "<a><![CDATA[</a>",
            "<>",
            "< a/>",
            "<1/>",
            "<a b='c'd='e'/>",
            "<!DOCTYPE a><a/>",
            "<a><</a>",
            entity,
            &deep,
            &many,
            "\u{0}",
        ] {
            let start = text.get(..text.len().min(60)).unwrap();
            assert_eq!(Element::parse(text.as_bytes()), Err(NotXml), "{start}");
        }
        assert_eq!(Element::parse(b"<a>\xff</a>"), Err(NotXml));
    }
}
