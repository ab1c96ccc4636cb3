//! Checks rules for the network of a client.

use shared::time::Timestamp;

use crate::config::Config;

use super::{Limits, Network, RateLimited, Rule, Verdict};

impl Limits {
    /// Takes one request from the buckets of a client's network and of the networks around it, the
    /// smallest first. Returns the verdict that refuses, or else that of the client's own network.
    pub async fn take_network(
        &self,
        config: &Config,
        network: &Network,
        rule: Rule,
        now: Timestamp,
    ) -> Option<(Rule, Verdict)> {
        let mut own = None;
        for (rule, subject) in network.buckets(config, rule) {
            let verdict = self.take(rule, subject, now).await;
            if !verdict.allowed {
                return Some((rule, verdict));
            }
            own.get_or_insert((rule, verdict));
        }
        own
    }

    /// Checks a rule of a handler in the same way.
    pub async fn check_network(
        &self,
        config: &Config,
        network: &Network,
        rule: Rule,
        now: Timestamp,
    ) -> Result<(), RateLimited> {
        match self.take_network(config, network, rule, now).await {
            Some((_, verdict)) if !verdict.allowed => {
                tracing::info!(limit = rule.name, "rate limit exceeded");
                Err(RateLimited {
                    retry_in: verdict.retry_in,
                })
            }
            _ => Ok(()),
        }
    }
}

/// The rule for coupon attempts of one client in all carts, because anybody can create carts. The
/// endpoint that takes coupons also takes other changes of a cart, so its handler checks this rule.
pub fn coupon_rule(config: &Config) -> Rule {
    Rule::per_minute("coupons-client", config.limit_coupons)
}
