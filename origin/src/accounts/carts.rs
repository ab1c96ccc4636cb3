//! The cart of an account: one open cart, shared by all browsers. All SQL of `user_carts`.

use shared::{
    cart::{Cart, UpdateCart},
    id::{CartId, UserId},
    locale::Locale,
};

use sqlx::AnyConnection;

use crate::{
    cart::{self, CartChange, Carts},
    db::{self, Tx, Upsert},
    email::EmailAddress,
    platform::Platform,
};

use super::{Error, addresses, login};

/// Opens the account's cart and merges the guest's lines into it. The guest's cart never becomes
/// the account's: anyone who knew its token could read the owner's data.
pub async fn open(
    carts: &Carts,
    user: UserId,
    guest: Option<&str>,
    locale: Locale,
) -> Result<Cart, Error> {
    let token = match find(carts, user).await? {
        Some(token) => token,
        None => create(carts, user, locale).await?,
    };
    if let Some(guest) = guest {
        let merge = CartChange::Merge(guest.to_owned());
        match cart::change_cart(carts, Some(&token), None, merge, locale).await {
            // An unknown, foreign or ordered guest cart has nothing to merge.
            Ok(_) | Err(cart::Error::Invalid(_) | cart::Error::Ordered) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(cart::find(carts, &token, locale).await?)
}

/// The token of the open cart, if there is one.
pub async fn find(platform: &Platform, user: UserId) -> Result<Option<String>, Error> {
    let mut reader = platform.db.read().await?;
    match id_of(&mut reader, user).await? {
        Some(cart) => Ok(cart::open_token(platform, &mut reader, cart).await?),
        None => Ok(None),
    }
}

/// Creates a cart for the account, with its email and postal address. Of two created concurrently,
/// one stays unattached and empty.
async fn create(carts: &Carts, user: UserId, locale: Locale) -> Result<String, Error> {
    let created = cart::change_cart(carts, None, None, CartChange::Create, locale).await?;
    let give = async || {
        let mut tx = carts.db.write().await?;
        if let Some(cart) =
            cart::assign_to_account(&mut tx, &carts.sealer, &created.id, user).await?
        {
            attach(&mut tx, user, cart).await?;
        }
        tx.commit().await
    };
    db::retry_on_conflict(give, db::is_conflict).await?;
    let token = find(carts, user).await?.unwrap_or(created.id);
    let account = login::account(carts, user).await?;
    let mut reader = carts.db.read().await?;
    let mut book = addresses::list(&mut reader, user).await?;
    drop(reader);
    book.truncate(1);
    let update = UpdateCart {
        // An older version may have stored an email address that mail cannot be sent to.
        email: EmailAddress::parse(&account.email).ok().map(String::from),
        shipping_address: book.pop().map(|it| it.address),
        ..UpdateCart::default()
    };
    cart::change_cart(
        carts,
        Some(&token),
        None,
        CartChange::Update(Box::new(update)),
        locale,
    )
    .await?;
    Ok(token)
}

async fn attach(tx: &mut Tx, user: UserId, cart: CartId) -> Result<(), db::Error> {
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

/// Replaces the cart's token. It grants access without a session, so it ends with the sessions.
pub(super) async fn replace_token(
    platform: &Platform,
    tx: &mut Tx,
    user: UserId,
) -> Result<(), db::Error> {
    if let Some(cart) = id_of(tx.conn(), user).await? {
        cart::rotate_token(tx, &platform.sealer, cart).await?;
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

/// Detaches the cart from the account.
pub(super) async fn detach(tx: &mut Tx, user: UserId) -> Result<Option<CartId>, db::Error> {
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
