//! An answer in one coding with all of its fields, and what a request says of the form in which it wants
//! one.

use axum::{body::Body, response::Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::coding::Coding;

/// Bodies smaller than this fit into one packet anyway.
const COMPRESS_MIN_BYTES: usize = 1_024;

/// What a request says of the form in which it wants an answer.
#[derive(Clone, Debug)]
pub struct Negotiation {
    head: bool,
    /// For a body that is worth it.
    coding: Coding,
    /// What `If-None-Match` says.
    if_none_match: Vec<HeaderValue>,
}

impl Negotiation {
    /// What this request says. Only who reads can have the answer already (RFC 9110 §13.1.2).
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let mut if_none_match = Vec::new();
        if matches!(*method, Method::GET | Method::HEAD) {
            if_none_match.extend(headers.get_all(header::IF_NONE_MATCH).iter().cloned());
        }
        Self {
            head: *method == Method::HEAD,
            coding: Coding::choose(headers),
            if_none_match,
        }
    }

    /// The coding that it wants this answer in.
    pub fn coding(&self, plain: &Representation) -> Coding {
        if plain.compressible {
            self.coding
        } else {
            Coding::Identity
        }
    }

    /// Whether `If-None-Match` names this tag (compared weakly).
    fn matches(&self, etag: &HeaderValue) -> bool {
        let Ok(etag) = etag.to_str() else {
            return false;
        };
        self.if_none_match
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    }
}

/// An answer in one coding.
#[derive(Clone, Debug)]
pub struct Representation {
    /// Which one.
    pub coding: Coding,
    fields: Box<[(HeaderName, HeaderValue)]>,
    body: Bytes,
    /// Whether a coding makes it smaller: it is large enough, and its format is not compressed itself.
    compressible: bool,
}

/// Fields whose values are the program's own texts: they take no room of their own.
const STATIC_FIELDS: [HeaderName; 4] = [
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::VARY,
];
/// Room for the fields that every answer gets on its way out.
const LATER_FIELDS: usize = 8;

impl Representation {
    /// The answer as it is. One with a tag need not be sent again to whoever has it.
    pub fn identity(mut fields: HeaderMap, body: Bytes, tagged: bool) -> Self {
        fields.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        if tagged && let Some(etag) = etag(&body) {
            fields.insert(header::ETAG, etag);
        }
        Self::from_parts(Coding::Identity, fields, body)
    }

    /// An answer in a coding with all of its fields.
    pub fn from_parts(coding: Coding, fields: HeaderMap, body: Bytes) -> Self {
        Self {
            coding,
            fields: fields
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            compressible: body.len() >= COMPRESS_MIN_BYTES
                && !is_compressed(fields.get(header::CONTENT_TYPE)),
            body,
        }
    }

    /// The same in little room, to be kept: the body and what differs from answer to answer in one piece.
    pub fn compact(self) -> Self {
        let own = |name: &HeaderName| !STATIC_FIELDS.contains(name);
        let individual = || self.fields.iter().filter(|(name, _)| own(name));
        let room: usize = individual().map(|(_, value)| value.len()).sum();
        let mut piece = BytesMut::with_capacity(self.body.len() + room);
        piece.extend_from_slice(&self.body);
        for (_, value) in individual() {
            piece.extend_from_slice(value.as_bytes());
        }
        let mut rest = piece.freeze();
        let body = rest.split_to(self.body.len());
        let packed = self.fields.iter().map(|(name, value)| {
            let piece = own(name).then(|| rest.split_to(value.len()));
            let packed = piece.and_then(|piece| HeaderValue::from_maybe_shared(piece).ok());
            (name.clone(), packed.unwrap_or_else(|| value.clone()))
        });
        Self {
            coding: self.coding,
            fields: packed.collect(),
            body,
            compressible: self.compressible,
        }
    }

    /// Its fields, and its body.
    pub fn parts(&self) -> (&[(HeaderName, HeaderValue)], &Bytes) {
        (&self.fields, &self.body)
    }

    fn field(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let field = self.fields.iter().find(|(it, _)| it == name);
        field.map(|(_, value)| value)
    }

    /// Its fields, as a response has them.
    fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::with_capacity(self.fields.len() + LATER_FIELDS);
        for (name, value) in &self.fields {
            fields.append(name.clone(), value.clone());
        }
        fields
    }

    /// A plain answer in a coding. Compression of what is in memory fails only for want of memory; the plain
    /// one is right, too.
    pub fn encoded(&self, coding: Coding) -> Self {
        let (Some(word), Ok(body)) = (coding.word(), coding.encode(&self.body)) else {
            return self.clone();
        };
        let mut fields = self.fields();
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(word));
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let etag = self.field(&header::ETAG);
        if let Some(etag) = etag.and_then(|it| coded_etag(it, word)) {
            fields.insert(header::ETAG, etag);
        }
        Self::from_parts(coding, fields, body)
    }

    /// How long the body is.
    pub fn length(&self) -> usize {
        self.body.len()
    }

    /// The response, without the body when the client has it or does not want it.
    pub fn respond(&self, status: StatusCode, negotiation: &Negotiation) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        let etag = self.field(&header::ETAG);
        let is_not_modified = etag.is_some_and(|etag| negotiation.matches(etag));
        *response.headers_mut() = self.fields();
        if is_not_modified {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            for name in [
                header::CONTENT_TYPE,
                header::CONTENT_ENCODING,
                header::CONTENT_LENGTH,
            ] {
                response.headers_mut().remove(name);
            }
        } else if !negotiation.head {
            *response.body_mut() = Body::from(self.body.clone());
        }
        response
    }
}

/// Whether a format of this media type is compressed already: pictures other than drawings.
fn is_compressed(media_type: Option<&HeaderValue>) -> bool {
    let media_type = media_type.map_or(&b""[..], HeaderValue::as_bytes);
    media_type.starts_with(b"image/") && !media_type.starts_with(b"image/svg")
}

/// A strong `ETag`: the hash of the plain body.
fn etag(plain: &Bytes) -> Option<HeaderValue> {
    let hash = blake3::hash(plain).to_hex();
    HeaderValue::from_str(&format!("\"{}\"", &hash[..24])).ok()
}

/// The tag in this coding of what has that one as it is: other bytes need another tag.
fn coded_etag(plain: &HeaderValue, word: &str) -> Option<HeaderValue> {
    let plain = plain.to_str().ok()?.trim_end_matches('"');
    HeaderValue::from_str(&format!("{plain}-{word}\"")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_and_pictures_stay_as_they_are() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br"));
        let negotiation = Negotiation::of(&Method::GET, &headers);
        let plain = |media_type, length| {
            let mut fields = HeaderMap::new();
            fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
            Representation::identity(fields, Bytes::from(vec![b'q'; length]), true)
        };
        for (media_type, length, coding) in [
            ("text/html", COMPRESS_MIN_BYTES - 1, Coding::Identity),
            ("text/html", COMPRESS_MIN_BYTES, Coding::Br),
            ("image/svg+xml", COMPRESS_MIN_BYTES, Coding::Br),
            ("image/png", COMPRESS_MIN_BYTES, Coding::Identity),
            ("image/x-icon", COMPRESS_MIN_BYTES, Coding::Identity),
        ] {
            assert_eq!(
                negotiation.coding(&plain(media_type, length)),
                coding,
                "{media_type}"
            );
        }
    }

    #[test]
    fn what_is_packed_is_the_same() {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            (header::LINK, "</a>"),
            (header::LINK, "</b>"),
            (header::CONTENT_TYPE, "text/html"),
        ] {
            fields.append(name, HeaderValue::from_static(value));
        }
        let loose = Representation::identity(fields, Bytes::from_static(b"quack"), true);
        let packed = loose.clone().compact();
        assert_eq!(packed.parts(), loose.parts());
        assert_eq!(packed.fields(), loose.fields());
        let empty =
            Representation::from_parts(Coding::Br, HeaderMap::new(), Bytes::new()).compact();
        assert_eq!(empty.length(), 0);
    }

    #[test]
    fn only_who_reads_can_have_it_already() {
        let plain = Representation::identity(HeaderMap::new(), Bytes::from_static(b"quack"), true);
        let etag = plain.field(&header::ETAG).unwrap().clone();
        let weak = format!("\"other\", W/{}", etag.to_str().unwrap_or_default());
        for (method, if_none_match, status) in [
            (Method::GET, etag.clone(), StatusCode::NOT_MODIFIED),
            (
                Method::HEAD,
                HeaderValue::from_static("*"),
                StatusCode::NOT_MODIFIED,
            ),
            (Method::GET, weak.parse().unwrap(), StatusCode::NOT_MODIFIED),
            (
                Method::GET,
                HeaderValue::from_static("\"other\""),
                StatusCode::OK,
            ),
            (Method::POST, etag, StatusCode::OK),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, if_none_match);
            let negotiation = Negotiation::of(&method, &headers);
            assert_eq!(
                plain.respond(StatusCode::OK, &negotiation).status(),
                status,
                "{method}"
            );
        }
    }
}
