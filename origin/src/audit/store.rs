//! All SQL of the audit log.

use shared::{
    account::{AuditEntry, AuditLog, ListAudit},
    cursor::{Cursor, Direction},
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::{
    db::{self, Rows, Tx},
    platform::{Platform, WriteContext},
};

use super::{Actor, Change, SIGN_IN, SIGN_IN_FAILED};

/// Records changes of one actor in the transaction that makes them.
pub async fn record(
    tx: &mut Tx,
    context: WriteContext<'_>,
    actor: &Actor,
    changes: &[Change],
) -> Result<(), db::Error> {
    let changes: Vec<(&Actor, &Change)> = changes.iter().map(|it| (actor, it)).collect();
    record_all(tx, context, &changes).await
}

/// Records changes of several actors.
pub async fn record_all(
    tx: &mut Tx,
    context: WriteContext<'_>,
    changes: &[(&Actor, &Change)],
) -> Result<(), db::Error> {
    let head = "
        insert into audit_log (id, actor, action, subject, previous, later, created_at) ";
    Rows::insert(head)
        .write(tx, changes, |mut row, (actor, change)| {
            row.push_bind(context.ids.next(context.now))
                .push_bind(actor.0.clone())
                .push_bind(change.action)
                .push_bind(change.subject.clone())
                .push_bind(change.before.clone())
                .push_bind(change.after.clone())
                .push_bind(context.now.as_millis());
        })
        .await
}

/// Deletes entries of sign-ins that are older than the configured number of days.
pub async fn delete_old_sign_ins(platform: &Platform) -> Result<(), db::Error> {
    let days = i64::from(platform.config.sign_in_days);
    let before = platform.clock.now().as_millis() - days * 24 * 60 * 60 * 1_000;
    let statement = "
        delete from audit_log
         where action in (?, ?)
           and created_at < ?";
    let mut tx = platform.db.write().await?;
    sqlx::query(statement)
        .bind(SIGN_IN)
        .bind(SIGN_IN_FAILED)
        .bind(before)
        .execute(tx.conn())
        .await?;
    tx.commit().await
}

/// A page of the log, the newest entry first.
pub async fn list(
    conn: &mut AnyConnection,
    query: &ListAudit,
    limit: u32,
) -> Result<AuditLog, db::Error> {
    let before = query.cursor.map_or(i64::MAX, |it| it.id);
    let statement = match query.subject {
        Some(_) => {
            "select id, actor, action, subject, previous, later, created_at
               from audit_log
              where id < ?
                and subject = ?
              order by id desc
              limit ?"
        }
        None => {
            "select id, actor, action, subject, previous, later, created_at
               from audit_log
              where id < ?
              order by id desc
              limit ?"
        }
    };
    let mut statement = sqlx::query(statement).bind(before);
    if let Some(subject) = &query.subject {
        statement = statement.bind(subject);
    }
    let mut rows = statement.bind(i64::from(limit) + 1).fetch_all(conn).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let last: Option<i64> = rows.last().map(|row| row.try_get("id")).transpose()?;
    Ok(AuditLog {
        entries: rows.iter().map(entry).collect::<Result<_, _>>()?,
        next: last.filter(|_| more).map(|id| Cursor {
            order: 0,
            direction: Direction::After,
            key: id,
            id,
        }),
    })
}

fn entry(row: &AnyRow) -> Result<AuditEntry, db::Error> {
    let json = |column| {
        let text: String = row.try_get(column)?;
        serde_json::from_str(&text).map_err(|error| db::Error::Decode(error.into()))
    };
    Ok(AuditEntry {
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        before: json("previous")?,
        after: json("later")?,
        at: Timestamp::from_millis(row.try_get("created_at")?),
    })
}
