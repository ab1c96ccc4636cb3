//! Extractors for API handlers. Invalid input becomes a problem that names the field.

use axum::{
    Router,
    extract::{FromRequest, FromRequestParts, Request},
    handler::Handler,
    routing::{MethodFilter, on},
};
use http::{header, request::Parts};
use serde::de::DeserializeOwned;
use shared::{
    endpoint::{Endpoint, Method},
    problem::{Problem, ProblemKind},
};

use super::Refusal;

/// The query parameters, in the endpoint's type.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        let deserializer = serde_html_form::Deserializer::new(pairs);
        match serde_path_to_error::deserialize(deserializer) {
            Ok(query) => Ok(Self(query)),
            Err(error) => Err(wrong(ProblemKind::Invalid, &error).into()),
        }
    }
}

/// The path parameters, in the endpoint's type.
#[derive(Clone, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(rejection) => Err(Problem::new(ProblemKind::BadRequest)
                .detail(rejection.body_text())
                .into()),
        }
    }
}

/// A JSON body, in the endpoint's type.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        if !is_json(&request) {
            return Err(Refusal::of(ProblemKind::UnsupportedMediaType));
        }
        let body = bytes::Bytes::from_request(request, state)
            .await
            .map_err(|rejection| match rejection.status() {
                http::StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ProblemKind::TooLarge),
                _ => Problem::new(ProblemKind::BadRequest).detail(rejection.body_text()),
            })?;
        let mut deserializer = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut deserializer);
        let ended = deserializer.end();
        match (value, ended) {
            (Ok(value), Ok(())) => Ok(Self(value)),
            (Err(error), _) if error.inner().is_data() => {
                Err(wrong(ProblemKind::Invalid, &error).into())
            }
            (Err(error), _) => {
                Err(Problem::new(ProblemKind::BadRequest).detail(error.into_inner().to_string()))?
            }
            (_, Err(error)) => {
                Err(Problem::new(ProblemKind::BadRequest).detail(error.to_string()))?
            }
        }
    }
}

/// `application/json`, or any type with the suffix `+json`.
fn is_json(request: &Request) -> bool {
    let value = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|it| it.to_str().ok());
    let essence = value
        .and_then(|it| it.split(';').next())
        .unwrap_or_default()
        .trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn wrong<E: std::fmt::Display>(
    kind: ProblemKind,
    error: &serde_path_to_error::Error<E>,
) -> Problem {
    let detail = error.inner().to_string();
    let path = error.path().to_string();
    // An unknown field has no path; serde's message names it.
    let unknown = detail
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next());
    let field = unknown.map_or(path, str::to_owned);
    Problem::new(kind).field(field, detail)
}

/// Routes endpoints as the contract describes them.
pub trait RouterExt<S> {
    /// Routes an endpoint to its handler.
    #[must_use]
    fn endpoint<P, Q, B, R, H, T>(self, endpoint: &Endpoint<P, Q, B, R>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static;
}

impl<S: Clone + Send + Sync + 'static> RouterExt<S> for Router<S> {
    fn endpoint<P, Q, B, R, H, T>(self, endpoint: &Endpoint<P, Q, B, R>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let method = match endpoint.spec.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Patch => MethodFilter::PATCH,
            Method::Delete => MethodFilter::DELETE,
        };
        self.route(endpoint.spec.path, on(method, handler))
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use shared::catalog::{ListProducts, Sort};

    use super::*;

    async fn query(query: &str) -> Result<ListProducts, Refusal> {
        let request = Request::get(format!("/?{query}"))
            .body(Body::empty())
            .unwrap();
        let (mut parts, _) = request.into_parts();
        Query::from_request_parts(&mut parts, &())
            .await
            .map(|Query(query)| query)
    }

    #[tokio::test]
    async fn repeated_parameters_become_lists() {
        let query = query("brand=a&sort=price_up&brand=b%26c").await.unwrap();
        assert_eq!(query.brand, ["a", "b&c"]);
        assert_eq!(query.sort, Sort::PriceUp);
    }

    #[tokio::test]
    async fn an_error_names_the_parameter() {
        for (text, field) in [
            ("limit=x", "limit"),
            ("sort=up", "sort"),
            ("cursor=!", "cursor"),
            ("availability=in_stock&availability=many", "availability"),
            ("colour=red", "colour"),
        ] {
            let refusal = format!("{:?}", query(text).await.unwrap_err());
            assert!(
                refusal.contains(&format!("field: \"{field}")),
                "{text}: {refusal}"
            );
        }
    }

    async fn json(content_type: &str, body: &'static str) -> Result<ListProducts, Refusal> {
        let request = Request::post("/").header("content-type", content_type);
        let request = request.body(Body::from(body)).unwrap();
        Json::from_request(request, &())
            .await
            .map(|Json(value)| value)
    }

    #[tokio::test]
    async fn a_body_must_be_json_with_a_json_media_type() {
        assert!(json("application/json; charset=utf-8", "{}").await.is_ok());
        assert!(json("application/merge-patch+json", "{}").await.is_ok());
        for (content_type, body, word) in [
            ("text/plain", "{}", "unsupported-media-type"),
            ("", "{}", "unsupported-media-type"),
            ("application/json", "{", "bad-request"),
            ("application/json", "{} {}", "bad-request"),
            ("application/json", r#"{"limit":"x"}"#, "invalid"),
        ] {
            let refusal = format!("{:?}", json(content_type, body).await.unwrap_err());
            assert!(refusal.contains(word), "{content_type} {body}: {refusal}");
        }
    }
}
