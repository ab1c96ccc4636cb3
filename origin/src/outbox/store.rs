//! All SQL of the outbox.

use shared::{id::IdGenerator, time::Timestamp};

use crate::db::{self, Rows, Tx};

use super::Message;

/// Writes messages, due at once.
pub async fn put(
    tx: &mut Tx,
    ids: &IdGenerator,
    now: Timestamp,
    messages: &[Message],
) -> Result<(), db::Error> {
    let head = "
        insert into outbox (id, topic, subject, payload, attempts, due_at, created_at) ";
    Rows::insert(head)
        .write(tx, messages, |mut row, message| {
            row.push_bind(ids.next(now))
                .push_bind(message.topic)
                .push_bind(message.subject.clone())
                .push_bind(message.payload.clone())
                .push_bind(0_i64)
                .push_bind(now.as_millis())
                .push_bind(now.as_millis());
        })
        .await
}
