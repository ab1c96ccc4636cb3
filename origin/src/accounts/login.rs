//! Signing in and out, and passwords that change.

use serde::{Deserialize, Serialize};
use shared::{
    account::{Account, Login, Reauthenticate, UpdateAccount},
    id::{FamilyId, SessionId, UserId},
    locale::Locale,
};

use crate::{
    app::App,
    audit::{self, Change},
    db::{self, Tx},
    email,
    limits::{Rule, Subject},
};

use super::{
    Actor, Error, carts,
    devices::{self, Marks},
    links::{self, Purpose},
    model::{self, Device, Person, Via},
    password::Asker,
    register::used,
    second_factor, sessions,
    store::{self, Stored},
    tokens,
};

/// Somebody who has just signed in, with what their browser keeps.
#[derive(Clone, Debug)]
pub(super) struct Entered {
    pub(super) account: Account,
    pub(super) session: String,
    pub(super) marks: Marks,
}

/// That somebody knows the password of an account: the account as it was when the password fitted.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    stored: Stored,
    /// Whether the account has a second factor.
    second_factor: bool,
}

impl Proof {
    /// Whose password it is.
    pub(super) fn user(&self) -> UserId {
        self.stored.account.id
    }

    /// Whether a code is needed, too.
    pub(super) fn needs_code(&self) -> bool {
        self.second_factor
    }

    /// Whether this code may be tried, where the account needs one.
    pub(super) async fn may_try(&self, app: &App, code: Option<&str>) -> Result<(), Error> {
        match code {
            _ if !self.second_factor => Ok(()),
            None => Err(Error::CodeNeeded),
            Some(_) => second_factor::may_try(app, self.user()).await,
        }
    }

    /// What a link keeps of it: another password has another one.
    pub(super) fn mark(&self) -> String {
        links::hash(&self.stored.password_hash)
    }

    /// The language of the account's messages.
    pub(super) fn locale(&self) -> Locale {
        self.stored.account.locale
    }

    /// The account as it is now, locked, unless it has got another password since: looking at a
    /// password takes long enough for that.
    pub(super) async fn still_holds(&self, tx: &mut Tx) -> Result<Stored, Error> {
        let stored = store::lock(tx, self.user()).await?;
        stored
            .filter(|it| it.password_hash == self.stored.password_hash)
            .ok_or(Error::WrongCredentials)
    }
}

/// Signs in.
pub(super) async fn login(app: &App, request: Login, device: &Device) -> Result<Entered, Error> {
    let proof = checked(app, &request.email, request.password, device).await?;
    proof.may_try(app, request.code.as_deref()).await?;
    let begin = async || {
        let mut tx = app.db.write().await?;
        let user = proof.still_holds(&mut tx).await?.account.id;
        accept_code(app, &mut tx, user, request.code.as_deref()).await?;
        let entered = enter(app, &mut tx, user, device).await?;
        tx.commit().await?;
        Ok(entered)
    };
    let begun = db::retry_on_conflict(begin, Error::is_conflict).await;
    noted(app, proof.user(), "browser", begun).await
}

/// Uses a code up, where the account has a second factor.
pub(super) async fn accept_code(
    app: &App,
    tx: &mut Tx,
    user: UserId,
    code: Option<&str>,
) -> Result<(), Error> {
    if !second_factor::is_on(tx.conn(), user).await? {
        return Ok(());
    }
    let code = code.ok_or(Error::CodeNeeded)?;
    if second_factor::accept(app, tx, user, code).await? {
        Ok(())
    } else {
        Err(Error::WrongCode)
    }
}

/// The same, with a wrong code noted in the audit log: whoever typed it knows the password.
pub(super) async fn noted<T>(
    app: &App,
    user: UserId,
    via: &'static str,
    done: Result<T, Error>,
) -> Result<T, Error> {
    if matches!(done, Err(Error::WrongCode)) {
        note_failure(app, Some(user), via, "code").await?;
    }
    done
}

/// Who has this address and this password. What is done is the same whether there is an account or not.
pub(super) async fn checked(
    app: &App,
    email: &str,
    password: String,
    device: &Device,
) -> Result<Proof, Error> {
    let email = email::lookup_text(email);
    let known = guarded(app, &email, device).await?;
    let mut reader = app.db.read().await?;
    let stored = store::find_by_email(&mut reader, &email).await?;
    let user = stored.as_ref().map(|it| it.account.id);
    // Nobody has this id: it is looked up all the same.
    let whose = user.unwrap_or(UserId::new(0));
    let second_factor = second_factor::is_on(&mut reader, whose).await?;
    drop(reader);
    let asker = match user {
        Some(user) if known => Asker::Known(user),
        _ => Asker::Unknown(&device.network),
    };
    let hash = stored.as_ref().map(|it| it.password_hash.clone());
    if app.hasher.verify(asker, password, hash).await?
        && let Some(stored) = stored
    {
        return Ok(Proof {
            stored,
            second_factor,
        });
    }
    note_failure(app, user, "password", "password").await?;
    Err(Error::WrongCredentials)
}

/// Whether this account's password may be tried once more, wherever it is asked for. Whoever guesses has
/// less and less time for it, and a mistype costs nothing. Guessing in one network keeps nobody out who is
/// in another; guessing in many meets the last limit, which is what keeps a small password safe. A browser
/// that its owner has used has limits of its own, so that nobody locks them out. Says whether it is one.
async fn guarded(app: &App, email: &str, device: &Device) -> Result<bool, Error> {
    let (quota, now) = (app.config.limit_login, app.clock.now());
    let mut reader = app.db.read().await?;
    let known = devices::find(&mut reader, device, email, now).await?;
    drop(reader);
    let here = match &known {
        Some(mark) => Subject::Device(mark),
        None => Subject::AccountIn(email, device.network.client().unwrap_or("-")),
    };
    let minute = Rule::per_minute("account", quota);
    app.limits.check(minute, here, now).await?;
    let hour = Rule::per_hour("account-hour", quota.saturating_mul(4));
    app.limits.check(hour, here, now).await?;
    if known.is_none() {
        let everywhere = Rule::per_hour("account-everywhere", quota.saturating_mul(20));
        let account = Subject::Account(email);
        app.limits.check(everywhere, account, now).await?;
    }
    Ok(known.is_some())
}

/// Begins a session in a browser, and knows the browser from now on.
pub(super) async fn enter(
    app: &App,
    tx: &mut Tx,
    user: UserId,
    device: &Device,
) -> Result<Entered, Error> {
    let stored = store::find(tx.conn(), user).await?;
    let account = stored.ok_or(Error::WrongCredentials)?.account;
    let marks = devices::remember(tx, device, user, app.clock.now()).await?;
    let session = sessions::begin(app, tx, user, &device.agent).await?;
    note_sign_in(app, tx, user, "browser").await?;
    Ok(Entered {
        account,
        session,
        marks,
    })
}

/// Notes that somebody has signed in.
pub(super) async fn note_sign_in(
    app: &App,
    tx: &mut Tx,
    user: UserId,
    via: &'static str,
) -> Result<(), Error> {
    let actor = Actor(format!("user:{user}"));
    let change = Change::new(audit::SIGN_IN, actor.0.clone()).to(&via);
    Ok(audit::note(tx, app.context(), &actor, &[change]).await?)
}

/// Notes that somebody has tried to sign in. Whether there is an account makes no difference to what is
/// done.
async fn note_failure(
    app: &App,
    user: Option<UserId>,
    via: &'static str,
    wrong: &'static str,
) -> Result<(), Error> {
    let whom = user.map_or_else(|| "nobody".to_owned(), |user| user.to_string());
    let change = Change::new(audit::SIGN_IN_FAILED, format!("user:{whom}")).to(&(via, wrong));
    let mut tx = app.db.write().await?;
    let actor = Actor("anonymous".to_owned());
    audit::note(&mut tx, app.context(), &actor, &[change]).await?;
    Ok(tx.commit().await?)
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
    db::retry_on_conflict(end, Error::is_conflict).await
}

/// That this is the account's password, for somebody who has signed in. Whoever sits at their browser has
/// little time to guess it; whoever guesses elsewhere takes nothing from them.
pub(super) async fn proved(
    app: &App,
    user: UserId,
    password: String,
    device: &Device,
) -> Result<Proof, Error> {
    let mut reader = app.db.read().await?;
    let stored = store::find(&mut reader, user).await?;
    let second_factor = second_factor::is_on(&mut reader, user).await?;
    drop(reader);
    let stored = stored.ok_or(Error::Nobody)?;
    let (quota, now) = (app.config.limit_login, app.clock.now());
    let here = device.network.client().unwrap_or("-");
    let here = Subject::AccountIn(&stored.account.email, here);
    for rule in [
        Rule::per_minute("session-password", quota),
        Rule::per_hour("session-password-hour", quota.saturating_mul(4)),
    ] {
        app.limits.check(rule, here, now).await?;
    }
    let hash = stored.password_hash.clone();
    let asker = Asker::Known(user);
    if app.hasher.verify(asker, password, Some(hash)).await? {
        Ok(Proof {
            stored,
            second_factor,
        })
    } else {
        note_failure(app, Some(user), "session", "password").await?;
        Err(Error::WrongCredentials)
    }
}

/// Notes that somebody who has signed in has given their password again.
pub(super) async fn reauthenticate(
    app: &App,
    person: &Person,
    request: Reauthenticate,
    device: &Device,
) -> Result<(), Error> {
    let proof = proved(app, person.user, request.password, device).await?;
    let prove = async || {
        let mut tx = app.db.write().await?;
        proof.still_holds(&mut tx).await?;
        match person.via {
            Via::Browser(session) => sessions::prove(app, &mut tx, person.user, session).await?,
            Via::Program(family) => tokens::prove(&mut tx, family, app.clock.now()).await?,
        }
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(prove, Error::is_conflict).await
}

/// What a page keeps of somebody whose password was right, until they have typed a code.
#[derive(Serialize, Deserialize)]
struct Ticket {
    user: UserId,
    /// The hash of the password's hash: another password makes it worth nothing.
    knew: String,
}

/// What the first step of a page's sign-in came to.
pub(super) enum FirstStep {
    /// They are in.
    Entered(Box<Entered>),
    /// A code is needed; whoever has this ticket types it.
    CodeNeeded(String),
}

/// Signs in on a page, or asks for a code.
pub(super) async fn begin(app: &App, request: Login, device: &Device) -> Result<FirstStep, Error> {
    let proof = checked(app, &request.email, request.password, device).await?;
    let begin = async || {
        let mut tx = app.db.write().await?;
        let account = proof.still_holds(&mut tx).await?.account;
        let step = if proof.needs_code() {
            let ticket = Ticket {
                user: account.id,
                knew: proof.mark(),
            };
            let now = app.clock.now();
            let ticket = links::add(&mut tx, Purpose::Code, &account.email, &ticket, now).await?;
            FirstStep::CodeNeeded(ticket)
        } else {
            accept_code(app, &mut tx, account.id, None).await?;
            FirstStep::Entered(Box::new(enter(app, &mut tx, account.id, device).await?))
        };
        tx.commit().await?;
        Ok(step)
    };
    db::retry_on_conflict(begin, Error::is_conflict).await
}

/// Signs in with a ticket and a code.
pub(super) async fn finish(
    app: &App,
    ticket: &str,
    code: &str,
    device: &Device,
) -> Result<Entered, Error> {
    let mut reader = app.db.read().await?;
    let now = app.clock.now();
    let link = links::find::<Ticket>(&mut reader, Purpose::Code, ticket, now).await?;
    drop(reader);
    let user = link.ok_or_else(used)?.content.user;
    second_factor::may_try(app, user).await?;
    let finish = async || {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let link = links::take::<Ticket>(&mut tx, Purpose::Code, ticket, now).await?;
        let link = link.ok_or_else(used)?;
        let stored = store::lock(&mut tx, user).await?;
        let same = |it: &Stored| links::hash(&it.password_hash) == link.content.knew;
        stored.filter(same).ok_or_else(used)?;
        accept_code(app, &mut tx, user, Some(code)).await?;
        let entered = enter(app, &mut tx, user, device).await?;
        tx.commit().await?;
        Ok(entered)
    };
    let done = db::retry_on_conflict(finish, Error::is_conflict).await;
    noted(app, user, "browser", done).await
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
    db::retry_on_conflict(update, Error::is_conflict).await
}
