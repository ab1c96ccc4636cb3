//! The response of a handler: a body with its cache policy. One layer,
//! `http_pipeline::cache_headers`, writes the cache headers.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use shared::cache::CachePolicy;

/// The response of a handler.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    media_type: HeaderValue,
    body: Bytes,
    policy: CachePolicy,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A body and its policy, passed in the response's extensions to the layer that writes the headers.
#[derive(Clone, Debug)]
pub struct FinishedBody {
    /// The body, without a content coding.
    pub body: Bytes,
    /// How the response may be cached.
    pub policy: CachePolicy,
}

impl Answer {
    /// A JSON body.
    pub fn json<T: serde::Serialize>(value: &T, policy: CachePolicy) -> Self {
        // Only map keys that are not strings could make this fail, and the contract's types have
        // none.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self::new(HeaderValue::from_static("application/json"), body, policy)
    }

    /// An HTML page.
    pub fn html(page: String, policy: CachePolicy) -> Self {
        Self::new(
            HeaderValue::from_static("text/html; charset=utf-8"),
            page,
            policy,
        )
    }

    /// A body of any media type.
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

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The response to a successful form: a redirect to the next page (post/redirect/get).
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

    /// Adds cookies.
    #[must_use]
    pub fn cookies(mut self, cookies: impl IntoIterator<Item = HeaderValue>) -> Self {
        let cookies = cookies.into_iter().map(|it| (header::SET_COOKIE, it));
        self.headers.extend(cookies);
        self
    }

    /// Adds a header.
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
            // Appended, so that a second cookie does not replace the first.
            response.headers_mut().append(name, value);
        }
        response.extensions_mut().insert(FinishedBody {
            body: self.body,
            policy: self.policy,
        });
        response
    }
}
