//! How many messages one address gets that anybody can cause: those about orders that nobody has paid.
//! The shop's pages say the same to whoever has placed them. What is paid is always told.

use std::collections::HashSet;

use shared::order::Order;
use ui::mail::OrderMail;

use crate::{
    app::App,
    limits::{Rule, Subject},
};

use super::store::Due;

/// Of these messages, those that are not sent because their address got too many in an hour. One that is
/// tried again was counted the first time.
pub(super) async fn withheld<'m>(
    app: &App,
    mails: impl Iterator<Item = (&'m Due, OrderMail, &'m Order)>,
) -> HashSet<i64> {
    let rule = Rule::per_hour("unpaid-mails", app.config.buying.limit_unpaid_mails);
    let mut withheld = HashSet::new();
    for (message, about, order) in mails {
        let by_anybody =
            matches!(about, OrderMail::Placed | OrderMail::GivenUp) && order.paid.minor == 0;
        if !by_anybody || message.attempts > 1 {
            continue;
        }
        let now = app.clock.now();
        if app
            .limits
            .check(rule, Subject::Recipient(&order.email), now)
            .await
            .is_err()
        {
            app.metrics.business.mails_withheld.inc();
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
