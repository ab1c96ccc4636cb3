//! Registration, and mails with links. Work and response are the same whether the account exists or
//! not; that is looked up when the mail is sent.

use serde::{Deserialize, Serialize};
use shared::{
    account::{ChangeEmail, ForgotPassword, Register, Role, UseLink},
    id::UserId,
    locale::Locale,
};
use ui::mail::{AccountMail, Mail};

use crate::{
    db,
    limits::{LimitSubject, Rule},
    outbox::{self, OutboxMessage},
    platform::Platform,
};

use super::{
    Accounts, Error,
    links::{self, Link, Purpose},
    login::{NewSession, begin_session},
    model::{self, Device, Person},
    password::PasswordClient,
    store::{self, NewUser, StoredUser},
};

/// A registration whose email address is not verified yet.
#[derive(Serialize, Deserialize)]
struct PendingRegistration {
    name: String,
    password_hash: String,
    locale: Locale,
}

/// A change of an email address that is not verified yet. A changed password voids the link,
/// because its client knew the old one.
#[derive(Serialize, Deserialize)]
struct PendingEmailChange {
    user: UserId,
    /// The hash of the password hash, which itself must not be stored with a link.
    #[serde(rename = "knew")]
    password_fingerprint: String,
}

/// A mail with a link: the payload of its row in the outbox.
#[derive(Clone, Serialize, Deserialize)]
pub struct LinkMessage {
    /// The recipient.
    pub email: String,
    /// The link's token. Empty if the mail has no link.
    pub token: String,
    /// Its language.
    pub locale: Locale,
}

/// Stores a registration and sends a link to its email address.
pub(super) async fn register(
    accounts: &Accounts,
    request: Register,
    device: &Device,
) -> Result<(), Error> {
    let (email, name) = validate(&request)?;
    check_recipient_limit(accounts, Purpose::Register, &email).await?;
    let client = PasswordClient::Unknown(&device.network);
    let registration = PendingRegistration {
        name,
        password_hash: accounts.hasher.hash(client, request.password).await?,
        locale: request.locale,
    };
    send_link(
        accounts,
        Purpose::Register,
        &email,
        &registration,
        request.locale,
    )
    .await
}

/// Validates the fields and reports all faults at once.
fn validate(request: &Register) -> Result<(String, String), Error> {
    let (email, name) = (model::email(&request.email), model::name(&request.name));
    let password = model::password(&request.password);
    match (email, name, password) {
        (Ok(email), Ok(name), Ok(())) => Ok((email, name)),
        (email, name, password) => {
            let wrong = [email.err(), name.err(), password.err()];
            let fields = wrong.into_iter().flatten().flat_map(|error| match error {
                Error::Invalid(fields) => fields,
                _ => Vec::new(),
            });
            Err(Error::Invalid(fields.collect()))
        }
    }
}

/// Sends a link that sets a new password.
pub(super) async fn forgot(platform: &Platform, request: &ForgotPassword) -> Result<(), Error> {
    let email = model::email(&request.email)?;
    check_recipient_limit(platform, Purpose::Reset, &email).await?;
    send_link(platform, Purpose::Reset, &email, &(), request.locale).await
}

/// Sends a link to the new email address of an account.
pub(super) async fn change_email(
    accounts: &Accounts,
    user: UserId,
    request: ChangeEmail,
    device: &Device,
) -> Result<(), Error> {
    let email = model::email(&request.email)?;
    let proof = super::login::verify_own_password(accounts, user, request.password, device).await?;
    check_recipient_limit(accounts, Purpose::Email, &email).await?;
    let change = PendingEmailChange {
        user,
        password_fingerprint: proof.password_fingerprint(),
    };
    send_link(accounts, Purpose::Email, &email, &change, proof.locale()).await
}

/// Checks the rate limit of mails with such a link to one recipient, who need not be the client.
async fn check_recipient_limit(
    platform: &Platform,
    purpose: Purpose,
    email: &str,
) -> Result<(), Error> {
    let name = match purpose {
        Purpose::Register => "account-register",
        Purpose::Reset | Purpose::Code => "account-reset",
        Purpose::Email => "account-email",
    };
    let rule = Rule::per_hour(name, platform.config.limit_reset);
    let recipient = LimitSubject::Recipient(email);
    Ok(platform
        .limits
        .check(rule, recipient, platform.clock.now())
        .await?)
}

async fn send_link<T: Serialize>(
    platform: &Platform,
    purpose: Purpose,
    email: &str,
    content: &T,
    locale: Locale,
) -> Result<(), Error> {
    let send = async || {
        let now = platform.clock.now();
        let mut tx = platform.db.write().await?;
        let token = links::add(&mut tx, purpose, email, content, now).await?;
        let link = LinkMessage {
            email: email.to_owned(),
            token,
            locale,
        };
        let topic = match purpose {
            Purpose::Register => OutboxMessage::ACCOUNT_REGISTER,
            Purpose::Reset | Purpose::Code => OutboxMessage::ACCOUNT_RESET,
            Purpose::Email => OutboxMessage::ACCOUNT_EMAIL,
        };
        let message = message(topic, &link)?;
        outbox::add(&mut tx, &platform.ids, now, &[message]).await?;
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(send, Error::is_conflict).await
}

/// The outbox subject of mails to one email address.
pub(super) fn subject_of(email: &str) -> String {
    format!("account:{}", &links::hash(email)[..32])
}

/// A mail as an outbox message. Mails to one email address are delivered in order.
pub(super) fn message(topic: &'static str, link: &LinkMessage) -> Result<OutboxMessage, Error> {
    Ok(OutboxMessage {
        topic,
        subject: subject_of(&link.email),
        payload: serde_json::to_string(link)?,
    })
}

/// The error for a link that is unknown, used or expired.
pub(super) fn invalid_link() -> Error {
    Error::field(
        "token",
        "The link has been used or has expired; request a new one.",
    )
}

/// Uses a link that verifies an email address: it creates an account or changes its email address.
/// The link alone is not enough. Its client must also be the one who requested it, which the
/// password of the new account shows, or a session of the account that changes.
pub(super) async fn verify(
    accounts: &Accounts,
    request: UseLink,
    person: Option<&Person>,
    device: &Device,
) -> Result<NewSession, Error> {
    let (now, token) = (accounts.clock.now(), request.token);
    let mut reader = accounts.db.read().await?;
    let registration =
        links::find::<PendingRegistration>(&mut reader, Purpose::Register, &token, now).await?;
    drop(reader);
    match registration {
        Some(link) => {
            let password = request.password.ok_or_else(|| {
                Error::field("password", "The password of the new account is required.")
            })?;
            verify_registration_password(accounts, &token, &link, password).await?;
            db::retry_on_conflict(
                || create_account(accounts, &token, device),
                Error::is_conflict,
            )
            .await
        }
        None => {
            db::retry_on_conflict(
                || change_address(accounts, &token, person, device),
                Error::is_conflict,
            )
            .await
        }
    }
}

/// Checks the password that the registration was made with. Anyone can register another person's
/// email address; without this check, the account would open to both.
async fn verify_registration_password(
    accounts: &Accounts,
    token: &str,
    link: &Link<PendingRegistration>,
    password: String,
) -> Result<(), Error> {
    for rule in [
        Rule::per_minute("link", accounts.config.limit_login),
        Rule::per_hour("link-hour", accounts.config.limit_login * 4),
    ] {
        let link = LimitSubject::Link(token);
        accounts
            .limits
            .check(rule, link, accounts.clock.now())
            .await?;
    }
    let hash = link.content.password_hash.clone();
    if accounts
        .hasher
        .verify(PasswordClient::Linked, password, Some(hash))
        .await?
    {
        Ok(())
    } else {
        Err(Error::WrongCredentials)
    }
}

async fn create_account(
    platform: &Platform,
    token: &str,
    device: &Device,
) -> Result<NewSession, Error> {
    let now = platform.clock.now();
    let mut tx = platform.db.write().await?;
    let link = links::take::<PendingRegistration>(&mut tx, Purpose::Register, token, now).await?;
    let link = link.ok_or_else(invalid_link)?;
    let id = UserId::new(platform.ids.next(now));
    let user = NewUser {
        email: link.email,
        name: link.content.name,
        password_hash: link.content.password_hash,
        role: Role::Customer,
        rights: Vec::new(),
        locale: link.content.locale,
    };
    if !store::add(&mut tx, id, &user, now).await? {
        return Err(invalid_link());
    }
    links::delete_all(&mut tx, &user.email).await?;
    let session = begin_session(platform, &mut tx, id, device).await?;
    tx.commit().await?;
    Ok(session)
}

/// Changes the email address of an account. Every session ends, and a new one begins.
async fn change_address(
    platform: &Platform,
    token: &str,
    person: Option<&Person>,
    device: &Device,
) -> Result<NewSession, Error> {
    let now = platform.clock.now();
    let mut tx = platform.db.write().await?;
    let link = links::take::<PendingEmailChange>(&mut tx, Purpose::Email, token, now).await?;
    let link = link.ok_or_else(invalid_link)?;
    let person = person.ok_or(Error::NotSignedIn)?;
    let stored = store::lock(&mut tx, link.content.user).await?;
    let is_own = |it: &StoredUser| {
        it.account.id == person.user
            && links::hash(&it.password_hash) == link.content.password_fingerprint
    };
    let mut stored = stored.filter(is_own).ok_or_else(invalid_link)?;
    let taken = store::find_by_email(tx.conn(), &link.email).await?;
    if taken.is_some() {
        return Err(invalid_link());
    }
    let notice = LinkMessage {
        email: std::mem::replace(&mut stored.account.email, link.email),
        token: String::new(),
        locale: stored.account.locale,
    };
    store::save(&mut tx, &stored, now).await?;
    super::end_all(platform, &mut tx, person.user).await?;
    let message = message(OutboxMessage::ACCOUNT_CHANGED, &notice)?;
    outbox::add(&mut tx, &platform.ids, now, &[message]).await?;
    let session = begin_session(platform, &mut tx, person.user, device).await?;
    tx.commit().await?;
    Ok(session)
}

/// Renders a mail when it is sent. A request to reset the password of an unknown email address
/// sends none; a registration of an existing account sends its owner a notice instead of a link.
pub async fn account_mail(
    platform: &Platform,
    topic: &str,
    link: &LinkMessage,
) -> Result<Option<Mail>, Error> {
    let mut reader = platform.db.read().await?;
    let known = store::find_by_email(&mut reader, &link.email).await?;
    drop(reader);
    let locale = known.as_ref().map_or(link.locale, |it| it.account.locale);
    let mail = match (topic, known.is_some()) {
        (OutboxMessage::ACCOUNT_REGISTER, false) => AccountMail::Verify,
        (OutboxMessage::ACCOUNT_EMAIL, false) => AccountMail::Move,
        (OutboxMessage::ACCOUNT_REGISTER | OutboxMessage::ACCOUNT_EMAIL, true) => {
            AccountMail::Known
        }
        (OutboxMessage::ACCOUNT_RESET, true) => AccountMail::Reset,
        (OutboxMessage::ACCOUNT_RESET, false) => return Ok(None),
        (OutboxMessage::ACCOUNT_SECURITY, _) => AccountMail::Security,
        _ => AccountMail::Changed,
    };
    let (shop, base_url) = (&platform.config.shop_name, &platform.config.base_url);
    let token = &link.token;
    Ok(Some(ui::mail::account_mail(
        mail, locale, shop, base_url, token,
    )))
}
