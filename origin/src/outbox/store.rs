//! All SQL of the outbox.

use serde_json::Value;
use shared::{id::IdGenerator, time::Timestamp};
use sqlx::{Any, AnyConnection, QueryBuilder, Row as _};

use crate::db::{self, Db, Rows, Tx};

use super::OutboxMessage;

/// How long delivered messages are kept, for inspection: a week.
const DELIVERED_RETENTION_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// How long parked messages are kept, so that they can be retried.
const PARKED_RETENTION_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Inserts messages, due at once.
pub async fn add(
    tx: &mut Tx,
    ids: &IdGenerator,
    now: Timestamp,
    messages: &[OutboxMessage],
) -> Result<(), db::Error> {
    let head = "
        insert into outbox (id, topic, subject, receiver, payload, attempts, due_at, created_at) ";
    Rows::insert(head)
        .write(tx, messages, |mut row, message| {
            row.push_bind(ids.next(now))
                .push_bind(message.topic)
                .push_bind(message.subject.clone())
                .push_bind(receiver(message).to_owned())
                .push_bind(message.payload.clone())
                .push_bind(0_i64)
                .push_bind(now.as_millis())
                .push_bind(now.as_millis());
        })
        .await
}

/// The receiver of a webhook message: `webhook:17` of `webhook:17:order:4`; empty for other
/// messages.
fn receiver(message: &OutboxMessage) -> &str {
    if message.topic != OutboxMessage::WEBHOOK {
        return "";
    }
    let mut colons = message.subject.match_indices(':').map(|it| it.0);
    let end = colons.nth(1).unwrap_or(message.subject.len());
    &message.subject[..end]
}

/// A message that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueMessage {
    /// Its id.
    pub id: i64,
    /// The topic.
    pub topic: String,
    /// The subject.
    pub subject: String,
    /// The payload as JSON.
    pub payload: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// The number of attempts, including this one.
    pub attempts: i64,
}

/// A lane of the outbox; receivers of one lane do not delay another lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxLane<'a> {
    /// Events, to be fanned out.
    Events,
    /// Mail.
    Mail,
    /// Messages to this webhook.
    Webhook(&'a str),
}

impl OutboxLane<'_> {
    fn push_condition(self, query: &mut QueryBuilder<Any>) {
        match self {
            // Purge messages were written by an older version.
            Self::Events => query.push(
                " and topic not in ('webhook', 'mail', 'purge') and topic not like 'account.%'",
            ),
            Self::Mail => query.push(" and (topic = 'mail' or topic like 'account.%')"),
            Self::Webhook(receiver) => query
                .push(" and topic = 'webhook' and receiver = ")
                .push_bind(receiver.to_owned()),
        };
    }
}

/// Lists the webhooks with due messages.
pub async fn list_due_receivers(
    conn: &mut AnyConnection,
    now: Timestamp,
) -> Result<Vec<String>, db::Error> {
    let statement = "
        select distinct receiver
          from outbox
         where topic = 'webhook'
           and due_at <= ?";
    let receivers = sqlx::query_scalar(statement).bind(now.as_millis());
    receivers.fetch_all(conn).await
}

/// Whether the lane has due messages.
pub async fn is_due(
    conn: &mut AnyConnection,
    lane: OutboxLane<'_>,
    now: Timestamp,
) -> Result<bool, db::Error> {
    let mut query = QueryBuilder::<Any>::new("select id from outbox where due_at <= ");
    query.push_bind(now.as_millis());
    lane.push_condition(&mut query);
    query.push(" limit 1");
    let due: Option<i64> = query.build_query_scalar().fetch_optional(conn).await?;
    Ok(due.is_some())
}

/// Leases due messages: of each subject only the oldest undelivered one. If this process dies, they
/// are due again after the lease.
pub async fn take(
    tx: &mut Tx,
    lane: OutboxLane<'_>,
    (now, lease_ms): (Timestamp, i64),
    limit: i64,
) -> Result<Vec<DueMessage>, db::Error> {
    let mut query = QueryBuilder::<Any>::new(
        "select id, topic, subject, payload, attempts, created_at
           from outbox
          where due_at <= ",
    );
    query.push_bind(now.as_millis());
    lane.push_condition(&mut query);
    query.push(
        " and not exists (select 1
                            from outbox older
                           where older.subject = outbox.subject
                             and older.id < outbox.id
                             and older.due_at is not null)
          order by due_at, id
          limit ",
    );
    query.push_bind(limit).push(tx.dialect().for_update());
    let rows = query.build().fetch_all(tx.conn()).await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in &rows {
        due.push(DueMessage {
            id: row.try_get("id")?,
            topic: row.try_get("topic")?,
            subject: row.try_get("subject")?,
            payload: row.try_get("payload")?,
            created_at: Timestamp::from_millis(row.try_get("created_at")?),
            attempts: row.try_get::<i64, _>("attempts")? + 1,
        });
    }
    for chunk in due.chunks(Rows::MAX) {
        let mut query =
            QueryBuilder::<Any>::new("update outbox set attempts = attempts + 1, due_at = ");
        query.push_bind(now.as_millis() + lease_ms);
        query.push(" where id in (");
        let mut list = query.separated(", ");
        for message in chunk {
            list.push_bind(message.id);
        }
        query.push(")");
        query.build().execute(tx.conn()).await?;
    }
    Ok(due)
}

/// Marks messages as delivered and deletes their payloads, which contain account links and
/// addresses.
pub async fn mark_delivered(tx: &mut Tx, now: Timestamp, ids: &[i64]) -> Result<(), db::Error> {
    for chunk in ids.chunks(Rows::MAX) {
        let mut query = QueryBuilder::<Any>::new(
            "update outbox
                set due_at = null, error = null, payload = '{}', delivered_at = ",
        );
        query.push_bind(now.as_millis()).push(" where id in (");
        let mut list = query.separated(", ");
        for id in chunk {
            list.push_bind(*id);
        }
        query.push(")");
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

/// Records a failed attempt and the time of the next one; `None` parks the message.
pub async fn mark_failed(
    tx: &mut Tx,
    id: i64,
    again: Option<i64>,
    error: &str,
) -> Result<(), db::Error> {
    let statement = "
        update outbox
           set due_at = ?, error = ?
         where id = ?";
    sqlx::query(statement)
        .bind(again)
        .bind(error)
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Deletes the undelivered and parked messages of a subject.
pub async fn delete_subject(tx: &mut Tx, subject: &str) -> Result<(), db::Error> {
    let statement = "
        delete from outbox
         where subject = ?";
    sqlx::query(statement)
        .bind(subject)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Erases a buyer's data from the undelivered and parked messages of an order. The messages stay,
/// with what their receivers need.
pub async fn erase_buyer(tx: &mut Tx, number: &str) -> Result<(), db::Error> {
    let find = "
        select id, payload
          from outbox
         where delivered_at is null
           and payload like ?";
    let update = "
        update outbox
           set payload = ?
         where id = ?";
    let rows: Vec<(i64, String)> = sqlx::query_as(find)
        // Matches the number alone: in webhook messages the order is nested JSON with escaped
        // quotes.
        .bind(format!("%{number}%"))
        .fetch_all(tx.conn())
        .await?;
    for (id, payload) in rows {
        sqlx::query(update)
            .bind(without_buyer(&payload, number))
            .bind(id)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// Removes the buyer's data of this order, at any depth. A payload that is not JSON is replaced by
/// `{}`.
fn without_buyer(payload: &str, number: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(payload) else {
        return "{}".to_owned();
    };
    strip(&mut value, number);
    value.to_string()
}

fn strip(value: &mut Value, number: &str) {
    match value {
        Value::Object(fields) => {
            if fields.get("number").and_then(Value::as_str) == Some(number) {
                for name in ["email", "note"] {
                    if let Some(text) = fields.get_mut(name) {
                        *text = Value::from("");
                    }
                }
                if let Some(Value::Object(address)) = fields.get_mut("shipping_address") {
                    address.retain(|name, _| matches!(name.as_str(), "country" | "region"));
                }
            }
            fields.values_mut().for_each(|it| strip(it, number));
        }
        Value::Array(items) => items.iter_mut().for_each(|it| strip(it, number)),
        // Webhook messages contain the event as a JSON string.
        Value::String(text) if text.starts_with('{') && text.contains(number) => {
            *text = without_buyer(text, number);
        }
        _ => {}
    }
}

/// Deletes delivered and parked messages after their retention time, because they contain personal
/// data. Purge messages were written by an older version.
pub async fn delete_old(db: &Db, now: Timestamp) -> Result<u64, db::Error> {
    let mut tx = db.write().await?;
    let statement = "
        delete from outbox
         where delivered_at < ?
            or (topic = 'purge'
                and created_at < ?)
            or (due_at is null
                and delivered_at is null
                and created_at < ?)";
    let done = sqlx::query(statement)
        .bind(now.as_millis() - DELIVERED_RETENTION_MS)
        .bind(now.as_millis() - DELIVERED_RETENTION_MS)
        .bind(now.as_millis() - PARKED_RETENTION_MS)
        .execute(tx.conn())
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

/// Lists parked messages: id, topic, subject, attempts and last error, the oldest first.
pub async fn list_parked(
    conn: &mut AnyConnection,
) -> Result<Vec<(i64, String, String, i64, String)>, db::Error> {
    let statement = "
        select id, topic, subject, attempts, coalesce(error, '')
          from outbox
         where due_at is null
           and delivered_at is null
         order by id";
    sqlx::query_as(statement).fetch_all(conn).await
}

/// Makes parked messages due again and returns how many.
pub async fn retry(tx: &mut Tx, now: Timestamp) -> Result<u64, db::Error> {
    let statement = "
        update outbox
           set due_at = ?, attempts = 0
         where due_at is null
           and delivered_at is null";
    let done = sqlx::query(statement)
        .bind(now.as_millis())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_buyer_is_erased_at_any_depth() {
        let order = |number: &str| {
            json!({
                "number": number, "email": "ada@example.org", "note": "ring", "state": "paid",
                "shipping_address": { "name": "Ada", "line1": "1 Lane", "country": "DE" },
            })
        };
        let inner = json!({ "data": order("A") }).to_string();
        let payload = json!({ "hook": "7", "body": inner, "more": [order("A"), order("B")] });
        let rest: Value = serde_json::from_str(&without_buyer(&payload.to_string(), "A")).unwrap();
        let bare = json!({
            "number": "A", "email": "", "note": "", "state": "paid",
            "shipping_address": { "country": "DE" },
        });
        assert_eq!((&rest["more"][0], &rest["more"][1]), (&bare, &order("B")));
        let body: Value = serde_json::from_str(rest["body"].as_str().unwrap()).unwrap();
        assert_eq!((&body["data"], &rest["hook"]), (&bare, &json!("7")));
        assert_eq!(without_buyer("ada@example.org", "A"), "{}");
    }

    #[test]
    fn a_webhook_message_has_a_receiver() {
        let message = |topic, subject: &str| OutboxMessage {
            topic,
            subject: subject.to_owned(),
            payload: String::new(),
        };
        let webhook = OutboxMessage::WEBHOOK;
        assert_eq!(
            receiver(&message(webhook, "webhook:17:order:4")),
            "webhook:17"
        );
        assert_eq!(receiver(&message(webhook, "webhook:17")), "webhook:17");
        assert_eq!(receiver(&message(OutboxMessage::MAIL, "mail:order:4")), "");
        assert_eq!(receiver(&message("order.placed", "order:4")), "");
    }
}
