//! An entry's description as text, for a store outside of this memory that keeps it with the body.

use super::{
    admit,
    control::Control,
    entry::{Body, Entry, Memo, Millis, tags},
    headers::Headers,
    purge,
};

/// The form of the text; another one is not read.
const FORM: &str = "1";

/// The description of an entry.
pub fn seal(entry: &Entry) -> String {
    let mut text = Headers::new();
    text.append("form", FORM);
    text.append("status", entry.status.to_string());
    text.append("came-at", entry.came_at.to_string());
    text.append("age", entry.age_at_arrival.to_string());
    if let Some(since) = entry.stale_since {
        text.append("stale-since", since.to_string());
    }
    if let Some(lifetime) = entry.control.lifetime {
        text.append("lifetime", lifetime.to_string());
    }
    for (name, value) in &entry.varies_on {
        match value {
            Some(value) => text.append(&format!("varies {name}"), value),
            None => text.append(&format!("without {name}"), ""),
        }
    }
    for (name, value) in entry.headers.iter() {
        text.append(&format!("field {name}"), value);
    }
    text.to_lines()
}

/// The entry that a description is of; nothing when it is none.
pub fn open(text: &str, body: Body, now: Millis) -> Option<Entry> {
    let text = Headers::from_lines(text);
    if text.get("form") != Some(FORM) {
        return None;
    }
    let mut headers = Headers::new();
    let mut varies_on = Vec::new();
    for (line, value) in text.iter() {
        match line.split_once(' ') {
            Some(("field", name)) => headers.append(name, value),
            Some(("varies", name)) => varies_on.push((name.to_owned(), Some(value.to_owned()))),
            Some(("without", name)) => varies_on.push((name.to_owned(), None)),
            _ => {}
        }
    }
    let came_at = text.get("came-at")?.parse().ok()?;
    let mut control = Control::of(&headers, came_at);
    control.lifetime = text.get("lifetime").and_then(|it| it.parse().ok());
    let status = text.get("status")?.parse().ok()?;
    Some(Entry {
        status,
        body,
        part: admit::part(status, &headers),
        came_at,
        here_since: now,
        age_at_arrival: text.get("age")?.parse().ok()?,
        control,
        varies_on,
        tags: tags(&headers),
        as_of: purge::as_of(&headers),
        headers,
        stale_since: text.get("stale-since").and_then(|it| it.parse().ok()),
        memo: Memo::default(),
    })
}

/// For how many seconds from now an entry is of any use.
pub fn useful_for(entry: &Entry, now: Millis) -> u32 {
    let control = &entry.control;
    let stale = control.stale_while_revalidate.max(control.stale_if_error);
    let left = entry.ttl(now).saturating_add(i64::from(stale));
    u32::try_from(left.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::{
        admit::{Admission, Rules, admit},
        plan::Request,
    };

    fn entry(lines: &[(&str, &str)]) -> Entry {
        let request = Request {
            method: "GET".into(),
            headers: [("accept-encoding", "br")].into_iter().collect(),
            whose: shared::key::Whose::Everybodys,
        };
        let headers: Headers = lines.iter().copied().collect();
        match admit(Rules::Shop, &request, 404, &headers, 5_000) {
            Admission::Store(terms) => terms.entry(404, &headers, Body::new((), 3), 4_000, 5_000),
            Admission::Leave(why) => panic!("{why}"),
        }
    }

    #[test]
    fn what_is_sealed_comes_back() {
        let lines = [
            ("cdn-cache-control", "max-age=60, stale-if-error=30"),
            ("vary", "accept-encoding, foo"),
            ("cache-tag", "p1,c1"),
            ("mallard-as-of", "7"),
            ("x-empty", ""),
            ("age", "4"),
        ];
        let entry = entry(&lines);
        let opened = open(&seal(&entry), entry.body.clone(), 9_000).unwrap();
        let expected = Entry {
            here_since: 9_000,
            ..entry.clone()
        };
        assert_eq!(opened, expected);
        assert_eq!(useful_for(&opened, 9_000), 60 - 5 - 4 + 30);
        assert_eq!(open("form\n0\n", entry.body, 0), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = open(&format!("form\n1\n{text}"), Body::new((), 0), 0);
        }
    }
}
