//! Passwords that change: by whoever knows the old one, or with the link of a message.

use shared::{
    account::{ChangePassword, ResetPassword},
    id::UserId,
};

use crate::{
    app::App,
    audit::{self, Change},
    db::{self, Tx},
    outbox::{self, Message},
};

use super::{
    Actor, Error, devices,
    links::{self, Purpose},
    login::{Entered, accept_code, enter, noted, proved},
    model::{self, Device, Person},
    password::Asker,
    register::{LinkMessage, message, used},
    second_factor,
    store::{self, Stored},
};

/// Sets another password. Every session ends, and a new one begins.
pub(super) async fn change_password(
    app: &App,
    person: &Person,
    request: ChangePassword,
    device: &Device,
) -> Result<Entered, Error> {
    model::password(&request.password)?;
    let proof = proved(app, person.user, request.current, device).await?;
    let asker = Asker::Known(person.user);
    let hash = app.hasher.hash(asker, request.password).await?;
    let change = async || {
        let mut tx = app.db.write().await?;
        let stored = proof.still_holds(&mut tx).await?;
        let entered = set_password(app, &mut tx, stored, &hash, device).await?;
        tx.commit().await?;
        Ok(entered)
    };
    db::retry_on_conflict(change, Error::is_conflict).await
}

/// Sets a new password with the token of a link. Every session ends, and a new one begins. Where the
/// account has a second factor, the link alone does nothing: who reads somebody's mail has no code.
pub(super) async fn reset_password(
    app: &App,
    request: ResetPassword,
    device: &Device,
) -> Result<Entered, Error> {
    model::password(&request.password)?;
    // Whoever has no link is told so at once: a hash is work.
    let user = reset_of(app, &request.token).await?;
    let code = request.code.as_deref();
    let mut reader = app.db.read().await?;
    let second_factor = second_factor::is_on(&mut reader, user).await?;
    drop(reader);
    if second_factor {
        code.ok_or(Error::CodeNeeded)?;
        second_factor::may_try(app, user).await?;
    }
    let hash = app
        .hasher
        .hash(Asker::Known(user), request.password)
        .await?;
    let reset = async || {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let link = links::take::<()>(&mut tx, Purpose::Reset, &request.token, now).await?;
        let link = link.ok_or_else(used)?;
        let stored = store::lock_by_email(&mut tx, &link.email).await?;
        let stored = stored.ok_or_else(used)?;
        accept_code(app, &mut tx, stored.account.id, code).await?;
        let entered = set_password(app, &mut tx, stored, &hash, device).await?;
        tx.commit().await?;
        Ok(entered)
    };
    let done = db::retry_on_conflict(reset, Error::is_conflict).await;
    noted(app, user, "link", done).await
}

/// Whose password the link with this token sets.
async fn reset_of(app: &App, token: &str) -> Result<UserId, Error> {
    let mut reader = app.db.read().await?;
    let link = links::find::<()>(&mut reader, Purpose::Reset, token, app.clock.now()).await?;
    let email = link.ok_or_else(used)?.email;
    let stored = store::find_by_email(&mut reader, &email).await?;
    Ok(stored.ok_or_else(used)?.account.id)
}

/// Whether the link with this token asks for a code, too.
pub(super) async fn reset_needs_code(app: &App, token: &str) -> Result<bool, Error> {
    let user = match reset_of(app, token).await {
        Ok(user) => user,
        Err(Error::Invalid(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut reader = app.db.read().await?;
    Ok(second_factor::is_on(&mut reader, user).await?)
}

async fn set_password(
    app: &App,
    tx: &mut Tx,
    mut stored: Stored,
    hash: &str,
    device: &Device,
) -> Result<Entered, Error> {
    let now = app.clock.now();
    hash.clone_into(&mut stored.password_hash);
    store::save(tx, &stored, now).await?;
    let user = stored.account.id;
    super::end_all(app, tx, user).await?;
    // Who knew the old password may have been known, too.
    devices::forget_all(tx, user).await?;
    links::forget_of(tx, &stored.account.email).await?;
    let actor = Actor(format!("user:{user}"));
    let change = Change::new("user.password", actor.0.clone());
    audit::note(tx, app.context(), &actor, &[change]).await?;
    let told = LinkMessage {
        email: stored.account.email.clone(),
        token: String::new(),
        locale: stored.account.locale,
    };
    let message = message(Message::ACCOUNT_CHANGED, &told)?;
    outbox::put(tx, &app.ids, now, &[message]).await?;
    enter(app, tx, user, device).await
}
