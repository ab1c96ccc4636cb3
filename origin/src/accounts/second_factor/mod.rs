//! The second factor: codes of an authenticator (TOTP), and recovery codes for its loss. Owns
//! `second_factors` and `recovery_codes`.
//!
//! Invariants: a secret is sealed with a key that is not in the database; a code is accepted once,
//! also under concurrency; recovery codes are shown once and stored as hashes; turning the second
//! factor on or off requires the password and ends every other session.

mod code;
mod store;

pub(super) use store::{is_enabled, remove};

use shared::{
    account::{
        ConfirmSecondFactor, EnrolSecondFactor, ProveSecondFactor, RecoveryCodes, Role,
        SecondFactor, SecondFactorSecret, SecondFactorState,
    },
    id::UserId,
};

use crate::{
    audit::{self, Actor, Change},
    db::{self, Tx},
    limits::{LimitSubject, Rule},
    outbox::{self, OutboxMessage},
    platform::Platform,
};

use super::{
    Accounts, Error,
    login::{self, NewSession},
    model::{Device, Person},
    register::{LinkMessage, message},
    store as users,
};

use code::TypedCode;

/// The context that a secret is sealed for.
fn context(user: UserId) -> String {
    format!("second_factors/{user}")
}

/// The state of an account's second factor, with the number of unused recovery codes.
pub(super) async fn read(platform: &Platform, user: UserId) -> Result<SecondFactor, Error> {
    let mut reader = platform.db.read().await?;
    let stored = store::find(&mut reader, user).await?;
    Ok(SecondFactor {
        state: match stored {
            None => SecondFactorState::Off,
            Some(it) if it.confirmed => SecondFactorState::On,
            Some(_) => SecondFactorState::Pending,
        },
        recovery_codes_left: store::codes_left(&mut reader, user).await?,
        required: is_required(platform, login::account(platform, user).await?.role),
    })
}

/// Whether the shop requires a second factor for this role.
pub(super) fn is_required(platform: &Platform, role: Role) -> bool {
    platform.config.require_second_factor && role != Role::Customer
}

/// Creates a secret for an authenticator to scan. It has no effect until a code confirms it.
pub(super) async fn enrol(
    accounts: &Accounts,
    person: &Person,
    request: EnrolSecondFactor,
    device: &Device,
) -> Result<SecondFactorSecret, Error> {
    let proof = login::verify_own_password(accounts, person.user, request.password, device).await?;
    let secret: [u8; 20] = crate::secret::totp();
    let sealed = accounts.sealer.seal(&context(person.user), &secret)?;
    let enrol = async || {
        let mut tx = accounts.db.write().await?;
        let user = proof.lock_if_unchanged(&mut tx).await?;
        if is_enabled(tx.conn(), person.user).await? {
            return Err(Error::SecondFactorOn);
        }
        remove(&mut tx, person.user).await?;
        store::put(&mut tx, person.user, &sealed, accounts.clock.now()).await?;
        tx.commit().await?;
        Ok(user.account.email)
    };
    let email = db::retry_on_conflict(enrol, Error::is_conflict).await?;
    secret_view(accounts, &secret, &email)
}

/// The unconfirmed secret, for a page that shows it again.
pub(super) async fn pending(
    platform: &Platform,
    user: UserId,
) -> Result<SecondFactorSecret, Error> {
    let mut reader = platform.db.read().await?;
    let stored = store::find(&mut reader, user).await?;
    let stored = stored.filter(|it| !it.confirmed).ok_or(Error::NotFound)?;
    drop(reader);
    let secret = platform.sealer.open(&context(user), &stored.secret)?;
    let email = login::account(platform, user).await?.email;
    secret_view(platform, &secret, &email)
}

fn secret_view(
    platform: &Platform,
    secret: &[u8],
    email: &str,
) -> Result<SecondFactorSecret, Error> {
    let totp = code::totp(secret, &platform.config.shop_name, email);
    Ok(SecondFactorSecret {
        secret: totp.secret().to_base32(),
        uri: totp.to_url().map_err(|_| Error::Code)?,
    })
}

/// Turns the second factor on with a code, which proves that the authenticator has the secret.
/// Every session ends, and a new one begins. The recovery codes are shown only in this response.
pub(super) async fn confirm(
    platform: &Platform,
    person: &Person,
    request: &ConfirmSecondFactor,
    device: &Device,
) -> Result<(NewSession, RecoveryCodes), Error> {
    check_limit(platform, person.user).await?;
    let confirm = async || {
        let (user, now) = (person.user, platform.clock.now());
        let mut tx = platform.db.write().await?;
        let account = users::lock(&mut tx, user)
            .await?
            .ok_or(Error::NotSignedIn)?;
        let stored = store::find(tx.conn(), user).await?;
        let stored = stored.ok_or(Error::NotFound)?;
        if stored.confirmed {
            return Err(Error::SecondFactorOn);
        }
        let secret = platform.sealer.open(&context(user), &stored.secret)?;
        let totp = code::totp(&secret, "", "");
        let TypedCode::Digits(digits) = TypedCode::parse(&request.code) else {
            return Err(Error::WrongCode);
        };
        let step = code::step_of(&totp, &digits, now).ok_or(Error::WrongCode)?;
        store::advance(&mut tx, user, step).await?;
        store::confirm(&mut tx, user, now).await?;
        let codes = new_codes(&mut tx, platform, user).await?;
        super::end_all(platform, &mut tx, user).await?;
        record_change(platform, &mut tx, &person.actor(), user, "on").await?;
        notify_owner(platform, &mut tx, &account).await?;
        let session = login::begin_session(platform, &mut tx, user, device).await?;
        tx.commit().await?;
        Ok((session, codes))
    };
    db::retry_on_conflict(confirm, Error::is_conflict).await
}

async fn new_codes(tx: &mut Tx, platform: &Platform, user: UserId) -> Result<RecoveryCodes, Error> {
    let codes = code::recovery_codes();
    let hashes: Vec<String> = codes
        .iter()
        .map(|it| code::recovery_hash(user, &it.replace('-', "")))
        .collect();
    store::replace_codes(tx, user, &hashes, platform.clock.now()).await?;
    Ok(RecoveryCodes { codes })
}

/// Replaces the recovery codes.
pub(super) async fn renew_codes(
    accounts: &Accounts,
    person: &Person,
    request: ProveSecondFactor,
    device: &Device,
) -> Result<RecoveryCodes, Error> {
    let proof = login::verify_own_password(accounts, person.user, request.password, device).await?;
    check_limit(accounts, person.user).await?;
    let renew = async || {
        let mut tx = accounts.db.write().await?;
        proof.lock_if_unchanged(&mut tx).await?;
        if !accept(accounts, &mut tx, person.user, &request.code).await? {
            return Err(Error::WrongCode);
        }
        let codes = new_codes(&mut tx, accounts, person.user).await?;
        record_change(
            accounts,
            &mut tx,
            &person.actor(),
            person.user,
            "recovery_codes",
        )
        .await?;
        tx.commit().await?;
        Ok(codes)
    };
    db::retry_on_conflict(renew, Error::is_conflict).await
}

/// Turns the second factor off, unless the shop requires it.
pub(super) async fn disable(
    accounts: &Accounts,
    person: &Person,
    request: ProveSecondFactor,
    device: &Device,
) -> Result<NewSession, Error> {
    let proof = login::verify_own_password(accounts, person.user, request.password, device).await?;
    check_limit(accounts, person.user).await?;
    let disable = async || {
        let user = person.user;
        let mut tx = accounts.db.write().await?;
        let account = proof.lock_if_unchanged(&mut tx).await?;
        if is_required(accounts, account.account.role) {
            return Err(Error::SecondFactorRequired);
        }
        if !accept(accounts, &mut tx, user, &request.code).await? {
            return Err(Error::WrongCode);
        }
        remove(&mut tx, user).await?;
        super::end_all(accounts, &mut tx, user).await?;
        record_change(accounts, &mut tx, &person.actor(), user, "off").await?;
        notify_owner(accounts, &mut tx, &account).await?;
        let session = login::begin_session(accounts, &mut tx, user, device).await?;
        tx.commit().await?;
        Ok(session)
    };
    db::retry_on_conflict(disable, Error::is_conflict).await
}

/// Removes a lost second factor. The owner signs in with the password alone afterwards, and is
/// notified by mail.
pub(super) async fn reset(platform: &Platform, actor: &Actor, user: UserId) -> Result<(), Error> {
    let reset = async || {
        let mut tx = platform.db.write().await?;
        let account = users::lock(&mut tx, user).await?.ok_or(Error::NotFound)?;
        if !remove(&mut tx, user).await? {
            return Err(Error::NotFound);
        }
        super::end_all(platform, &mut tx, user).await?;
        record_change(platform, &mut tx, actor, user, "reset").await?;
        notify_owner(platform, &mut tx, &account).await?;
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(reset, Error::is_conflict).await
}

/// Checks the rate limits for trying codes. Of a million codes, three are valid at a time.
pub(super) async fn check_limit(platform: &Platform, user: UserId) -> Result<(), Error> {
    let (quota, now) = (platform.config.limit_login, platform.clock.now());
    let key = format!("user:{user}");
    for rule in [
        Rule::per_minute("code", quota),
        Rule::per_hour("code-hour", quota.saturating_mul(4)),
        Rule::per_day("code-day", quota.saturating_mul(8)),
    ] {
        platform
            .limits
            .check(rule, LimitSubject::Account(&key), now)
            .await?;
    }
    Ok(())
}

/// Verifies and consumes an unused code of the account's second factor, with the transaction.
pub(super) async fn accept(
    platform: &Platform,
    tx: &mut Tx,
    user: UserId,
    typed: &str,
) -> Result<bool, Error> {
    let stored = store::find(tx.conn(), user).await?;
    let Some(stored) = stored.filter(|it| it.confirmed) else {
        return Ok(false);
    };
    match TypedCode::parse(typed) {
        TypedCode::Digits(digits) => {
            let secret = platform.sealer.open(&context(user), &stored.secret)?;
            if !platform.sealer.is_current(&stored.secret) {
                // The sealing key was rotated.
                let sealed = platform.sealer.seal(&context(user), &secret)?;
                store::reseal(tx, user, &sealed).await?;
            }
            let totp = code::totp(&secret, "", "");
            match code::step_of(&totp, &digits, platform.clock.now()) {
                Some(step) => Ok(store::advance(tx, user, step).await?),
                None => Ok(false),
            }
        }
        TypedCode::Recovery(typed) => {
            let hash = code::recovery_hash(user, &typed);
            Ok(store::use_code(tx, user, &hash).await?)
        }
    }
}

async fn record_change(
    platform: &Platform,
    tx: &mut Tx,
    actor: &Actor,
    user: UserId,
    what: &'static str,
) -> Result<(), Error> {
    let change = Change::new("user.second_factor", format!("user:{user}")).to(&what);
    Ok(audit::record(tx, platform.context(), actor, &[change]).await?)
}

/// Notifies the owner by mail of a change of the account's security.
async fn notify_owner(
    platform: &Platform,
    tx: &mut Tx,
    stored: &users::StoredUser,
) -> Result<(), Error> {
    let notice = LinkMessage {
        email: stored.account.email.clone(),
        token: String::new(),
        locale: stored.account.locale,
    };
    let message = message(OutboxMessage::ACCOUNT_SECURITY, &notice)?;
    Ok(outbox::add(tx, &platform.ids, platform.clock.now(), &[message]).await?)
}
