//! Extracts plain text from the HTML of other shops.

use std::borrow::Cow;

/// The most bytes between `<` and `>`.
const TAG_BYTES_MAX: usize = 4_096;

/// A single line: decodes entities, and replaces white space and control characters by single
/// spaces.
pub(super) fn line(text: &str) -> String {
    let text = html_escape::decode_html_entities(text);
    let parts = text.split(|c: char| c.is_whitespace() || c.is_control());
    parts
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The paragraphs of an HTML text, without tags and with decoded entities. A text without tags
/// keeps its line breaks.
pub(super) fn paragraphs(text: &str) -> String {
    let text = if text.contains('<') {
        Cow::Owned(without_tags(text))
    } else {
        Cow::Borrowed(text)
    };
    tidy(&html_escape::decode_html_entities(&text))
}

/// Removes tags, and inserts line breaks for block elements. A `<` that begins no tag stays.
fn without_tags(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    let mut hidden: Option<String> = None;
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        if hidden.is_none() {
            text.push_str(before);
        }
        let Some((name, after)) = read_tag(tag) else {
            if hidden.is_none() {
                text.push('<');
            }
            rest = &tag[1..];
            continue;
        };
        rest = after;
        match &hidden {
            Some(until) if name == *until => hidden = None,
            Some(_) => {}
            None if name == "script" || name == "style" => hidden = Some(format!("/{name}")),
            None => text.push_str(break_for(&name)),
        }
    }
    if hidden.is_none() {
        text.push_str(rest);
    }
    text
}

/// Parses the tag at the beginning of a text. Returns its name, in lower case and with the slash of
/// an end tag, and the text after it.
fn read_tag(text: &str) -> Option<(String, &str)> {
    if let Some(comment) = text.strip_prefix("<!--") {
        let end = comment.find("-->").map_or(comment.len(), |end| end + 3);
        return Some((String::new(), &comment[end..]));
    }
    let inner = &text[1..];
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '/';
    let name: String = inner
        .chars()
        .take(TAG_BYTES_MAX)
        .take_while(|c| is_name(*c))
        .collect();
    if !name
        .trim_start_matches('/')
        .starts_with(|c: char| c.is_ascii_alphabetic())
    {
        return None;
    }
    // No tag is this long. The limit prevents quadratic time for a text that consists of `<`.
    let end = inner
        .bytes()
        .take(TAG_BYTES_MAX)
        .position(|byte| byte == b'>')?;
    // The name of `<br/>` is `br`, and that of `</p>` is `/p`.
    let name = name.trim_end_matches('/').to_ascii_lowercase();
    Some((name, &inner[end + 1..]))
}

fn break_for(tag: &str) -> &'static str {
    match tag.trim_start_matches('/') {
        "p" | "div" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "table"
        | "section" | "article" | "blockquote" | "hr" | "pre" => "\n\n",
        "br" | "tr" => "\n",
        "li" if !tag.starts_with('/') => "\n• ",
        "td" | "th" => " ",
        _ => "",
    }
}

/// Trimmed lines with single spaces; at most one empty line between two.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines() {
        let parts = line.split(|c: char| c.is_whitespace() || c.is_control());
        let line = parts
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        if line.is_empty() || line == "•" {
            empty += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        empty = 0;
        out.push_str(&line);
    }
    out
}

/// A readable name for a slug: "Mens shirts" for "mens-shirts".
pub(super) fn words(slug: &str) -> String {
    let spaced = line(&slug.replace(['-', '_'], " "));
    let mut letters = spaced.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Parses a boolean in its usual spellings.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" | "yes" => Some(true),
        "false" | "0" | "f" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn html_becomes_paragraphs() {
        for (html, text) in [
            ("plain\ntext", "plain\ntext"),
            ("a < b & c > d", "a < b & c > d"),
            (
                "<p>One&nbsp;two</p><p>Three<br/>four</p>",
                "One two\n\nThree\nfour",
            ),
            (
                "<ul><li>a</li><li class=\"x\">b</li></ul>after",
                "• a\n• b\n\nafter",
            ),
            ("x<script>alert('<p>')</script>y", "xy"),
            ("<!-- gone -->k<b>e</b>pt <unclosed", "kept <unclosed"),
            ("&lt;b&gt; &#402; &amp;amp;", "<b> ƒ &amp;"),
            ("a\r\n\r\n\r\nb\u{0}c", "a\n\nb c"),
        ] {
            assert_eq!(paragraphs(html), text, "{html:?}");
        }
        assert_eq!(line(" a\r\n b&amp;c\u{7}"), "a b&c");
        assert_eq!(words("mens-shirts"), "Mens shirts");
    }

    proptest! {
        #[test]
        fn any_text_becomes_plain(text in "[<>/a-z&#;!\\- \\n\u{e9}茶\"]{0,80}") {
            let plain = paragraphs(&text);
            prop_assert!(!plain.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
