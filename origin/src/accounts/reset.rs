//! Changing a password, with the current one or with the link of a mail.

use shared::{
    account::{ChangePassword, ResetPassword},
    id::UserId,
};

use crate::{
    audit::{self, Actor, Change},
    db::{self, Tx},
    outbox::{self, OutboxMessage},
    platform::Platform,
};

use super::{
    Accounts, Error, devices,
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
    accounts: &Accounts,
    person: &Person,
    request: ChangePassword,
    device: &Device,
) -> Result<NewSession, Error> {
    model::password(&request.password)?;
    let proof = verify_own_password(accounts, person.user, request.current, device).await?;
    let client = PasswordClient::Known(person.user);
    let hash = accounts.hasher.hash(client, request.password).await?;
    let change = async || {
        let mut tx = accounts.db.write().await?;
        let stored = proof.lock_if_unchanged(&mut tx).await?;
        let session = set_password(accounts, &mut tx, stored, &hash, device).await?;
        tx.commit().await?;
        Ok(session)
    };
    db::retry_on_conflict(change, Error::is_conflict).await
}

/// Sets a new password with the token of a link. Every session ends, and a new one begins. Where
/// the account has a second factor, a code is required too: access to the mailbox alone is not
/// enough.
pub(super) async fn reset_password(
    accounts: &Accounts,
    request: ResetPassword,
    device: &Device,
) -> Result<NewSession, Error> {
    model::password(&request.password)?;
    // An invalid link fails before the expensive hash.
    let user = find_reset_user(accounts, &request.token).await?;
    let code = request.code.as_deref();
    let mut reader = accounts.db.read().await?;
    let second_factor = second_factor::is_enabled(&mut reader, user).await?;
    drop(reader);
    if second_factor {
        code.ok_or(Error::CodeNeeded)?;
        second_factor::check_limit(accounts, user).await?;
    }
    let hash = accounts
        .hasher
        .hash(PasswordClient::Known(user), request.password)
        .await?;
    let reset = async || {
        let now = accounts.clock.now();
        let mut tx = accounts.db.write().await?;
        let link = links::take::<()>(&mut tx, Purpose::Reset, &request.token, now).await?;
        let link = link.ok_or_else(invalid_link)?;
        let stored = store::lock_by_email(&mut tx, &link.email).await?;
        let stored = stored.ok_or_else(invalid_link)?;
        accept_code(accounts, &mut tx, stored.account.id, code).await?;
        let session = set_password(accounts, &mut tx, stored, &hash, device).await?;
        tx.commit().await?;
        Ok(session)
    };
    let done = db::retry_on_conflict(reset, Error::is_conflict).await;
    record_wrong_code(accounts, user, "link", done).await
}

/// The account whose password the link with this token sets.
async fn find_reset_user(platform: &Platform, token: &str) -> Result<UserId, Error> {
    let mut reader = platform.db.read().await?;
    let link = links::find::<()>(&mut reader, Purpose::Reset, token, platform.clock.now()).await?;
    let email = link.ok_or_else(invalid_link)?.email;
    let stored = store::find_by_email(&mut reader, &email).await?;
    Ok(stored.ok_or_else(invalid_link)?.account.id)
}

/// Whether resetting the password with this link requires a code.
pub(super) async fn reset_requires_code(platform: &Platform, token: &str) -> Result<bool, Error> {
    let user = match find_reset_user(platform, token).await {
        Ok(user) => user,
        Err(Error::Invalid(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut reader = platform.db.read().await?;
    Ok(second_factor::is_enabled(&mut reader, user).await?)
}

async fn set_password(
    platform: &Platform,
    tx: &mut Tx,
    mut stored: StoredUser,
    hash: &str,
    device: &Device,
) -> Result<NewSession, Error> {
    let now = platform.clock.now();
    hash.clone_into(&mut stored.password_hash);
    store::save(tx, &stored, now).await?;
    let user = stored.account.id;
    super::end_all(platform, tx, user).await?;
    // A client that knew the old password may have obtained a device token with it.
    devices::delete_all(tx, user).await?;
    links::delete_all(tx, &stored.account.email).await?;
    let actor = Actor(format!("user:{user}"));
    let change = Change::new("user.password", actor.0.clone());
    audit::record(tx, platform.context(), &actor, &[change]).await?;
    let notice = LinkMessage {
        email: stored.account.email.clone(),
        token: String::new(),
        locale: stored.account.locale,
    };
    let message = message(OutboxMessage::ACCOUNT_CHANGED, &notice)?;
    outbox::add(tx, &platform.ids, now, &[message]).await?;
    begin_session(platform, tx, user, device).await
}
