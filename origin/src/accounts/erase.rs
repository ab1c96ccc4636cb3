//! Export and erasure of personal data (GDPR, articles 15 and 17).

use shared::account::{AccountExport, Role};

use crate::{
    app::App,
    audit::{self, Change},
    cart, db, orders, outbox,
};

use super::{
    Error, addresses, carts, devices, links, login,
    model::{Device, Person},
    register::subject_of,
    second_factor, store,
};

/// All personal data of an account.
pub async fn export(app: &App, person: &Person) -> Result<AccountExport, Error> {
    let account = login::account(app, person.user).await?;
    let cart = match carts::find(app, person.user).await? {
        Some(token) => Some(cart::find(app, &token, account.locale).await?),
        None => None,
    };
    let mut reader = app.db.read().await?;
    let now = app.clock.now();
    Ok(AccountExport {
        account,
        cart,
        addresses: addresses::list(&mut reader, person.user).await?,
        sessions: super::list_sessions(&mut reader, person, now).await?,
        orders: orders::list_whole_account(&mut reader, person.user).await?,
    })
}

/// Erases an account. Its orders stay, without name, address and note; an open order prevents the
/// erasure. Queued and parked messages, stored idempotent responses and the mailbox folder no
/// longer hold personal data afterwards, either.
pub async fn erase(
    app: &App,
    person: &Person,
    password: String,
    device: &Device,
) -> Result<(), Error> {
    let proof = login::verify_own_password(app, person.user, password, device).await?;
    let erase = async || {
        let (user, now) = (person.user, app.clock.now());
        let mut tx = app.db.write().await?;
        let stored = proof.lock_if_unchanged(&mut tx).await?;
        let lock = tx.dialect().for_update();
        if stored.account.role == Role::Owner && store::owners(tx.conn(), lock).await? == [user] {
            return Err(Error::field("role", "The shop needs at least one owner."));
        }
        if orders::has_open_orders(tx.conn(), user).await? {
            return Err(Error::OpenOrders);
        }
        super::end_all(app, &mut tx, user).await?;
        let erased = orders::erase_buyer(&mut tx, user).await?;
        for number in &erased.numbers {
            outbox::erase_buyer(&mut tx, number).await?;
        }
        let mut of_person = erased.carts;
        of_person.extend(carts::detach(&mut tx, user).await?);
        of_person.extend(cart::list_with_email(&mut tx, &stored.account.email).await?);
        cart::erase_shopper(&mut tx, &of_person, now).await?;
        addresses::remove_all(&mut tx, user).await?;
        devices::delete_all(&mut tx, user).await?;
        second_factor::remove(&mut tx, user).await?;
        links::delete_all(&mut tx, &stored.account.email).await?;
        outbox::delete_subject(&mut tx, &subject_of(&stored.account.email)).await?;
        store::erase(&mut tx, user, now).await?;
        let change = Change::new("user.erase", format!("user:{user}"));
        audit::record(&mut tx, app.context(), &person.actor(), &[change]).await?;
        let (mailer, email) = (app.mailer.clone(), stored.account.email);
        tx.after_commit(async move { mailer.delete_for(email).await });
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(erase, Error::is_conflict).await
}
