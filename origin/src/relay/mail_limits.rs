//! Limits the messages to one address that anybody can trigger: those about unpaid orders. The
//! shop's pages show the same. Messages about paid orders are always sent.

use std::collections::HashSet;

use shared::order::Order;
use ui::mail::OrderMail;

use crate::{
    limits::{LimitSubject, Rule},
    outbox::DueMessage,
    platform::Platform,
};

/// Returns the ids of messages that are not sent because their address exceeds the hourly limit.
/// Retries were counted by their first attempt.
pub(super) async fn withheld<'m>(
    platform: &Platform,
    mails: impl Iterator<Item = (&'m DueMessage, OrderMail, &'m Order)>,
) -> HashSet<i64> {
    let rule = Rule::per_hour("unpaid-mails", platform.config.buying.limit_unpaid_mails);
    let mut withheld = HashSet::new();
    for (message, about, order) in mails {
        let by_anybody =
            matches!(about, OrderMail::Placed | OrderMail::GivenUp) && order.paid.minor == 0;
        if !by_anybody || message.attempts > 1 {
            continue;
        }
        let now = platform.clock.now();
        if platform
            .limits
            .check(rule, LimitSubject::Recipient(&order.email), now)
            .await
            .is_err()
        {
            platform.metrics.business.mails_withheld.inc();
            let (id, topic) = (message.id, &message.topic);
            tracing::warn!(
                id,
                topic,
                "too many messages to one address; this message is not sent"
            );
            withheld.insert(id);
        }
    }
    withheld
}
