//! Header fields: an ordered list with names in lower case.

/// The header fields of a message. All lines share one string, so that a request is read and
/// answered without an allocation for each of them.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    text: String,
    lines: Vec<Line>,
}

/// The position of a field line in the string: the name from `start` to `middle`, the value from
/// there to `end`.
#[derive(Clone, Copy, Debug)]
struct Line {
    start: usize,
    middle: usize,
    end: usize,
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

/// Hop-by-hop fields, which apply to one connection only (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Headers {
    /// Creates an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses lines that hold names and values by turns.
    pub fn from_lines(text: &str) -> Self {
        let mut headers = Self {
            text: String::with_capacity(text.len() + 64),
            lines: Vec::with_capacity(24),
        };
        let mut lines = text.split('\n');
        while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
            headers.append(name, value);
        }
        headers
    }

    /// Formats the fields as lines that hold names and values by turns. No value contains a line
    /// break, because HTTP forbids it.
    pub fn to_lines(&self) -> String {
        let mut text = String::with_capacity(self.text.len() + 2 * self.lines.len());
        for (name, value) in self.iter() {
            for part in [name, "\n", value, "\n"] {
                text.push_str(part);
            }
        }
        text
    }

    /// The fields whose names satisfy a predicate.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let mut headers = Self::new();
        for (name, value) in self.iter().filter(|(name, _)| wanted(name)) {
            headers.append(name, value);
        }
        headers
    }

    /// Adds a line, and keeps the other lines of the same name.
    pub fn append(&mut self, name: &str, value: impl AsRef<str>) {
        let start = self.text.len();
        self.text.push_str(name);
        self.text[start..].make_ascii_lowercase();
        let middle = self.text.len();
        self.text.push_str(value.as_ref());
        let end = self.text.len();
        self.lines.push(Line { start, middle, end });
    }

    /// Replaces all lines of this name by one.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) {
        self.remove(name);
        self.append(name, value);
    }

    /// Removes all lines of this name.
    pub fn remove(&mut self, name: &str) {
        let text = &self.text;
        self.lines.retain(|it| &text[it.start..it.middle] != name);
    }

    /// The value of the first line of this name (given in lower case).
    pub fn get<'h>(&'h self, name: &'h str) -> Option<&'h str> {
        self.lines(name).next()
    }

    /// The values of all lines of this name.
    pub fn lines<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.iter()
            .filter(move |(it, _)| *it == name)
            .map(|(_, value)| value)
    }

    /// The members of a list-based field, which may be spread over several lines (RFC 9110 §5.6.1).
    pub fn members<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        let members = self
            .lines(name)
            .flat_map(|line| line.split(','))
            .map(str::trim);
        members.filter(|member| !member.is_empty())
    }

    /// Whether there is a line of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All lines as names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let part = |line: &Line| {
            let name = &self.text[line.start..line.middle];
            (name, &self.text[line.middle..line.end])
        };
        self.lines.iter().map(part)
    }

    /// The end-to-end fields: without the hop-by-hop ones, and without those that `Connection`
    /// names.
    #[must_use]
    pub fn end_to_end(&self) -> Self {
        let named: Vec<String> = self
            .members("connection")
            .map(str::to_ascii_lowercase)
            .collect();
        self.only(|name| !HOP_BY_HOP.contains(&name) && !named.iter().any(|it| it == name))
    }

    /// The approximate memory size in bytes.
    pub fn size(&self) -> usize {
        self.text.len() + 32 * self.lines.len()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(lines: I) -> Self {
        let mut headers = Self::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_lines_survive_a_round_trip() {
        let headers: Headers = [("a", "1"), ("b", ""), ("a", "2: 3")].into_iter().collect();
        assert_eq!(headers.to_lines(), "a\n1\nb\n\na\n2: 3\n");
        assert_eq!(Headers::from_lines(&headers.to_lines()), headers);
        assert_eq!(Headers::from_lines(""), Headers::new());
    }

    #[test]
    fn hop_by_hop_fields_are_removed() {
        let headers: Headers = [
            ("Connection", "close, X-Mine"),
            ("x-mine", "1"),
            ("Transfer-Encoding", "chunked"),
            ("etag", "\"a\""),
        ]
        .into_iter()
        .collect();
        let expected: Headers = [("etag", "\"a\"")].into_iter().collect();
        assert_eq!(headers.end_to_end(), expected);
    }
}
