//! Checks rules for the network of a client.

use crate::{config::Config, platform::Platform};

use super::{Network, RateLimited, Rule, Verdict};

/// Takes one request from the buckets of a client's network and of the networks around it, the
/// smallest first. Returns the verdict that refuses, or else that of the client's own network.
pub async fn take(platform: &Platform, network: &Network, rule: Rule) -> Option<(Rule, Verdict)> {
    let now = platform.clock.now();
    let mut own = None;
    for (rule, subject) in network.buckets(&platform.config, rule) {
        let verdict = platform.limits.take(rule, subject, now).await;
        if !verdict.allowed {
            return Some((rule, verdict));
        }
        own.get_or_insert((rule, verdict));
    }
    own
}

/// Checks a rule of a handler in the same way.
pub async fn check_network(
    platform: &Platform,
    network: &Network,
    rule: Rule,
) -> Result<(), RateLimited> {
    match take(platform, network, rule).await {
        Some((_, verdict)) if !verdict.allowed => {
            tracing::info!(limit = rule.name, "rate limit exceeded");
            Err(RateLimited {
                retry_in: verdict.retry_in,
            })
        }
        _ => Ok(()),
    }
}

/// The rule for coupon attempts of one client in all carts, because anybody can create carts. The
/// endpoint that takes coupons also takes other changes of a cart, so its handler checks this rule.
pub fn coupon_rule(config: &Config) -> Rule {
    Rule::per_minute("coupons-client", config.limit_coupons)
}
