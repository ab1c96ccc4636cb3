//! What a person may ask of the shop about themselves: everything, or nothing any more.

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

/// Everything that the shop knows of somebody.
pub async fn export(app: &App, person: &Person) -> Result<AccountExport, Error> {
    let account = login::account(app, person.user).await?;
    let cart = match carts::find(app, person.user).await? {
        Some(token) => Some(cart::read(app, &token, account.locale).await?),
        None => None,
    };
    let mut reader = app.db.read().await?;
    let now = app.clock.now();
    Ok(AccountExport {
        account,
        cart,
        addresses: addresses::list(&mut reader, person.user).await?,
        sessions: super::signed_in(&mut reader, person, now).await?,
        orders: orders::all_of(&mut reader, person.user).await?,
    })
}

/// Erases a person. Their orders stay, without name, address and note; as long as one of them is not
/// done the person is needed. What is on its way, was given up, is kept for repeated requests or lies in
/// the mailbox folder names them no more, either.
pub async fn erase(
    app: &App,
    person: &Person,
    password: String,
    device: &Device,
) -> Result<(), Error> {
    let proof = login::proved(app, person.user, password, device).await?;
    let erase = async || {
        let (user, now) = (person.user, app.clock.now());
        let mut tx = app.db.write().await?;
        let stored = proof.still_holds(&mut tx).await?;
        let lock = tx.dialect().for_update();
        if stored.account.role == Role::Owner && store::owners(tx.conn(), lock).await? == [user] {
            return Err(Error::field("role", "The shop needs at least one owner."));
        }
        if orders::any_open(tx.conn(), user).await? {
            return Err(Error::OpenOrders);
        }
        super::end_all(app, &mut tx, user).await?;
        let erased = orders::erase_buyer(&mut tx, user).await?;
        for number in &erased.numbers {
            outbox::erase_buyer(&mut tx, number).await?;
        }
        let mut of_person = erased.carts;
        of_person.extend(carts::forget(&mut tx, user).await?);
        of_person.extend(cart::with_email(&mut tx, &stored.account.email).await?);
        cart::erase_shopper(&mut tx, &of_person, now).await?;
        addresses::remove_all(&mut tx, user).await?;
        devices::forget_all(&mut tx, user).await?;
        second_factor::remove(&mut tx, user).await?;
        links::forget_of(&mut tx, &stored.account.email).await?;
        outbox::forget_subject(&mut tx, &subject_of(&stored.account.email)).await?;
        store::erase(&mut tx, user, now).await?;
        let change = Change::new("user.erase", format!("user:{user}"));
        audit::note(&mut tx, app.context(), &person.actor(), &[change]).await?;
        let (mailer, email) = (app.mailer.clone(), stored.account.email);
        tx.after_commit(async move { mailer.forget(email).await });
        Ok(tx.commit().await?)
    };
    db::retry_on_conflict(erase, Error::is_conflict).await
}
