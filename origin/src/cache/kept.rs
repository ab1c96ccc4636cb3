//! A finished answer: its bytes in every coding that somebody has asked for, with all of its fields, so
//! that answering with it again is copying them.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use shared::{cache::Tag, time::Timestamp};

use super::coding::Coding;

/// What a request says of the form in which it wants an answer.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whether it wants the fields alone.
    pub head: bool,
    accepted: HeaderMap,
}

impl Wanted {
    /// What this request says.
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let mut accepted = HeaderMap::new();
        for name in [header::ACCEPT_ENCODING, header::IF_NONE_MATCH] {
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

    /// Whether the client has what this tag names.
    pub fn has(&self, etag: &HeaderValue) -> bool {
        matches(&self.accepted, etag)
    }
}

/// A finished answer.
#[derive(Debug)]
pub struct Kept {
    status: StatusCode,
    forms: Vec<Form>,
    tags: Vec<Tag>,
    as_of: u64,
    made_at: Timestamp,
    /// When it is to be made again, in milliseconds; later when that fails.
    fresh_until: AtomicI64,
    lifetime_ms: i64,
    /// The last change that is known to leave it right.
    right_at: AtomicU64,
    asked: AtomicU32,
}

/// An answer in one coding.
#[derive(Clone, Debug)]
struct Form {
    coding: Coding,
    fields: HeaderMap,
    body: Bytes,
}

/// How an answer is kept.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What it was made from.
    pub tags: Vec<Tag>,
    /// The last change that is in it.
    pub as_of: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// For how long it need not be made again.
    pub lifetime_ms: i64,
}

/// About what an answer takes beside its bodies.
const REST_BYTES: usize = 1_024;
/// How much of its life an answer has had when it is made again before it ends, of a hundred.
const AHEAD: i64 = 80;
/// How often it must have been asked for by then.
const ASKED_OFTEN: u32 = 2;

impl Kept {
    /// An answer whose fields are all there, except for those that depend on the coding.
    pub fn new(status: StatusCode, fields: HeaderMap, body: Bytes, terms: Terms) -> Self {
        let plain = Form::new(&fields, status, body, Coding::Identity, None);
        Self::of(status, vec![plain], terms)
    }

    fn of(status: StatusCode, forms: Vec<Form>, terms: Terms) -> Self {
        Self {
            status,
            forms,
            fresh_until: AtomicI64::new(terms.made_at.as_millis() + terms.lifetime_ms),
            lifetime_ms: terms.lifetime_ms,
            right_at: AtomicU64::new(terms.as_of),
            asked: AtomicU32::new(0),
            tags: terms.tags,
            as_of: terms.as_of,
            made_at: terms.made_at,
        }
    }

    /// The answer, in the coding that is wanted, if it is there in that coding.
    pub fn answer(&self, wanted: &Wanted) -> Option<Response> {
        let coding = wanted.coding(self.plain().body.len());
        let form = self.forms.iter().find(|it| it.coding == coding)?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let etag = form.fields.get(header::ETAG);
        let is_there = etag.is_some_and(|etag| wanted.has(etag));
        response.headers_mut().clone_from(&form.fields);
        if is_there {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(header::CONTENT_TYPE);
            response.headers_mut().remove(header::CONTENT_ENCODING);
            response.headers_mut().remove(header::CONTENT_LENGTH);
        } else if !wanted.head {
            *response.body_mut() = Body::from(form.body.clone());
        }
        Some(response)
    }

    /// The same with one more coding. Compression of what is in memory fails only for want of memory.
    pub fn in_coding_too(&self, wanted: &Wanted) -> std::io::Result<Self> {
        let plain = self.plain();
        let coding = wanted.coding(plain.body.len());
        let body = coding.encode(&plain.body)?;
        let mut forms = self.forms.clone();
        let plain_tag = plain.fields.get(header::ETAG);
        forms.push(Form::new(
            &plain.fields,
            self.status,
            body,
            coding,
            plain_tag,
        ));
        let terms = Terms {
            tags: self.tags.clone(),
            as_of: self.as_of,
            made_at: self.made_at,
            lifetime_ms: self.lifetime_ms,
        };
        let more = Self::of(self.status, forms, terms);
        let copy = |from: &AtomicI64, to: &AtomicI64| {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        copy(&self.fresh_until, &more.fresh_until);
        more.asked
            .store(self.asked.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(more)
    }

    fn plain(&self) -> &Form {
        // The first form is the plain one, and there is always one.
        &self.forms[0]
    }

    /// The last change that is in it.
    pub fn as_of(&self) -> u64 {
        self.as_of
    }

    /// What it was made from.
    pub fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// Whether it need not be made again yet.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.as_millis() < self.fresh_until.load(Ordering::Relaxed)
    }

    /// Puts off making it again, because that has failed.
    pub fn put_off(&self, until_ms: i64) {
        self.fresh_until.fetch_max(until_ms, Ordering::Relaxed);
    }

    /// Notes that it was asked for, and says whether it is time to make it again before its life ends;
    /// one of those who ask is told so.
    pub fn is_to_be_renewed(&self, now: Timestamp) -> bool {
        let asked = self.asked.load(Ordering::Relaxed);
        if asked <= ASKED_OFTEN {
            self.asked.store(asked + 1, Ordering::Relaxed);
            return false;
        }
        let age = now.as_millis() - self.made_at.as_millis();
        age * 100 >= self.lifetime_ms * AHEAD
            && asked != u32::MAX
            && self.asked.swap(u32::MAX, Ordering::Relaxed) != u32::MAX
    }

    /// Whether it was right at this change, according to `look`, which is asked once for each change.
    pub fn is_right_at(&self, latest: u64, look: impl FnOnce() -> bool) -> bool {
        if self.right_at.load(Ordering::Relaxed) >= latest {
            return true;
        }
        let right = look();
        if right {
            self.right_at.fetch_max(latest, Ordering::Relaxed);
        }
        right
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        self.forms
            .iter()
            .map(|form| form.body.len() + REST_BYTES)
            .sum()
    }
}

impl Form {
    fn new(
        fields: &HeaderMap,
        status: StatusCode,
        body: Bytes,
        coding: Coding,
        plain_tag: Option<&HeaderValue>,
    ) -> Self {
        let mut fields = fields.clone();
        if status == StatusCode::OK {
            let tag = match plain_tag {
                Some(tag) => tag_in(tag, coding),
                None => etag(&body, coding),
            };
            if let Some(tag) = tag {
                fields.insert(header::ETAG, tag);
            }
        }
        if let Some(word) = coding.word() {
            let word = HeaderValue::from_static(word);
            fields.insert(header::CONTENT_ENCODING, word);
        }
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        Self {
            coding,
            fields,
            body,
        }
    }
}

/// A strong `ETag`: the hash of the plain body and, because other bytes need another tag, the coding.
pub fn etag(plain: &Bytes, coding: Coding) -> Option<HeaderValue> {
    let hash = blake3::hash(plain).to_hex();
    let tag = HeaderValue::from_str(&format!("\"{}\"", &hash[..24])).ok()?;
    tag_in(&tag, coding)
}

/// The tag in this coding of what has this one as it is.
fn tag_in(plain: &HeaderValue, coding: Coding) -> Option<HeaderValue> {
    let Some(word) = coding.word() else {
        return Some(plain.clone());
    };
    let plain = plain.to_str().ok()?.trim_end_matches('"');
    HeaderValue::from_str(&format!("{plain}-{word}\"")).ok()
}

/// Whether `If-None-Match` names this tag (RFC 9110 §13.1.2: compared weakly).
fn matches(asked: &HeaderMap, etag: &HeaderValue) -> bool {
    let Ok(etag) = etag.to_str() else {
        return false;
    };
    asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}
