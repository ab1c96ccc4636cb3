//! Changing a password, with the current one or with the link of a mail.

use shared::{
    account::{ChangePassword, ResetPassword},
    id::UserId,
};

use crate::{
    app::App,
    audit::{self, Actor, Change},
    db::{self, Tx},
    outbox::{self, OutboxMessage},
};

use super::{
    Error, devices,
    links::{self, Purpose},
    login::{NewSession, accept_code, begin_session, record_wrong_code, verify_own_password},
    model::{self, Device, Person},
    password::PasswordClient,
    register::{LinkMessage, invalid_link, message},
    second_factor,
    store::{self, StoredUser},
};

/// Changes the password. Every session ends, and a new one begins.
pub(super) async fn change_password(
    app: &App,
    person: &Person,
    request: ChangePassword,
    device: &Device,
) -> Result<NewSession, Error> {
    model::password(&request.password)?;
    let proof = verify_own_password(app, person.user, request.current, device).await?;
    let client = PasswordClient::Known(person.user);
    let hash = app.hasher.hash(client, request.password).await?;
    let change = async || {
        let mut tx = app.db.write().await?;
        let stored = proof.lock_if_unchanged(&mut tx).await?;
        let session = set_password(app, &mut tx, stored, &hash, device).await?;
        tx.commit().await?;
        Ok(session)
    };
    db::retry_on_conflict(change, Error::is_conflict).await
}

/// Sets a new password with the token of a link. Every session ends, and a new one begins. Where
/// the account has a second factor, a code is required too: access to the mailbox alone is not
/// enough.
pub(super) async fn reset_password(
    app: &App,
    request: ResetPassword,
    device: &Device,
) -> Result<NewSession, Error> {
    model::password(&request.password)?;
    // An invalid link fails before the expensive hash.
    let user = find_reset_user(app, &request.token).await?;
    let code = request.code.as_deref();
    let mut reader = app.db.read().await?;
    let second_factor = second_factor::is_enabled(&mut reader, user).await?;
    drop(reader);
    if second_factor {
        code.ok_or(Error::CodeNeeded)?;
        second_factor::check_limit(app, user).await?;
    }
    let hash = app
        .hasher
        .hash(PasswordClient::Known(user), request.password)
        .await?;
    let reset = async || {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let link = links::take::<()>(&mut tx, Purpose::Reset, &request.token, now).await?;
        let link = link.ok_or_else(invalid_link)?;
        let stored = store::lock_by_email(&mut tx, &link.email).await?;
        let stored = stored.ok_or_else(invalid_link)?;
        accept_code(app, &mut tx, stored.account.id, code).await?;
        let session = set_password(app, &mut tx, stored, &hash, device).await?;
        tx.commit().await?;
        Ok(session)
    };
    let done = db::retry_on_conflict(reset, Error::is_conflict).await;
    record_wrong_code(app, user, "link", done).await
}

/// The account whose password the link with this token sets.
async fn find_reset_user(app: &App, token: &str) -> Result<UserId, Error> {
    let mut reader = app.db.read().await?;
    let link = links::find::<()>(&mut reader, Purpose::Reset, token, app.clock.now()).await?;
    let email = link.ok_or_else(invalid_link)?.email;
    let stored = store::find_by_email(&mut reader, &email).await?;
    Ok(stored.ok_or_else(invalid_link)?.account.id)
}

/// Whether resetting the password with this link requires a code.
pub(super) async fn reset_requires_code(app: &App, token: &str) -> Result<bool, Error> {
    let user = match find_reset_user(app, token).await {
        Ok(user) => user,
        Err(Error::Invalid(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut reader = app.db.read().await?;
    Ok(second_factor::is_enabled(&mut reader, user).await?)
}

async fn set_password(
    app: &App,
    tx: &mut Tx,
    mut stored: StoredUser,
    hash: &str,
    device: &Device,
) -> Result<NewSession, Error> {
    let now = app.clock.now();
    hash.clone_into(&mut stored.password_hash);
    store::save(tx, &stored, now).await?;
    let user = stored.account.id;
    super::end_all(app, tx, user).await?;
    // A client that knew the old password may have obtained a device token with it.
    devices::delete_all(tx, user).await?;
    links::delete_all(tx, &stored.account.email).await?;
    let actor = Actor(format!("user:{user}"));
    let change = Change::new("user.password", actor.0.clone());
    audit::record(tx, app.context(), &actor, &[change]).await?;
    let notice = LinkMessage {
        email: stored.account.email.clone(),
        token: String::new(),
        locale: stored.account.locale,
    };
    let message = message(OutboxMessage::ACCOUNT_CHANGED, &notice)?;
    outbox::add(tx, &app.ids, now, &[message]).await?;
    begin_session(app, tx, user, device).await
}
