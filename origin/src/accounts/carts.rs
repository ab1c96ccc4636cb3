//! The cart of an account: one that is open, the same in every browser. All SQL of `user_carts`.

use shared::{
    cart::{Cart, UpdateCart},
    id::{CartId, UserId},
    locale::Locale,
};

use sqlx::AnyConnection;

use crate::{
    app::App,
    cart::{self, Change},
    db::{self, Tx, Upsert},
    email::EmailAddress,
};

use super::{Error, addresses, login};

/// The account's cart, with what is in the guest's. The guest's cart is never made the account's:
/// whoever knew its token would read what its new owner writes into it.
pub async fn open(
    app: &App,
    user: UserId,
    guest: Option<&str>,
    locale: Locale,
) -> Result<Cart, Error> {
    let token = match find(app, user).await? {
        Some(token) => token,
        None => make(app, user, locale).await?,
    };
    if let Some(guest) = guest {
        let merge = Change::Merge(guest.to_owned());
        match cart::change(app, Some(&token), None, merge, locale).await {
            // There is nothing in a cart that is none, that is somebody's, or that was ordered.
            Ok(_) | Err(cart::Error::Invalid(_) | cart::Error::Ordered) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(cart::read(app, &token, locale).await?)
}

/// The token of the open cart, if there is one.
pub async fn find(app: &App, user: UserId) -> Result<Option<String>, Error> {
    let mut reader = app.db.read().await?;
    match id_of(&mut reader, user).await? {
        Some(cart) => Ok(cart::open_token(app, &mut reader, cart).await?),
        None => Ok(None),
    }
}

/// Makes a cart and gives it to the account, with its address. Of two made at the same time one is
/// left alone, empty.
async fn make(app: &App, user: UserId, locale: Locale) -> Result<String, Error> {
    let made = cart::change(app, None, None, Change::Create, locale).await?;
    let give = async || {
        let mut tx = app.db.write().await?;
        if let Some(cart) = cart::give(&mut tx, &app.sealer, &made.id, user).await? {
            remember(&mut tx, user, cart).await?;
        }
        tx.commit().await
    };
    db::retry_on_conflict(give, db::is_conflict).await?;
    let token = find(app, user).await?.unwrap_or(made.id);
    let account = login::account(app, user).await?;
    let mut reader = app.db.read().await?;
    let mut book = addresses::list(&mut reader, user).await?;
    drop(reader);
    book.truncate(1);
    let update = UpdateCart {
        // An account of an older version may have an address that nothing can be sent to.
        email: EmailAddress::parse(&account.email).ok().map(String::from),
        shipping_address: book.pop().map(|it| it.address),
        ..UpdateCart::default()
    };
    cart::change(
        app,
        Some(&token),
        None,
        Change::Update(Box::new(update)),
        locale,
    )
    .await?;
    Ok(token)
}

async fn remember(tx: &mut Tx, user: UserId, cart: CartId) -> Result<(), db::Error> {
    let head = "insert into user_carts (user_id, cart_id) ";
    let upsert = Upsert {
        key: "user_id",
        columns: &["cart_id"],
    };
    db::Rows::upsert(head, upsert)
        .write(tx, &[(user, cart)], |mut row, (user, cart)| {
            row.push_bind(user.get()).push_bind(cart.get());
        })
        .await
}

/// The cart is called otherwise. Its token opens it without a session, so it ends with the sessions.
pub(super) async fn rename(app: &App, tx: &mut Tx, user: UserId) -> Result<(), db::Error> {
    if let Some(cart) = id_of(tx.conn(), user).await? {
        cart::rename(tx, &app.sealer, cart).await?;
    }
    Ok(())
}

async fn id_of(conn: &mut AnyConnection, user: UserId) -> Result<Option<CartId>, db::Error> {
    let statement = "
        select cart_id
          from user_carts
         where user_id = ?";
    let cart: Option<i64> = sqlx::query_scalar(statement)
        .bind(user.get())
        .fetch_optional(conn)
        .await?;
    Ok(cart.map(CartId::new))
}

/// The account has no cart any more.
pub(super) async fn forget(tx: &mut Tx, user: UserId) -> Result<Option<CartId>, db::Error> {
    let cart = id_of(tx.conn(), user).await?;
    let statement = "
        delete from user_carts
         where user_id = ?";
    sqlx::query(statement)
        .bind(user.get())
        .execute(tx.conn())
        .await?;
    Ok(cart)
}
