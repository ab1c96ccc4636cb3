//! The layer of the rate limits by client. Limits by account, recipient, cart or order are checked
//! by the handlers.

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

use crate::{
    accounts,
    app::App,
    config::Config,
    limits::{LimitSubject, Network, RateLimited, Rule, Verdict, coupon_rule},
    web::{ClientAddress, Refusal},
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The path prefix of the API.
const API_ROOT: &str = "/api/v1";

/// Refuses a request whose client exceeds its rate limit. The response says how many requests
/// remain (draft-ietf-httpapi-ratelimit-headers). A client without a known address has no limit: it
/// came through a proxy that is not configured.
pub async fn limit_rates(State(app): State<App>, request: Request, next: Next) -> Response {
    let client = request
        .extensions()
        .get::<ClientAddress>()
        .and_then(|it| it.0);
    let route = request.extensions().get::<MatchedPath>();
    let rule = route.and_then(|route| rule_of(&app.config, route.as_str(), request.method()));
    let (Some(client), Some(rule)) = (client, rule) else {
        return next.run(request).await;
    };
    // A browser that has signed in before has a bucket of its own, so that attackers cannot lock it
    // out.
    let device = match rule.name {
        LOGIN_RULE => accounts::known_device(&app, request.headers()).await,
        _ => Ok(None),
    };
    let taken = match device {
        Ok(Some(mark)) => {
            let now = app.clock.now();
            let verdict = app
                .limits
                .take(rule, LimitSubject::Device(&mark), now)
                .await;
            Some((rule, verdict))
        }
        Ok(None) => {
            let (network, now) = (Network::of(client), app.clock.now());
            app.limits
                .take_network(&app.config, &network, rule, now)
                .await
        }
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
        Refusal::from(RateLimited { retry_in }).into_response()
    };
    // API responses may be shared, so they contain no numbers of one client.
    if !verdict.allowed || rule.name != API_RULE {
        add_rate_limit_headers(&mut response, rule, verdict);
    }
    response
}

/// The rule of routes without one of their own.
const API_RULE: &str = "api";
/// The rule of signing in.
const LOGIN_RULE: &str = "login";

/// The rule of a route. The form of a page shares it with the corresponding endpoint, in every
/// language. Pages have no limit for reads.
fn rule_of(config: &Config, route: &str, method: &http::Method) -> Option<Rule> {
    let default = Rule::per_minute(API_RULE, config.limit_api);
    let rule = if method.is_safe() {
        route.starts_with(API_ROOT).then_some(default)
    } else {
        rule_of_action(config, without_prefix(route)).or(Some(default))
    };
    rule.filter(|rule| rule.quota > 0)
}

/// A route without its API or language prefix.
fn without_prefix(route: &str) -> &str {
    match route.strip_prefix(API_ROOT) {
        Some(path) => path,
        None => Locale::split(route).1,
    }
}

fn rule_of_action(config: &Config, path: &str) -> Option<Rule> {
    let is = |routes: &[&str]| routes.iter().any(|it| without_prefix(it) == path);
    let (name, quota) = if is(&[LOGIN.spec.path, CREATE_TOKENS.spec.path, action::CODE]) {
        (LOGIN_RULE, config.limit_login)
    } else if is(&[RESET_PASSWORD.spec.path, VERIFY_EMAIL.spec.path]) {
        // A token has 128 bits and cannot be guessed, so others' attempts must not block the owner
        // of a link.
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
        return Some(coupon_rule(config));
    } else if is(&[FIND_ORDER.path]) {
        ("find-order", config.limit_login)
    } else {
        return None;
    };
    Some(Rule::per_minute(name, quota))
}

fn add_rate_limit_headers(response: &mut Response, rule: Rule, verdict: Verdict) {
    let (name, quota) = (rule.name, rule.quota);
    let policy = format!("\"{name}\";q={quota};w={}", rule.window.as_secs());
    let wait = verdict.full_in.as_secs_f64().ceil();
    let now = format!("\"{name}\";r={};t={wait}", verdict.remaining);
    for (field, value) in [(POLICY, policy), (RATE_LIMIT, now)] {
        // Rule names are ASCII and the rest is digits, so this is always a valid value.
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
