//! Opening an account, and the messages with links. What is done and answered is the same whether there
//! is an account or not; who has one is looked up when the message goes out.

use serde::{Deserialize, Serialize};
use shared::{
    account::{ChangeEmail, ForgotPassword, Register, Role, UseLink},
    id::UserId,
    locale::Locale,
};
use ui::mail::{AccountMail, Mail};

use crate::{
    app::App,
    db,
    limits::{Rule, Subject},
    outbox::{self, Message},
};

use super::{
    Error,
    links::{self, Link, Purpose},
    login::{Entered, enter},
    model::{self, Device, Person},
    password::Asker,
    store::{self, NewUser, Stored},
};

/// What is kept of somebody until they have proved their address.
#[derive(Serialize, Deserialize)]
struct Opening {
    name: String,
    password_hash: String,
    locale: Locale,
}

/// Whose address is to change. Another password makes the link worth nothing: whoever asked for it
/// knew the old one.
#[derive(Serialize, Deserialize)]
struct Moving {
    user: UserId,
    /// The hash of the password's hash: a link is no place to keep one.
    knew: String,
}

/// What a message with a link is made of: the payload of its row in the outbox.
#[derive(Clone, Serialize, Deserialize)]
pub struct LinkMessage {
    /// Where it goes.
    pub email: String,
    /// The link's token; empty where there is no link.
    pub token: String,
    /// Its language.
    pub locale: Locale,
}

/// Takes what is needed for an account and sends a link to its address.
pub(super) async fn register(app: &App, request: Register, device: &Device) -> Result<(), Error> {
    let (email, name) = checked(&request)?;
    may_write(app, Purpose::Register, &email).await?;
    let asker = Asker::Unknown(&device.network);
    let opening = Opening {
        name,
        password_hash: app.hasher.hash(asker, request.password).await?,
        locale: request.locale,
    };
    send_link(app, Purpose::Register, &email, &opening, request.locale).await
}

/// Everything that is wrong, at once.
fn checked(request: &Register) -> Result<(String, String), Error> {
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

/// Sends a link with which a new password can be set.
pub(super) async fn forgot(app: &App, request: &ForgotPassword) -> Result<(), Error> {
    let email = model::email(&request.email)?;
    may_write(app, Purpose::Reset, &email).await?;
    send_link(app, Purpose::Reset, &email, &(), request.locale).await
}

/// Sends a link to the address that somebody wants to have.
pub(super) async fn change_email(
    app: &App,
    user: UserId,
    request: ChangeEmail,
    device: &Device,
) -> Result<(), Error> {
    let email = model::email(&request.email)?;
    let proof = super::login::proved(app, user, request.password, device).await?;
    may_write(app, Purpose::Email, &email).await?;
    let moving = Moving {
        user,
        knew: proof.mark(),
    };
    send_link(app, Purpose::Email, &email, &moving, proof.locale()).await
}

/// Whether this address may get one more message with a link of this kind: whoever asks for them is
/// not who gets them.
async fn may_write(app: &App, purpose: Purpose, email: &str) -> Result<(), Error> {
    let name = match purpose {
        Purpose::Register => "account-register",
        Purpose::Reset | Purpose::Code => "account-reset",
        Purpose::Email => "account-email",
    };
    let rule = Rule::per_hour(name, app.config.limit_reset);
    let recipient = Subject::Recipient(email);
    Ok(app.limits.check(rule, recipient, app.clock.now()).await?)
}

async fn send_link<T: Serialize>(
    app: &App,
    purpose: Purpose,
    email: &str,
    content: &T,
    locale: Locale,
) -> Result<(), Error> {
    let send = async || {
        let now = app.clock.now();
        let mut tx = app.db.write().await?;
        let token = links::add(&mut tx, purpose, email, content, now).await?;
        let link = LinkMessage {
            email: email.to_owned(),
            token,
            locale,
        };
        let topic = match purpose {
            Purpose::Register => Message::ACCOUNT_REGISTER,
            Purpose::Reset | Purpose::Code => Message::ACCOUNT_RESET,
            Purpose::Email => Message::ACCOUNT_EMAIL,
        };
        let message = message(topic, &link)?;
        outbox::put(&mut tx, &app.ids, now, &[message]).await?;
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(send, Error::is_conflict).await
}

/// What messages to one address are about.
pub(super) fn subject_of(email: &str) -> String {
    format!("account:{}", &links::hash(email)[..32])
}

/// A message to one address; those to the same one keep their order.
pub(super) fn message(topic: &'static str, link: &LinkMessage) -> Result<Message, Error> {
    Ok(Message {
        topic,
        subject: subject_of(&link.email),
        payload: serde_json::to_string(link)?,
    })
}

/// What a link answers that opens nothing.
pub(super) fn used() -> Error {
    Error::field(
        "token",
        "The link has been used or has expired; request a new one.",
    )
}

/// Uses the link of a message that opens an account or moves it to another address. A link alone does
/// neither: whoever uses it is also who asked for it, which the password of the new account shows, or
/// the session of the one that moves.
pub(super) async fn verify(
    app: &App,
    request: UseLink,
    person: Option<&Person>,
    device: &Device,
) -> Result<Entered, Error> {
    let (now, token) = (app.clock.now(), request.token);
    let mut reader = app.db.read().await?;
    let opening = links::find::<Opening>(&mut reader, Purpose::Register, &token, now).await?;
    drop(reader);
    match opening {
        Some(link) => {
            let password = request.password.ok_or_else(|| {
                Error::field("password", "The password of the new account is required.")
            })?;
            remembered(app, &token, &link, password).await?;
            db::retry_on_conflict(|| open(app, &token, device), Error::is_conflict).await
        }
        None => {
            db::retry_on_conflict(|| move_to(app, &token, person, device), Error::is_conflict).await
        }
    }
}

/// Whether this is the password that was given when the account was asked for. Anybody may ask for one
/// with the address of somebody else, whose link would open it to both.
async fn remembered(
    app: &App,
    token: &str,
    link: &Link<Opening>,
    password: String,
) -> Result<(), Error> {
    for rule in [
        Rule::per_minute("link", app.config.limit_login),
        Rule::per_hour("link-hour", app.config.limit_login * 4),
    ] {
        let link = Subject::Link(token);
        app.limits.check(rule, link, app.clock.now()).await?;
    }
    let hash = link.content.password_hash.clone();
    if app
        .hasher
        .verify(Asker::Linked, password, Some(hash))
        .await?
    {
        Ok(())
    } else {
        Err(Error::WrongCredentials)
    }
}

async fn open(app: &App, token: &str, device: &Device) -> Result<Entered, Error> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let link = links::take::<Opening>(&mut tx, Purpose::Register, token, now).await?;
    let link = link.ok_or_else(used)?;
    let id = UserId::new(app.ids.next(now));
    let user = NewUser {
        email: link.email,
        name: link.content.name,
        password_hash: link.content.password_hash,
        role: Role::Customer,
        rights: Vec::new(),
        locale: link.content.locale,
    };
    if !store::add(&mut tx, id, &user, now).await? {
        return Err(used());
    }
    links::forget_of(&mut tx, &user.email).await?;
    let entered = enter(app, &mut tx, id, device).await?;
    tx.commit().await?;
    Ok(entered)
}

/// Gives an account its new address. Every session ends, and a new one begins.
async fn move_to(
    app: &App,
    token: &str,
    person: Option<&Person>,
    device: &Device,
) -> Result<Entered, Error> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let link = links::take::<Moving>(&mut tx, Purpose::Email, token, now).await?;
    let link = link.ok_or_else(used)?;
    let person = person.ok_or(Error::Nobody)?;
    let stored = store::lock(&mut tx, link.content.user).await?;
    let theirs = |it: &Stored| {
        it.account.id == person.user && links::hash(&it.password_hash) == link.content.knew
    };
    let mut stored = stored.filter(theirs).ok_or_else(used)?;
    let taken = store::find_by_email(tx.conn(), &link.email).await?;
    if taken.is_some() {
        return Err(used());
    }
    let told = LinkMessage {
        email: std::mem::replace(&mut stored.account.email, link.email),
        token: String::new(),
        locale: stored.account.locale,
    };
    store::save(&mut tx, &stored, now).await?;
    super::end_all(app, &mut tx, person.user).await?;
    let message = message(Message::ACCOUNT_CHANGED, &told)?;
    outbox::put(&mut tx, &app.ids, now, &[message]).await?;
    let entered = enter(app, &mut tx, person.user, device).await?;
    tx.commit().await?;
    Ok(entered)
}

/// The message that goes out, if any: who has no account gets no link for a new password, and who has
/// one is told that somebody tried to open another.
pub async fn letter_for(app: &App, topic: &str, link: &LinkMessage) -> Result<Option<Mail>, Error> {
    let mut reader = app.db.read().await?;
    let known = store::find_by_email(&mut reader, &link.email).await?;
    drop(reader);
    let locale = known.as_ref().map_or(link.locale, |it| it.account.locale);
    let mail = match (topic, known.is_some()) {
        (Message::ACCOUNT_REGISTER, false) => AccountMail::Verify,
        (Message::ACCOUNT_EMAIL, false) => AccountMail::Move,
        (Message::ACCOUNT_REGISTER | Message::ACCOUNT_EMAIL, true) => AccountMail::Known,
        (Message::ACCOUNT_RESET, true) => AccountMail::Reset,
        (Message::ACCOUNT_RESET, false) => return Ok(None),
        (Message::ACCOUNT_SECURITY, _) => AccountMail::Security,
        _ => AccountMail::Changed,
    };
    let (shop, base_url) = (&app.config.shop_name, &app.config.base_url);
    let token = &link.token;
    Ok(Some(ui::mail::account_mail(
        mail, locale, shop, base_url, token,
    )))
}
