//! The cookies of a shopper. Only the server reads the cart cookie. The visitor cookie contains
//! nothing; it tells the scripts of a page that there is a visitor to fetch.

use axum_extra::extract::cookie::CookieJar;
use http::{HeaderMap, HeaderValue};
use shared::visitor::VISITOR_COOKIE;

use crate::{config::Config, web::SetCookie};

/// The lifetime of a guest's cart cookie.
const COOKIE_DAYS: i64 = 30;

/// The name of the cart cookie. The session cookie explains the prefix.
fn cart_cookie_name(config: &Config) -> &'static str {
    if config.is_secure() {
        "__Host-cart"
    } else {
        "cart"
    }
}

/// The cart token in a request's cookie.
pub(super) fn cart_token(config: &Config, headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    let token = jar.get(cart_cookie_name(config))?.value();
    (!token.is_empty()).then(|| token.to_owned())
}

/// The cookies of a guest with a cart.
pub fn cart_cookies(config: &Config, token: &str) -> Vec<HeaderValue> {
    vec![
        cookie(config, cart_cookie_name(config), token, true, COOKIE_DAYS),
        cookie(config, VISITOR_COOKIE, "1", false, COOKIE_DAYS),
    ]
}

/// The cookies after a sign-in: no guest cart, because the account has its own.
pub fn sign_in_cookies(config: &Config) -> Vec<HeaderValue> {
    vec![
        cookie(config, cart_cookie_name(config), "", true, 0),
        cookie(config, VISITOR_COOKIE, "1", false, COOKIE_DAYS),
    ]
}

/// The cookies after a sign-out: both are deleted.
pub fn sign_out_cookies(config: &Config) -> Vec<HeaderValue> {
    vec![
        cookie(config, cart_cookie_name(config), "", true, 0),
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
