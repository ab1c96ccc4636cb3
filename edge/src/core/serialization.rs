//! The metadata of a stored response as text, for the second-level cache, which keeps it beside the
//! body.

use super::{
    admission,
    cache_control::CacheControl,
    headers::Headers,
    purge_log,
    stored_response::{AdapterMemo, Millis, StoredBody, StoredResponse, tags},
};

/// The version of the format. A text of another version is not read.
const FORMAT_VERSION: &str = "1";

/// Serializes the metadata of a stored response.
pub fn serialize(response: &StoredResponse) -> String {
    let mut text = Headers::new();
    text.append("form", FORMAT_VERSION);
    text.append("status", response.status.to_string());
    text.append("came-at", response.received_at.to_string());
    text.append("age", response.corrected_initial_age.to_string());
    if let Some(since) = response.invalidated_at {
        text.append("stale-since", since.to_string());
    }
    if let Some(lifetime) = response.cache_control.freshness_lifetime {
        text.append("lifetime", lifetime.to_string());
    }
    for (name, value) in &response.vary_values {
        match value {
            Some(value) => text.append(&format!("varies {name}"), value),
            None => text.append(&format!("without {name}"), ""),
        }
    }
    for (name, value) in response.headers.iter() {
        text.append(&format!("field {name}"), value);
    }
    text.to_lines()
}

/// Restores a stored response from its metadata and body; None if the metadata is invalid.
pub fn deserialize(text: &str, body: StoredBody, now: Millis) -> Option<StoredResponse> {
    let text = Headers::from_lines(text);
    if text.get("form") != Some(FORMAT_VERSION) {
        return None;
    }
    let mut headers = Headers::new();
    let mut vary_values = Vec::new();
    for (line, value) in text.iter() {
        match line.split_once(' ') {
            Some(("field", name)) => headers.append(name, value),
            Some(("varies", name)) => vary_values.push((name.to_owned(), Some(value.to_owned()))),
            Some(("without", name)) => vary_values.push((name.to_owned(), None)),
            _ => {}
        }
    }
    let received_at = text.get("came-at")?.parse().ok()?;
    let mut cache_control = CacheControl::from_headers(&headers, received_at);
    cache_control.freshness_lifetime = text.get("lifetime").and_then(|it| it.parse().ok());
    let status = text.get("status")?.parse().ok()?;
    Some(StoredResponse {
        status,
        body,
        content_range: admission::content_range(status, &headers),
        received_at,
        stored_at: now,
        corrected_initial_age: text.get("age")?.parse().ok()?,
        cache_control,
        vary_values,
        tags: tags(&headers),
        catalogue_version: purge_log::catalogue_version(&headers),
        headers,
        invalidated_at: text.get("stale-since").and_then(|it| it.parse().ok()),
        memo: AdapterMemo::default(),
    })
}

/// For how many seconds from now the response may still be served, fresh or stale.
pub fn useful_for_s(response: &StoredResponse, now: Millis) -> u32 {
    let cache_control = &response.cache_control;
    let stale = cache_control
        .stale_while_revalidate
        .max(cache_control.stale_if_error);
    let left = response.ttl(now).saturating_add(i64::from(stale));
    u32::try_from(left.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::{
        admission::{Admission, CacheRules, admit},
        plan::CacheRequest,
    };

    fn response(lines: &[(&str, &str)]) -> StoredResponse {
        let request = CacheRequest {
            method: "GET".into(),
            headers: [("accept-encoding", "br")].into_iter().collect(),
            audience: shared::cache_key::Audience::Public,
        };
        let headers: Headers = lines.iter().copied().collect();
        match admit(CacheRules::Shop, &request, 404, &headers, 5_000) {
            Admission::Store(metadata) => {
                metadata.into_response(404, &headers, StoredBody::new((), 3), 4_000, 5_000)
            }
            Admission::DoNotStore(why) => panic!("{why}"),
        }
    }

    #[test]
    fn metadata_survives_a_round_trip() {
        let lines = [
            ("cdn-cache-control", "max-age=60, stale-if-error=30"),
            ("vary", "accept-encoding, foo"),
            ("cache-tag", "p1,c1"),
            ("mallard-as-of", "7"),
            ("x-empty", ""),
            ("age", "4"),
        ];
        let response = response(&lines);
        let restored = deserialize(&serialize(&response), response.body.clone(), 9_000).unwrap();
        let expected = StoredResponse {
            stored_at: 9_000,
            ..response.clone()
        };
        assert_eq!(restored, expected);
        assert_eq!(useful_for_s(&restored, 9_000), 60 - 5 - 4 + 30);
        assert_eq!(deserialize("form\n0\n", response.body, 0), None);
    }

    proptest! {
        #[test]
        fn deserializing_never_panics(text in "\\PC{0,60}") {
            let _ = deserialize(&format!("form\n1\n{text}"), StoredBody::new((), 0), 0);
        }
    }
}
