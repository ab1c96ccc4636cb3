//! The limits that a client has. What is limited by who is meant, and not by who asks, stands where it
//! is done.

use std::{convert::Infallible, net::IpAddr};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, request::Parts};
use shared::{
    endpoint::{
        CREATE_TOKENS, FORGOT_PASSWORD, HOLD_CART, LOGIN, PLACE_ORDER, REGISTER, RESET_PASSWORD,
        VERIFY_EMAIL,
    },
    locale::Locale,
    page::{CHECKOUT, CHECKOUT_REVIEW, FIND_ORDER, action},
};

use crate::{app::App, config::Config, http::Client, web::Refusal};

use super::{Rule, TooOften, Verdict};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Where the API begins.
const API_ROOT: &str = "/api/v1";

/// The network that a request comes from, where it is known: what limits count by. Whoever has an IPv6
/// address has 2⁶⁴ of them, which are one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network(pub Option<String>);

impl Network {
    fn of(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }))
    }
}

impl<S: Sync> FromRequestParts<S> for Network {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let client = parts.extensions.get::<Client>().and_then(|it| it.0);
        Ok(client.map_or(Self(None), Self::of))
    }
}

/// Lets a request through unless its client has asked too often; the answer says how often it still
/// may (draft-ietf-httpapi-ratelimit-headers). A client that is not known has no limit: it came
/// through something that was not named in the settings.
pub async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let client = request.extensions().get::<Client>().and_then(|it| it.0);
    let network = client.and_then(|it| Network::of(it).0);
    let route = request.extensions().get::<MatchedPath>();
    let rule = route.and_then(|route| rule_of(&app.config, route.as_str(), request.method()));
    let (Some(network), Some(rule)) = (network, rule) else {
        return next.run(request).await;
    };
    let verdict = app.limits.take(rule, &network, app.clock.now()).await;
    let mut response = if verdict.allowed {
        next.run(request).await
    } else {
        tracing::info!(limit = rule.name, "a client asked too often");
        let retry_in = verdict.retry_in;
        Refusal::from(TooOften { retry_in }).into_response()
    };
    // What is the same for everybody does not say how often one of them has asked.
    if !verdict.allowed || rule.name != API {
        tell(&mut response, rule, verdict);
    }
    response
}

/// The rule of everything that has no other.
const API: &str = "api";

/// The rule of a route. A form of a page and the endpoint that does the same share one, in every
/// language. Pages that are only read have none.
fn rule_of(config: &Config, route: &str, method: &http::Method) -> Option<Rule> {
    let rest = Rule::per_minute(API, config.limit_api);
    let rule = if method.is_safe() {
        route.starts_with(API_ROOT).then_some(rest)
    } else {
        rule_of_deed(config, plain(route)).or(Some(rest))
    };
    rule.filter(|rule| rule.quota > 0)
}

/// A route without what its twins differ in: where the API begins, and the language.
fn plain(route: &str) -> &str {
    match route.strip_prefix(API_ROOT) {
        Some(path) => path,
        None => Locale::split(route).1,
    }
}

fn rule_of_deed(config: &Config, path: &str) -> Option<Rule> {
    let is = |routes: &[&str]| routes.iter().any(|it| plain(it) == path);
    let (name, quota) = if is(&[
        LOGIN.about.path,
        CREATE_TOKENS.about.path,
        RESET_PASSWORD.about.path,
        VERIFY_EMAIL.about.path,
    ]) {
        ("login", config.limit_login)
    } else if is(&[REGISTER.about.path]) {
        ("sign-up", config.limit_sign_up)
    } else if is(&[FORGOT_PASSWORD.about.path]) {
        ("reset", config.limit_sign_up)
    } else if is(&[PLACE_ORDER.about.path, CHECKOUT_REVIEW.path]) {
        ("checkout", config.limit_checkout)
    } else if is(&[HOLD_CART.about.path, CHECKOUT.path]) {
        ("hold", config.limit_checkout)
    } else if is(&[action::COUPONS]) {
        return Some(coupons(config));
    } else if is(&[FIND_ORDER.path]) {
        ("find-order", config.limit_login)
    } else {
        return None;
    };
    Some(Rule::per_minute(name, quota))
}

/// How often one client may try coupons, in whichever cart: carts cost nothing. The endpoint that takes
/// them takes everything else that a cart has, so it asks for itself.
pub fn coupons(config: &Config) -> Rule {
    Rule::per_minute("coupons-client", config.limit_coupons)
}

fn tell(response: &mut Response, rule: Rule, verdict: Verdict) {
    let (name, quota) = (rule.name, rule.quota);
    let policy = format!("\"{name}\";q={quota};w={}", rule.window.as_secs());
    let wait = verdict.full_in.as_secs_f64().ceil();
    let now = format!("\"{name}\";r={};t={wait}", verdict.remaining);
    for (field, value) in [(POLICY, policy), (RATE_LIMIT, now)] {
        // Names are our words and the rest is numbers.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(field, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};
    use http::Method;

    use super::*;

    fn config() -> Config {
        let command = Config::augment_args(clap::Command::new("origin"));
        Config::from_arg_matches(&command.get_matches_from(["origin"])).unwrap()
    }

    #[test]
    fn a_form_has_the_rule_of_its_endpoint_in_every_language() {
        let config = config();
        let name = |route: &str| rule_of(&config, route, &Method::POST).map(|it| it.name);
        for (path, expected) in [
            ("/account/login", "login"),
            ("/account/reset", "login"),
            ("/account/verify", "login"),
            ("/account/register", "sign-up"),
            ("/account/forgot", "reset"),
            ("/account/password", "api"),
            ("/account/logout", "api"),
        ] {
            assert_eq!(name(&format!("/api/v1{path}")), Some(expected), "{path}");
            for locale in Locale::ALL {
                assert_eq!(name(&locale.path(path)), Some(expected), "{path}");
            }
        }
        assert_eq!(name("/api/v1/carts/{cart}/order"), Some("checkout"));
        assert_eq!(name("/api/v1/carts/{cart}/hold"), Some("hold"));
        for locale in Locale::ALL {
            let page = |path: &str| name(&locale.path(path));
            assert_eq!(page("/checkout/review"), Some("checkout"));
            assert_eq!(page("/checkout"), Some("hold"));
            assert_eq!(page("/cart/coupons"), Some("coupons-client"));
            assert_eq!(page("/orders"), Some("find-order"));
            assert_eq!(page("/cart/lines"), Some("api"));
        }
    }

    #[test]
    fn reading_a_page_has_no_limit_and_reading_the_api_has_one() {
        let config = config();
        let name = |route: &str| rule_of(&config, route, &Method::GET).map(|it| it.name);
        for page in ["/", "/zh/account/login", "/orders", "/p/{slug}"] {
            assert_eq!(name(page), None, "{page}");
        }
        assert_eq!(name("/api/v1/products"), Some("api"));
        let unlimited = Config {
            limit_api: 0,
            ..config
        };
        assert_eq!(rule_of(&unlimited, "/api/v1/carts", &Method::POST), None);
    }

    #[test]
    fn a_network_is_what_one_client_has() {
        let of = |text: &str| Network::of(text.parse().unwrap()).0.unwrap();
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
