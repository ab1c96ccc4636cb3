//! Signing in and out, and checking passwords.

use serde::{Deserialize, Serialize};
use shared::{
    account::{Account, Login, Reauthenticate, UpdateAccount},
    id::{FamilyId, SessionId, UserId},
    locale::Locale,
};

use crate::{
    audit::{self, Actor, Change},
    db::{self, Tx},
    email,
    limits::{LimitSubject, Rule},
    platform::Platform,
};

use super::{
    Accounts, Error, carts,
    devices::{self, DeviceTokens},
    links::{self, Purpose},
    model::{self, Credential, Device, Person},
    password::PasswordClient,
    register::invalid_link,
    second_factor, sessions,
    store::{self, StoredUser},
    tokens,
};

/// A session that has just begun: the account, and the cookies of the browser.
#[derive(Clone, Debug)]
pub(super) struct NewSession {
    pub(super) account: Account,
    pub(super) token: String,
    pub(super) device_tokens: DeviceTokens,
}

/// Proof that the client knows the password of an account, with the account as it was when the
/// password was checked.
#[derive(Clone, Debug)]
pub(super) struct PasswordProof {
    stored: StoredUser,
    /// Whether the account has a second factor.
    second_factor: bool,
}

impl PasswordProof {
    /// The account whose password was checked.
    pub(super) fn user(&self) -> UserId {
        self.stored.account.id
    }

    /// Whether a code of the second factor is required as well.
    pub(super) fn needs_code(&self) -> bool {
        self.second_factor
    }

    /// Checks the rate limit for codes, where the account needs one.
    pub(super) async fn check_code_limit(
        &self,
        platform: &Platform,
        code: Option<&str>,
    ) -> Result<(), Error> {
        match code {
            _ if !self.second_factor => Ok(()),
            None => Err(Error::CodeNeeded),
            Some(_) => second_factor::check_limit(platform, self.user()).await,
        }
    }

    /// A fingerprint of the password, stored with links so that a changed password voids them.
    pub(super) fn password_fingerprint(&self) -> String {
        links::hash(&self.stored.password_hash)
    }

    /// The language of the account's messages.
    pub(super) fn locale(&self) -> Locale {
        self.stored.account.locale
    }

    /// Locks the account, and fails if its password has changed since it was checked. Checking a
    /// password takes long enough for that to happen.
    pub(super) async fn lock_if_unchanged(&self, tx: &mut Tx) -> Result<StoredUser, Error> {
        let stored = store::lock(tx, self.user()).await?;
        stored
            .filter(|it| it.password_hash == self.stored.password_hash)
            .ok_or(Error::WrongCredentials)
    }
}

/// Signs a browser in through the API, with the code in the same request.
pub(super) async fn login(
    accounts: &Accounts,
    request: Login,
    device: &Device,
) -> Result<NewSession, Error> {
    let proof = verify_password(accounts, &request.email, request.password, device).await?;
    proof
        .check_code_limit(accounts, request.code.as_deref())
        .await?;
    let begin = async || {
        let mut tx = accounts.db.write().await?;
        let user = proof.lock_if_unchanged(&mut tx).await?.account.id;
        accept_code(accounts, &mut tx, user, request.code.as_deref()).await?;
        let session = begin_session(accounts, &mut tx, user, device).await?;
        tx.commit().await?;
        Ok(session)
    };
    let begun = db::retry_on_conflict(begin, Error::is_conflict).await;
    record_wrong_code(accounts, proof.user(), "browser", begun).await
}

/// Consumes a code, where the account has a second factor.
pub(super) async fn accept_code(
    platform: &Platform,
    tx: &mut Tx,
    user: UserId,
    code: Option<&str>,
) -> Result<(), Error> {
    if !second_factor::is_enabled(tx.conn(), user).await? {
        return Ok(());
    }
    let code = code.ok_or(Error::CodeNeeded)?;
    if second_factor::accept(platform, tx, user, code).await? {
        Ok(())
    } else {
        Err(Error::WrongCode)
    }
}

/// Passes a result on, and records a wrong code in the audit log: its client knows the password.
pub(super) async fn record_wrong_code<T>(
    platform: &Platform,
    user: UserId,
    via: &'static str,
    done: Result<T, Error>,
) -> Result<T, Error> {
    if matches!(done, Err(Error::WrongCode)) {
        record_failed_sign_in(platform, Some(user), via, "code").await?;
    }
    done
}

/// Checks an email address and a password. The work is the same whether the account exists or not,
/// so that the duration does not reveal it.
pub(super) async fn verify_password(
    accounts: &Accounts,
    email: &str,
    password: String,
    device: &Device,
) -> Result<PasswordProof, Error> {
    let email = email::lookup_text(email);
    let known = check_login_limits(accounts, &email, device).await?;
    let mut reader = accounts.db.read().await?;
    let stored = store::find_by_email(&mut reader, &email).await?;
    let user = stored.as_ref().map(|it| it.account.id);
    // No account has the id 0. The look-up keeps the work equal.
    let id = user.unwrap_or(UserId::new(0));
    let second_factor = second_factor::is_enabled(&mut reader, id).await?;
    drop(reader);
    let client = match user {
        Some(user) if known => PasswordClient::Known(user),
        _ => PasswordClient::Unknown(&device.network),
    };
    let hash = stored.as_ref().map(|it| it.password_hash.clone());
    if accounts.hasher.verify(client, password, hash).await?
        && let Some(stored) = stored
    {
        return Ok(PasswordProof {
            stored,
            second_factor,
        });
    }
    record_failed_sign_in(accounts, user, "password", "password").await?;
    Err(Error::WrongCredentials)
}

/// Checks the rate limits for trying this account's password. The limits per minute allow for
/// mistyping, those per hour slow guessing down. Guessing from one network does not lock out
/// clients of another; guessing from many is stopped by the account's limit over all networks. A
/// device that has signed in before has limits of its own, so that its owner cannot be locked out.
/// Returns whether the device is known.
async fn check_login_limits(
    platform: &Platform,
    email: &str,
    device: &Device,
) -> Result<bool, Error> {
    let (quota, now) = (platform.config.limit_login, platform.clock.now());
    let mut reader = platform.db.read().await?;
    let known = devices::find(&mut reader, device, email, now).await?;
    drop(reader);
    let here = match &known {
        Some(mark) => LimitSubject::Device(mark),
        None => LimitSubject::AccountIn(email, device.network.client().unwrap_or("-")),
    };
    let minute = Rule::per_minute("account", quota);
    platform.limits.check(minute, here, now).await?;
    let hour = Rule::per_hour("account-hour", quota.saturating_mul(4));
    platform.limits.check(hour, here, now).await?;
    if known.is_none() {
        let everywhere = Rule::per_hour("account-everywhere", quota.saturating_mul(20));
        let account = LimitSubject::Account(email);
        platform.limits.check(everywhere, account, now).await?;
    }
    Ok(known.is_some())
}

/// Begins a browser session and issues a device token.
pub(super) async fn begin_session(
    platform: &Platform,
    tx: &mut Tx,
    user: UserId,
    device: &Device,
) -> Result<NewSession, Error> {
    let stored = store::find(tx.conn(), user).await?;
    let account = stored.ok_or(Error::WrongCredentials)?.account;
    let device_tokens = devices::add(tx, device, user, platform.clock.now()).await?;
    let session = sessions::begin(platform, tx, user, &device.agent).await?;
    record_sign_in(platform, tx, user, "browser").await?;
    Ok(NewSession {
        account,
        token: session,
        device_tokens,
    })
}

/// Records a sign-in in the audit log.
pub(super) async fn record_sign_in(
    platform: &Platform,
    tx: &mut Tx,
    user: UserId,
    via: &'static str,
) -> Result<(), Error> {
    let actor = Actor(format!("user:{user}"));
    let change = Change::new(audit::SIGN_IN, actor.0.clone()).to(&via);
    Ok(audit::record(tx, platform.context(), &actor, &[change]).await?)
}

/// Records a failed sign-in in the audit log, whether the account exists or not.
async fn record_failed_sign_in(
    platform: &Platform,
    user: Option<UserId>,
    via: &'static str,
    wrong: &'static str,
) -> Result<(), Error> {
    let user = user.map_or_else(|| "nobody".to_owned(), |user| user.to_string());
    let change = Change::new(audit::SIGN_IN_FAILED, format!("user:{user}")).to(&(via, wrong));
    let mut tx = platform.db.write().await?;
    let actor = Actor("anonymous".to_owned());
    audit::record(&mut tx, platform.context(), &actor, &[change]).await?;
    Ok(tx.commit().await?)
}

/// Signs out: ends this session or token family, or all of the account's.
pub(super) async fn logout(
    platform: &Platform,
    person: &Person,
    everywhere: bool,
) -> Result<(), Error> {
    let mut tx = platform.db.write().await?;
    if everywhere {
        super::end_all(platform, &mut tx, person.user).await?;
    } else {
        match person.credential {
            Credential::Session(session) => {
                sessions::end(platform, &mut tx, person.user, session).await?;
            }
            Credential::TokenFamily(family) => tokens::end_family(&mut tx, family).await?,
        }
    }
    Ok(tx.commit().await?)
}

/// Ends one session or token family, and replaces the cart's token, which is known there.
pub(super) async fn end_session(
    platform: &Platform,
    user: UserId,
    session: SessionId,
) -> Result<(), Error> {
    let end = async || {
        let mut tx = platform.db.write().await?;
        let family = FamilyId::new(session.get());
        let ended = sessions::end(platform, &mut tx, user, session).await?
            || tokens::end_family_of(&mut tx, user, family).await?;
        if !ended {
            return Err(Error::NotFound);
        }
        carts::replace_token(platform, &mut tx, user).await?;
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(end, Error::is_conflict).await
}

/// Checks the password of a person who has signed in. The rate limits are those of the account in
/// this network, so that guessing elsewhere does not use them up.
pub(super) async fn verify_own_password(
    accounts: &Accounts,
    user: UserId,
    password: String,
    device: &Device,
) -> Result<PasswordProof, Error> {
    let mut reader = accounts.db.read().await?;
    let stored = store::find(&mut reader, user).await?;
    let second_factor = second_factor::is_enabled(&mut reader, user).await?;
    drop(reader);
    let stored = stored.ok_or(Error::NotSignedIn)?;
    let (quota, now) = (accounts.config.limit_login, accounts.clock.now());
    let here = device.network.client().unwrap_or("-");
    let here = LimitSubject::AccountIn(&stored.account.email, here);
    for rule in [
        Rule::per_minute("session-password", quota),
        Rule::per_hour("session-password-hour", quota.saturating_mul(4)),
    ] {
        accounts.limits.check(rule, here, now).await?;
    }
    let hash = stored.password_hash.clone();
    let client = PasswordClient::Known(user);
    if accounts.hasher.verify(client, password, Some(hash)).await? {
        Ok(PasswordProof {
            stored,
            second_factor,
        })
    } else {
        record_failed_sign_in(accounts, Some(user), "session", "password").await?;
        Err(Error::WrongCredentials)
    }
}

/// Checks the password again and records it with the session or token family.
pub(super) async fn reauthenticate(
    accounts: &Accounts,
    person: &Person,
    request: Reauthenticate,
    device: &Device,
) -> Result<(), Error> {
    let proof = verify_own_password(accounts, person.user, request.password, device).await?;
    let prove = async || {
        let mut tx = accounts.db.write().await?;
        proof.lock_if_unchanged(&mut tx).await?;
        match person.credential {
            Credential::Session(session) => {
                sessions::record_reauthentication(accounts, &mut tx, person.user, session).await?;
            }
            Credential::TokenFamily(family) => {
                tokens::record_reauthentication(&mut tx, family, accounts.clock.now()).await?;
            }
        }
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(prove, Error::is_conflict).await
}

/// The state between the two steps of a sign-in on a page: the password was correct, the code is
/// still missing.
#[derive(Serialize, Deserialize)]
struct CodeTicket {
    user: UserId,
    /// The hash of the password hash: a changed password voids the ticket.
    #[serde(rename = "knew")]
    password_fingerprint: String,
}

/// The outcome of the first step of a sign-in on a page.
pub(super) enum FirstStep {
    /// The session has begun.
    SignedIn(Box<NewSession>),
    /// A code is required. The second step takes this ticket and the code.
    CodeNeeded(String),
}

/// The first step of a sign-in on a page: checks the password.
pub(super) async fn begin(
    accounts: &Accounts,
    request: Login,
    device: &Device,
) -> Result<FirstStep, Error> {
    let proof = verify_password(accounts, &request.email, request.password, device).await?;
    let begin = async || {
        let mut tx = accounts.db.write().await?;
        let account = proof.lock_if_unchanged(&mut tx).await?.account;
        let step = if proof.needs_code() {
            let ticket = CodeTicket {
                user: account.id,
                password_fingerprint: proof.password_fingerprint(),
            };
            let now = accounts.clock.now();
            let ticket = links::add(&mut tx, Purpose::Code, &account.email, &ticket, now).await?;
            FirstStep::CodeNeeded(ticket)
        } else {
            accept_code(accounts, &mut tx, account.id, None).await?;
            FirstStep::SignedIn(Box::new(
                begin_session(accounts, &mut tx, account.id, device).await?,
            ))
        };
        tx.commit().await?;
        Ok(step)
    };
    db::retry_on_conflict(begin, Error::is_conflict).await
}

/// The second step: checks the ticket and the code.
pub(super) async fn finish(
    platform: &Platform,
    ticket: &str,
    code: &str,
    device: &Device,
) -> Result<NewSession, Error> {
    let mut reader = platform.db.read().await?;
    let now = platform.clock.now();
    let link = links::find::<CodeTicket>(&mut reader, Purpose::Code, ticket, now).await?;
    drop(reader);
    let user = link.ok_or_else(invalid_link)?.content.user;
    second_factor::check_limit(platform, user).await?;
    let finish = async || {
        let now = platform.clock.now();
        let mut tx = platform.db.write().await?;
        let link = links::take::<CodeTicket>(&mut tx, Purpose::Code, ticket, now).await?;
        let link = link.ok_or_else(invalid_link)?;
        let stored = store::lock(&mut tx, user).await?;
        let same =
            |it: &StoredUser| links::hash(&it.password_hash) == link.content.password_fingerprint;
        stored.filter(same).ok_or_else(invalid_link)?;
        accept_code(platform, &mut tx, user, Some(code)).await?;
        let session = begin_session(platform, &mut tx, user, device).await?;
        tx.commit().await?;
        Ok(session)
    };
    let done = db::retry_on_conflict(finish, Error::is_conflict).await;
    record_wrong_code(platform, user, "browser", done).await
}

/// The account of a person who has signed in.
pub async fn account(platform: &Platform, user: UserId) -> Result<Account, Error> {
    let mut reader = platform.db.read().await?;
    let stored = store::find(&mut reader, user).await?;
    Ok(stored.ok_or(Error::NotSignedIn)?.account)
}

/// Changes name and language.
pub(super) async fn update(
    platform: &Platform,
    user: UserId,
    request: &UpdateAccount,
) -> Result<Account, Error> {
    let name = request.name.as_deref().map(model::name).transpose()?;
    let update = async || {
        let mut tx = platform.db.write().await?;
        let mut stored = store::lock(&mut tx, user)
            .await?
            .ok_or(Error::NotSignedIn)?;
        let account = &mut stored.account;
        account.name = name
            .clone()
            .unwrap_or_else(|| std::mem::take(&mut account.name));
        account.locale = request.locale.unwrap_or(account.locale);
        store::save(&mut tx, &stored, platform.clock.now()).await?;
        tx.commit().await?;
        stored.account.version += 1;
        Ok(stored.account)
    };
    db::retry_on_conflict(update, Error::is_conflict).await
}
