//! Signing in and out, and passwords that change.

use shared::{
    account::{Account, ChangePassword, Login, ResetPassword, UpdateAccount},
    id::{FamilyId, SessionId, UserId},
    locale::Locale,
};

use crate::{
    app::App,
    db::{self, Tx},
    email,
    limits::{Rule, Subject},
    outbox::{self, Message},
};

use super::{
    Error, carts,
    links::{self, Purpose},
    model::{self, Device, Person, Via},
    register::{LinkMessage, message, used},
    sessions,
    store::{self, Stored},
    tokens,
};

/// Somebody who has just signed in, with what their browser keeps.
#[derive(Clone, Debug)]
pub(super) struct Entered {
    pub(super) account: Account,
    pub(super) session: String,
}

/// That somebody knows the password of an account: the account as it was when the password fitted.
#[derive(Clone, Debug)]
pub(super) struct Proof(Stored);

impl Proof {
    /// What a link keeps of it: another password has another one.
    pub(super) fn mark(&self) -> String {
        links::hash(&self.0.password_hash)
    }

    /// The language of the account's messages.
    pub(super) fn locale(&self) -> Locale {
        self.0.account.locale
    }

    /// The account as it is now, locked, unless it has got another password since: looking at a
    /// password takes long enough for that.
    pub(super) async fn still_holds(&self, tx: &mut Tx) -> Result<Stored, Error> {
        let stored = store::lock(tx, self.0.account.id).await?;
        stored
            .filter(|it| it.password_hash == self.0.password_hash)
            .ok_or(Error::WrongCredentials)
    }
}

/// Signs in.
pub(super) async fn login(app: &App, request: Login, device: &Device) -> Result<Entered, Error> {
    let proof = checked(app, &request.email, request.password, device).await?;
    let begin = async || {
        let mut tx = app.db.write().await?;
        let user = proof.still_holds(&mut tx).await?.account.id;
        let entered = enter(app, &mut tx, user, &device.agent).await?;
        tx.commit().await?;
        Ok(entered)
    };
    db::retried(begin, Error::is_conflict).await
}

/// Who has this address and this password. What is done is the same whether there is an account or not.
pub(super) async fn checked(
    app: &App,
    email: &str,
    password: String,
    device: &Device,
) -> Result<Proof, Error> {
    let email = email::lookup_text(email);
    guarded(app, &email, device).await?;
    let mut reader = app.db.read().await?;
    let stored = store::find_by_email(&mut reader, &email).await?;
    drop(reader);
    let known = stored.as_ref().map(|it| it.password_hash.clone());
    let right = app.hasher.verify(password, known).await?;
    let stored = stored.filter(|_| right).ok_or(Error::WrongCredentials)?;
    Ok(Proof(stored))
}

/// Whether this account's password may be tried once more, wherever it is asked for. Whoever guesses has
/// less and less time for it, and a mistype costs nothing. Guessing in one network keeps nobody out who is
/// in another; guessing in many meets the last limit, which is what keeps a small password safe.
async fn guarded(app: &App, email: &str, device: &Device) -> Result<(), Error> {
    let (quota, now) = (app.config.limit_login, app.clock.now());
    let here = Subject::AccountIn(email, device.network.client().unwrap_or("-"));
    for (rule, subject) in [
        (Rule::per_minute("account", quota), here),
        (Rule::per_hour("account-hour", quota * 4), here),
        (
            Rule::per_hour("account-everywhere", quota * 20),
            Subject::Account(email),
        ),
    ] {
        app.limits.check(rule, subject, now).await?;
    }
    Ok(())
}

/// Begins a session.
pub(super) async fn enter(
    app: &App,
    tx: &mut Tx,
    user: UserId,
    agent: &str,
) -> Result<Entered, Error> {
    let stored = store::find(tx.conn(), user).await?;
    let account = stored.ok_or(Error::WrongCredentials)?.account;
    let session = sessions::begin(app, tx, user, agent).await?;
    Ok(Entered { account, session })
}

/// Signs out, here or everywhere.
pub(super) async fn logout(app: &App, person: &Person, everywhere: bool) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    if everywhere {
        super::end_all(app, &mut tx, person.user).await?;
    } else {
        match person.via {
            Via::Browser(session) => drop(sessions::end(app, &mut tx, person.user, session).await?),
            Via::Program(family) => tokens::end(&mut tx, family).await?,
        }
    }
    Ok(tx.commit().await?)
}

/// Ends one session or one sign-in of a program, and what is known there of the account's cart.
pub(super) async fn end_session(app: &App, user: UserId, session: SessionId) -> Result<(), Error> {
    let end = async || {
        let mut tx = app.db.write().await?;
        let family = FamilyId::new(session.get());
        let ended = sessions::end(app, &mut tx, user, session).await?
            || tokens::end_of(&mut tx, user, family).await?;
        if !ended {
            return Err(Error::NotFound);
        }
        carts::rename(app, &mut tx, user).await?;
        Ok(tx.commit().await?)
    };
    db::retried(end, Error::is_conflict).await
}

/// That this is the account's password.
pub(super) async fn proved(
    app: &App,
    user: UserId,
    password: String,
    device: &Device,
) -> Result<Proof, Error> {
    let mut reader = app.db.read().await?;
    let stored = store::find(&mut reader, user).await?;
    drop(reader);
    let stored = stored.ok_or(Error::Nobody)?;
    guarded(app, &stored.account.email, device).await?;
    let hash = stored.password_hash.clone();
    if app.hasher.verify(password, Some(hash)).await? {
        Ok(Proof(stored))
    } else {
        Err(Error::WrongCredentials)
    }
}

/// Sets another password. Every session ends, and a new one begins.
pub(super) async fn change_password(
    app: &App,
    person: &Person,
    request: ChangePassword,
    device: &Device,
) -> Result<Entered, Error> {
    model::password(&request.password)?;
    let proof = proved(app, person.user, request.current, device).await?;
    let hash = app.hasher.hash(request.password).await?;
    let change = async || {
        let mut tx = app.db.write().await?;
        let stored = proof.still_holds(&mut tx).await?;
        let entered = set_password(app, &mut tx, stored, &hash, &device.agent).await?;
        tx.commit().await?;
        Ok(entered)
    };
    db::retried(change, Error::is_conflict).await
}

/// Sets a new password with the token of a link. Every session ends, and a new one begins.
pub(super) async fn reset_password(
    app: &App,
    request: ResetPassword,
    device: &Device,
) -> Result<Entered, Error> {
    model::password(&request.password)?;
    // Whoever has no link is told so at once: a hash is work.
    let mut reader = app.db.read().await?;
    let now = app.clock.now();
    let link = links::find::<()>(&mut reader, Purpose::Reset, &request.token, now).await?;
    drop(reader);
    link.ok_or_else(used)?;
    let hash = app.hasher.hash(request.password).await?;
    let reset = async || {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let link = links::take::<()>(&mut tx, Purpose::Reset, &request.token, now).await?;
        let link = link.ok_or_else(used)?;
        let stored = store::lock_by_email(&mut tx, &link.email).await?;
        let stored = stored.ok_or_else(used)?;
        let entered = set_password(app, &mut tx, stored, &hash, &device.agent).await?;
        tx.commit().await?;
        Ok(entered)
    };
    db::retried(reset, Error::is_conflict).await
}

async fn set_password(
    app: &App,
    tx: &mut Tx,
    mut stored: Stored,
    hash: &str,
    agent: &str,
) -> Result<Entered, Error> {
    let now = app.clock.now();
    hash.clone_into(&mut stored.password_hash);
    store::save(tx, &stored, now).await?;
    super::end_all(app, tx, stored.account.id).await?;
    links::forget_of(tx, &stored.account.email).await?;
    let told = LinkMessage {
        email: stored.account.email.clone(),
        token: String::new(),
        locale: stored.account.locale,
    };
    let message = message(Message::ACCOUNT_CHANGED, &told)?;
    outbox::put(tx, &app.ids, now, &[message]).await?;
    enter(app, tx, stored.account.id, agent).await
}

/// The account of somebody who has signed in.
pub async fn account(app: &App, user: UserId) -> Result<Account, Error> {
    let mut reader = app.db.read().await?;
    let stored = store::find(&mut reader, user).await?;
    Ok(stored.ok_or(Error::Nobody)?.account)
}

/// Changes name and language.
pub(super) async fn update(
    app: &App,
    user: UserId,
    request: &UpdateAccount,
) -> Result<Account, Error> {
    let name = request.name.as_deref().map(model::name).transpose()?;
    let update = async || {
        let mut tx = app.db.write().await?;
        let mut stored = store::lock(&mut tx, user).await?.ok_or(Error::Nobody)?;
        let account = &mut stored.account;
        account.name = name
            .clone()
            .unwrap_or_else(|| std::mem::take(&mut account.name));
        account.locale = request.locale.unwrap_or(account.locale);
        store::save(&mut tx, &stored, app.clock.now()).await?;
        tx.commit().await?;
        stored.account.version += 1;
        Ok(stored.account)
    };
    db::retried(update, Error::is_conflict).await
}
