//! Request fields that only the edge may send: the coding that it wants, the version that a
//! response must have at least, and the client's address. They are removed from requests without
//! the edge's signature, before any other layer reads them.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName};
use shared::{edge::FIELD_PREFIX, time::Timestamp};

use crate::app::App;

use super::client_address;

/// Removes the edge's fields from a request that the edge has not signed.
pub async fn remove_unsigned_fields(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let secret = app.config.edge_secret.as_deref();
    remove_unsigned(secret, request.headers_mut(), app.clock.now());
    next.run(request).await
}

fn remove_unsigned(secret: Option<&str>, headers: &mut HeaderMap, now: Timestamp) {
    let inner: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(FIELD_PREFIX))
        .cloned()
        .collect();
    if inner.is_empty()
        || secret.is_some_and(|it| client_address::verified_address(it, headers, now).is_some())
    {
        return;
    }
    for name in inner {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use shared::edge::{ADDRESS_HEADER, MIN_VERSION_HEADER, signed_address};

    use super::*;

    const NOW_S: i64 = 1_700_000_000;

    /// The number of fields that remain of a request with this signature.
    fn left(secret: Option<&str>, signature: Option<String>) -> usize {
        let mut headers = HeaderMap::new();
        headers.insert("accept", "*/*".parse().unwrap());
        for name in ["mallard-raw", MIN_VERSION_HEADER, "mallard-whatever"] {
            headers.insert(name, "1".parse().unwrap());
        }
        if let Some(signature) = signature {
            headers.insert(ADDRESS_HEADER, signature.parse().unwrap());
        }
        remove_unsigned(secret, &mut headers, Timestamp::from_millis(NOW_S * 1_000));
        headers.len()
    }

    #[test]
    fn edge_fields_require_a_valid_signature() {
        let signed = |secret: &str, seconds| Some(signed_address(secret, None, seconds));
        assert_eq!(left(Some("secret"), signed("secret", NOW_S)), 5);
        assert_eq!(left(Some("secret"), signed("guess", NOW_S)), 1);
        assert_eq!(left(Some("secret"), signed("secret", NOW_S - 61)), 1);
        assert_eq!(left(Some("secret"), Some("- 0 00".to_owned())), 1);
        assert_eq!(left(Some("secret"), None), 1);
        assert_eq!(left(None, signed("secret", NOW_S)), 1);
    }
}
