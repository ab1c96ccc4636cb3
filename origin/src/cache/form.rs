//! An answer in one coding with all of its fields, and what a request says of the form in which it wants
//! one.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::coding::Coding;

/// What a request says of the form in which it wants an answer.
#[derive(Clone, Debug)]
pub struct Wanted {
    head: bool,
    accepted: HeaderMap,
}

impl Wanted {
    /// What this request says. Only who reads can have the answer already (RFC 9110 §13.1.2).
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let mut accepted = HeaderMap::new();
        for name in [header::ACCEPT_ENCODING, header::IF_NONE_MATCH] {
            if name == header::IF_NONE_MATCH && !reads {
                continue;
            }
            for value in headers.get_all(&name) {
                accepted.append(name.clone(), value.clone());
            }
        }
        Self {
            head: *method == Method::HEAD,
            accepted,
        }
    }

    /// The coding that it wants a body of this length in.
    pub fn coding(&self, length: usize) -> Coding {
        Coding::choose(&self.accepted, length)
    }

    /// Whether `If-None-Match` names this tag (compared weakly).
    fn has(&self, etag: &HeaderValue) -> bool {
        let Ok(etag) = etag.to_str() else {
            return false;
        };
        self.accepted
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    }
}

/// An answer in one coding.
#[derive(Clone, Debug)]
pub struct Form {
    /// Which one.
    pub coding: Coding,
    fields: HeaderMap,
    body: Bytes,
}

impl Form {
    /// The answer as it is. One with a tag need not be sent again to whoever has it.
    pub fn plain(mut fields: HeaderMap, body: Bytes, tagged: bool) -> Self {
        fields.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        if tagged && let Some(etag) = etag(&body) {
            fields.insert(header::ETAG, etag);
        }
        Self {
            coding: Coding::Identity,
            fields,
            body,
        }
    }

    /// A plain answer as it was once taken apart.
    pub fn of_parts(fields: HeaderMap, body: Bytes) -> Self {
        Self {
            coding: Coding::Identity,
            fields,
            body,
        }
    }

    /// Its fields and its body.
    pub fn parts(&self) -> (&HeaderMap, &Bytes) {
        (&self.fields, &self.body)
    }

    /// A plain answer in a coding. Compression of what is in memory fails only for want of memory; the plain
    /// one is right, too.
    pub fn in_coding(&self, coding: Coding) -> Self {
        let (Some(word), Ok(body)) = (coding.word(), coding.encode(&self.body)) else {
            return self.clone();
        };
        let mut fields = self.fields.clone();
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(word));
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        if let Some(etag) = self.fields.get(header::ETAG).and_then(|it| coded(it, word)) {
            fields.insert(header::ETAG, etag);
        }
        Self {
            coding,
            fields,
            body,
        }
    }

    /// How long the body is.
    pub fn length(&self) -> usize {
        self.body.len()
    }

    /// The response, without the body when the client has it or does not want it.
    pub fn answer(&self, status: StatusCode, wanted: &Wanted) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        let etag = self.fields.get(header::ETAG);
        let is_there = etag.is_some_and(|etag| wanted.has(etag));
        response.headers_mut().clone_from(&self.fields);
        if is_there {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            for name in [
                header::CONTENT_TYPE,
                header::CONTENT_ENCODING,
                header::CONTENT_LENGTH,
            ] {
                response.headers_mut().remove(name);
            }
        } else if !wanted.head {
            *response.body_mut() = Body::from(self.body.clone());
        }
        response
    }
}

/// A strong `ETag`: the hash of the plain body.
fn etag(plain: &Bytes) -> Option<HeaderValue> {
    let hash = blake3::hash(plain).to_hex();
    HeaderValue::from_str(&format!("\"{}\"", &hash[..24])).ok()
}

/// The tag in this coding of what has that one as it is: other bytes need another tag.
fn coded(plain: &HeaderValue, word: &str) -> Option<HeaderValue> {
    let plain = plain.to_str().ok()?.trim_end_matches('"');
    HeaderValue::from_str(&format!("{plain}-{word}\"")).ok()
}
