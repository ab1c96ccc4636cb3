//! The limits that a client's address has. What is limited by who is meant, and not by who asks, stands
//! where it is done.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue};

use crate::{app::App, config::Config, http::Client, web::Refusal};

use super::{Rule, TooOften, Verdict};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

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
    let verdict = app
        .limits
        .take(rule, &client.to_string(), app.clock.now())
        .await;
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

fn rule_of(config: &Config, route: &str, method: &http::Method) -> Option<Rule> {
    if !route.starts_with("/api/") {
        return None;
    }
    let unsafe_rule = match route {
        "/api/v1/account/login" | "/api/v1/account/reset" | "/api/v1/tokens" => {
            Some(Rule::per_minute("login", config.limit_login))
        }
        "/api/v1/account/register" => Some(Rule::per_minute("sign-up", config.limit_sign_up)),
        "/api/v1/account/forgot" => Some(Rule::per_minute("reset", config.limit_sign_up)),
        "/api/v1/carts/{cart}/order" => Some(Rule::per_minute("checkout", config.limit_checkout)),
        _ => None,
    };
    unsafe_rule
        .filter(|_| !method.is_safe())
        .or(Some(Rule::per_minute(API, config.limit_api)))
        .filter(|rule| rule.quota > 0)
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
