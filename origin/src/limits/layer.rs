//! The limits that a client has. What is limited by who is meant, and not by who asks, stands where it
//! is done.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue};
use shared::{
    endpoint::{
        CREATE_TOKENS, FORGOT_PASSWORD, HOLD_CART, LOGIN, PLACE_ORDER, REGISTER, RESET_PASSWORD,
        VERIFY_EMAIL,
    },
    locale::Locale,
    page::{CHECKOUT, CHECKOUT_REVIEW, FIND_ORDER, action},
};

use crate::{accounts, app::App, config::Config, http::Client, web::Refusal};

use super::{Network, Rule, Subject, TooOften, Verdict};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Where the API begins.
const API_ROOT: &str = "/api/v1";

/// Lets a request through unless its client has asked too often; the answer says how often it still
/// may (draft-ietf-httpapi-ratelimit-headers). A client that is not known has no limit: it came
/// through something that was not named in the settings.
pub async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let client = request.extensions().get::<Client>().and_then(|it| it.0);
    let route = request.extensions().get::<MatchedPath>();
    let rule = route.and_then(|route| rule_of(&app.config, route.as_str(), request.method()));
    let (Some(client), Some(rule)) = (client, rule) else {
        return next.run(request).await;
    };
    // A browser that has signed in before does not share its limit with those who guess.
    let device = match rule.name {
        LOGIN_RULE => accounts::known_device(&app, request.headers()).await,
        _ => Ok(None),
    };
    let taken = match device {
        Ok(Some(mark)) => {
            let now = app.clock.now();
            let verdict = app.limits.take(rule, Subject::Device(&mark), now).await;
            Some((rule, verdict))
        }
        Ok(None) => take(&app, &Network::of(client), rule).await,
        Err(error) => return Refusal::from(error).into_response(),
    };
    let Some((rule, verdict)) = taken else {
        return next.run(request).await;
    };
    let mut response = if verdict.allowed {
        next.run(request).await
    } else {
        tracing::info!(limit = rule.name, "rate limit exceeded");
        let retry_in = verdict.retry_in;
        Refusal::from(TooOften { retry_in }).into_response()
    };
    // What is the same for everybody does not say how often one of them has asked.
    if !verdict.allowed || rule.name != API {
        tell(&mut response, rule, verdict);
    }
    response
}

/// Takes one request from a client's network and from those around it, the smallest one first; the answer
/// is of the network that refuses, or else of the client's own.
async fn take(app: &App, network: &Network, rule: Rule) -> Option<(Rule, Verdict)> {
    let now = app.clock.now();
    let mut own = None;
    for (rule, subject) in network.buckets(&app.config, rule) {
        let verdict = app.limits.take(rule, subject, now).await;
        if !verdict.allowed {
            return Some((rule, verdict));
        }
        own.get_or_insert((rule, verdict));
    }
    own
}

/// The same for what a handler limits by itself.
pub async fn check_network(app: &App, network: &Network, rule: Rule) -> Result<(), TooOften> {
    match take(app, network, rule).await {
        Some((_, verdict)) if !verdict.allowed => {
            tracing::info!(limit = rule.name, "rate limit exceeded");
            Err(TooOften {
                retry_in: verdict.retry_in,
            })
        }
        _ => Ok(()),
    }
}

/// The rule of everything that has no other.
const API: &str = "api";
/// The rule of signing in.
const LOGIN_RULE: &str = "login";

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
    let (name, quota) = if is(&[LOGIN.spec.path, CREATE_TOKENS.spec.path, action::CODE]) {
        (LOGIN_RULE, config.limit_login)
    } else if is(&[RESET_PASSWORD.spec.path, VERIFY_EMAIL.spec.path]) {
        // Nobody guesses 128 bits, and whoever has a link gets in, however many guess around them.
        ("link", config.limit_api)
    } else if is(&[REGISTER.spec.path]) {
        ("sign-up", config.limit_sign_up)
    } else if is(&[FORGOT_PASSWORD.spec.path]) {
        ("reset", config.limit_sign_up)
    } else if is(&[PLACE_ORDER.spec.path, CHECKOUT_REVIEW.path]) {
        ("checkout", config.limit_checkout)
    } else if is(&[HOLD_CART.spec.path, CHECKOUT.path]) {
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
            ("/account/reset", "link"),
            ("/account/verify", "link"),
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
}
