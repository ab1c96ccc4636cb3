//! Representations of a response (RFC 9110 §3.2), and what a request negotiates about them: the
//! coding, and whether the client's own copy is current.

use axum::{body::Body, response::Response};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::coding::Coding;

/// Smaller bodies fit into one packet without a coding.
const COMPRESS_MIN_BYTES: usize = 1_024;

/// The content negotiation and the preconditions of a request.
#[derive(Clone, Debug)]
pub struct Negotiation {
    head: bool,
    /// The preferred coding, for bodies that are worth one.
    coding: Coding,
    /// The values of `If-None-Match`.
    if_none_match: Vec<HeaderValue>,
}

impl Negotiation {
    /// Reads the request's fields. `If-None-Match` can lead to 304 for GET and HEAD only
    /// (RFC 9110 §13.1.2).
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

    /// The coding in which to send this response.
    pub fn coding(&self, plain: &Representation) -> Coding {
        if plain.compressible {
            self.coding
        } else {
            Coding::Identity
        }
    }

    /// Whether `If-None-Match` contains this entity tag, by weak comparison (RFC 9110 §8.8.3.2).
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

/// The headers and the body of a response in one coding.
#[derive(Clone, Debug)]
pub struct Representation {
    /// The coding of the body.
    pub coding: Coding,
    fields: Box<[(HeaderName, HeaderValue)]>,
    body: Bytes,
    /// Whether a coding makes the body smaller: it is large enough, and its format is not
    /// compressed.
    compressible: bool,
}

/// Fields whose values are static texts, which take no memory of their own.
const STATIC_FIELDS: [HeaderName; 4] = [
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::VARY,
];
/// Capacity for the fields that outer layers add to every response.
const LATER_FIELDS: usize = 8;

impl Representation {
    /// A representation without a coding. With `tagged` it gets a strong `ETag`, so that it can be
    /// validated.
    pub fn identity(mut fields: HeaderMap, body: Bytes, tagged: bool) -> Self {
        fields.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        if tagged && let Some(etag) = etag(&body) {
            fields.insert(header::ETAG, etag);
        }
        Self::from_parts(Coding::Identity, fields, body)
    }

    /// A representation from its coding, its complete fields and its encoded body.
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

    /// The same in little memory, for the cache: body and individual field values share one buffer.
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

    /// The fields and the body.
    pub fn parts(&self) -> (&[(HeaderName, HeaderValue)], &Bytes) {
        (&self.fields, &self.body)
    }

    fn field(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let field = self.fields.iter().find(|(it, _)| it == name);
        field.map(|(_, value)| value)
    }

    /// The fields as a header map.
    fn fields(&self) -> HeaderMap {
        let mut fields = HeaderMap::with_capacity(self.fields.len() + LATER_FIELDS);
        for (name, value) in &self.fields {
            fields.append(name.clone(), value.clone());
        }
        fields
    }

    /// Encodes an identity representation. Encoding from memory to memory fails only for want of
    /// memory; then the identity representation is correct, too.
    pub fn encoded(&self, coding: Coding) -> Self {
        let (Some(token), Ok(body)) = (coding.token(), coding.encode(&self.body)) else {
            return self.clone();
        };
        let mut fields = self.fields();
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static(token));
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let etag = self.field(&header::ETAG);
        if let Some(etag) = etag.and_then(|it| coded_etag(it, token)) {
            fields.insert(header::ETAG, etag);
        }
        Self::from_parts(coding, fields, body)
    }

    /// The length of the body in bytes.
    pub fn length(&self) -> usize {
        self.body.len()
    }

    /// The response for a request: 304 if the client's copy is current, and no body for HEAD.
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

/// Whether the format of this media type is already compressed: images other than SVG.
fn is_compressed(media_type: Option<&HeaderValue>) -> bool {
    let media_type = media_type.map_or(&b""[..], HeaderValue::as_bytes);
    media_type.starts_with(b"image/") && !media_type.starts_with(b"image/svg")
}

/// A strong `ETag`: the hash of the identity body.
fn etag(plain: &Bytes) -> Option<HeaderValue> {
    let hash = blake3::hash(plain).to_hex();
    HeaderValue::from_str(&format!("\"{}\"", &hash[..24])).ok()
}

/// The entity tag of the encoded representation: other bytes need another strong tag.
fn coded_etag(plain: &HeaderValue, token: &str) -> Option<HeaderValue> {
    let plain = plain.to_str().ok()?.trim_end_matches('"');
    HeaderValue::from_str(&format!("{plain}-{token}\"")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_and_images_are_not_encoded() {
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
    fn a_compact_representation_has_the_same_fields_and_body() {
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
    fn if_none_match_applies_to_get_and_head_only() {
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
