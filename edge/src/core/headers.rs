//! Header fields: an ordered list, names in lower case.

/// The fields of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

/// Fields that are about one connection (RFC 9110 §7.6.1) and end at the edge.
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
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// The fields of a text of lines, name and value by turns.
    pub fn from_lines(text: &str) -> Self {
        let mut headers = Self::new();
        let mut lines = text.split('\n');
        while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
            headers.append(name, value);
        }
        headers
    }

    /// The fields as a text of lines. No field holds a line break: what sent it would not have been
    /// HTTP.
    pub fn to_lines(&self) -> String {
        let mut text = String::with_capacity(self.size());
        for (name, value) in &self.0 {
            for part in [name, "\n", value, "\n"] {
                text.push_str(part);
            }
        }
        text
    }

    /// The fields whose names are wanted.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let lines = self.0.iter().filter(|(name, _)| wanted(name));
        Self(lines.cloned().collect())
    }

    /// Adds a line, beside those of the same name.
    pub fn append(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    /// Puts one line in the place of all of this name.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.append(name, value);
    }

    /// Takes all lines of this name away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(it, _)| it != name);
    }

    /// The first line of this name (given in lower case).
    pub fn get<'h>(&'h self, name: &'h str) -> Option<&'h str> {
        self.lines(name).next()
    }

    /// All lines of this name.
    pub fn lines<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.0
            .iter()
            .filter(move |(it, _)| it == name)
            .map(|(_, value)| value.as_str())
    }

    /// The members of a list that may be spread over several lines.
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

    /// All lines.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The fields that may travel on: without those about one connection, and without those that
    /// `Connection` names.
    #[must_use]
    pub fn end_to_end(&self) -> Self {
        let named: Vec<String> = self
            .members("connection")
            .map(str::to_ascii_lowercase)
            .collect();
        let travels =
            |name: &str| !HOP_BY_HOP.contains(&name) && !named.iter().any(|it| it == name);
        Self(
            self.0
                .iter()
                .filter(|(name, _)| travels(name))
                .cloned()
                .collect(),
        )
    }

    /// About how many bytes the fields take.
    pub fn size(&self) -> usize {
        self.0
            .iter()
            .map(|(name, value)| name.len() + value.len() + 32)
            .sum()
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
    fn lines_come_back_as_they_went() {
        let headers: Headers = [("a", "1"), ("b", ""), ("a", "2: 3")].into_iter().collect();
        assert_eq!(headers.to_lines(), "a\n1\nb\n\na\n2: 3\n");
        assert_eq!(Headers::from_lines(&headers.to_lines()), headers);
        assert_eq!(Headers::from_lines(""), Headers::new());
    }

    #[test]
    fn what_is_about_one_connection_stays() {
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
