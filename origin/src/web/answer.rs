//! An answer: a finished body with the policy by which it may be kept. The headers are written by
//! one layer, `http::finish`.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use shared::cache::CachePolicy;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    media_type: HeaderValue,
    body: Bytes,
    policy: CachePolicy,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A finished body on its way to the layer that writes the headers.
#[derive(Clone, Debug)]
pub struct FinishedBody {
    /// The body, not compressed.
    pub body: Bytes,
    /// How it may be kept.
    pub policy: CachePolicy,
}

impl Answer {
    /// A JSON body.
    pub fn json<T: serde::Serialize>(value: &T, policy: CachePolicy) -> Self {
        // The contract's types have text keys and no floats, which is all that can fail here.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self::new(HeaderValue::from_static("application/json"), body, policy)
    }

    /// A page.
    pub fn html(page: String, policy: CachePolicy) -> Self {
        Self::new(
            HeaderValue::from_static("text/html; charset=utf-8"),
            page,
            policy,
        )
    }

    /// A body of another media type.
    pub fn new(media_type: HeaderValue, body: impl Into<Bytes>, policy: CachePolicy) -> Self {
        Self {
            status: StatusCode::OK,
            media_type,
            body: body.into(),
            policy,
            headers: Vec::new(),
        }
    }

    /// A permanent redirect.
    pub fn moved(to: &str, policy: CachePolicy) -> Self {
        let mut answer = Self::new(HeaderValue::from_static("text/plain"), Bytes::new(), policy);
        answer.status = StatusCode::PERMANENT_REDIRECT;
        // Addresses are made of encoded segments, so they are always a header value.
        answer
            .headers
            .extend(HeaderValue::from_str(to).map(|to| (header::LOCATION, to)));
        answer
    }

    /// The same with another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// What a form answers when it is done: the page to look at now (post, redirect, get).
    pub fn see(path: &str) -> Self {
        let mut answer = Self::new(
            HeaderValue::from_static("text/plain"),
            Bytes::new(),
            CachePolicy::Private,
        );
        answer.status = StatusCode::SEE_OTHER;
        // Addresses are made of encoded segments, so they are always a header value.
        let to = HeaderValue::from_str(path);
        answer.headers.extend(to.map(|to| (header::LOCATION, to)));
        answer
    }

    /// The same with these cookies.
    #[must_use]
    pub fn cookies(mut self, cookies: impl IntoIterator<Item = HeaderValue>) -> Self {
        let cookies = cookies.into_iter().map(|it| (header::SET_COOKIE, it));
        self.headers.extend(cookies);
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, self.media_type);
        for (name, value) in self.headers {
            // A second cookie does not take the place of the first.
            response.headers_mut().append(name, value);
        }
        response.extensions_mut().insert(FinishedBody {
            body: self.body,
            policy: self.policy,
        });
        response
    }
}
