//! The cookies of a shopper. The cart's is read by the server alone; the other one holds nothing, and
//! tells the pages' scripts that asking who is there is worth it.

use axum_extra::extract::cookie::CookieJar;
use http::{HeaderMap, HeaderValue};
use shared::visitor::VISITOR_COOKIE;

use crate::{config::Config, web::SetCookie};

/// For how long a browser keeps a guest's cart.
const DAYS: i64 = 30;

/// The name of the cart's cookie; see the session's for the prefix.
fn name(config: &Config) -> &'static str {
    if config.is_secure() {
        "__Host-cart"
    } else {
        "cart"
    }
}

/// The token of the cart that a request's cookie names.
pub(super) fn cart(config: &Config, headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    let token = jar.get(name(config))?.value();
    (!token.is_empty()).then(|| token.to_owned())
}

/// What gives a guest's browser its cart.
pub fn bring_cart(config: &Config, token: &str) -> Vec<HeaderValue> {
    vec![
        cookie(config, name(config), token, true, DAYS),
        cookie(config, VISITOR_COOKIE, "1", false, DAYS),
    ]
}

/// What a browser gets when somebody signs in: the account has its own cart.
pub fn welcome(config: &Config) -> Vec<HeaderValue> {
    vec![
        cookie(config, name(config), "", true, 0),
        cookie(config, VISITOR_COOKIE, "1", false, DAYS),
    ]
}

/// What a browser gets when somebody signs out: nobody is there.
pub fn leave(config: &Config) -> Vec<HeaderValue> {
    vec![
        cookie(config, name(config), "", true, 0),
        cookie(config, VISITOR_COOKIE, "", false, 0),
    ]
}

fn cookie(
    config: &Config,
    name: &'static str,
    value: &str,
    hidden: bool,
    days: i64,
) -> HeaderValue {
    let cookie = SetCookie {
        name,
        value,
        max_age_s: Some(days * 24 * 60 * 60),
        http_only: hidden,
        secure: config.is_secure(),
    };
    cookie.header()
}
