//! What is somebody's own: an overview, orders, the address book.

use axum::{
    Router,
    extract::{RawQuery, State},
    routing::get,
};
use shared::{
    account::{ListOrders, SaveAddress},
    form::FormState,
    id::AddressId,
    locale::Locale,
    order::OrderPath,
    page::{
        ACCOUNT, ADDRESS, ADDRESSES, AccountContent, AccountSection, OWN_ORDER, OWN_ORDERS,
        order_path,
    },
};

use crate::{
    app::App,
    orders,
    pages::address_of,
    web::{Answer, Answered, Fields, Path, Query, Tongue, problem_of},
};

use super::{
    super::{Error, Person, addresses},
    Member, Shown, status,
};

/// How many orders the overview shows.
const LAST: u32 = 3;

/// The pages of somebody's own, in this language.
pub(super) fn routes(locale: Locale) -> Router<App> {
    let at = |path: &str| locale.path(path);
    Router::new()
        .route(&at(ACCOUNT.path), get(show_account))
        .route(&at(OWN_ORDERS.path), get(show_own_orders))
        .route(&at(OWN_ORDER.path), get(show_own_order))
        .route(&at(ADDRESSES.path), get(show_addresses))
        .route(&at(ADDRESS.path), get(show_address).post(save_address))
}

/// What was done just now, as the address says it.
pub(super) fn done(query: Option<&str>) -> Option<String> {
    const KNOWN: [&str; 8] = [
        "address",
        "email",
        "factor-off",
        "name",
        "password",
        "removed",
        "session",
        "welcome",
    ];
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let (_, word) = pairs.find(|(name, _)| name == "done")?;
    KNOWN.contains(&&*word).then(|| word.into_owned())
}

async fn show_account(
    State(app): State<App>,
    Member(person): Member,
    Tongue(locale): Tongue,
    RawQuery(query): RawQuery,
) -> Answered {
    let last = ListOrders {
        limit: Some(LAST),
        cursor: None,
    };
    let orders = orders::list_of(&app, person.user, &last).await?;
    Shown::new(AccountSection::Overview, AccountContent::Orders(orders))
        .after(done(query.as_deref()))
        .answer(&app, &person, locale, ACCOUNT.path)
        .await
}

async fn show_own_orders(
    State(app): State<App>,
    Member(person): Member,
    Tongue(locale): Tongue,
    Query(query): Query<ListOrders>,
) -> Answered {
    let orders = orders::list_of(&app, person.user, &query).await?;
    Shown::new(AccountSection::Orders, AccountContent::Orders(orders))
        .answer(&app, &person, locale, OWN_ORDERS.path)
        .await
}

/// The order's page opens for whoever has its token, and its buyer has.
async fn show_own_order(
    State(app): State<App>,
    Member(person): Member,
    Tongue(locale): Tongue,
    Path(path): Path<OrderPath>,
) -> Answered {
    let order = orders::own(&app, person.user, &path.number).await?;
    let path = order_path(&order.number, &order.token);
    Ok(Answer::see(&locale.path(&path)))
}

async fn show_addresses(
    State(app): State<App>,
    Member(person): Member,
    Tongue(locale): Tongue,
    RawQuery(query): RawQuery,
) -> Answered {
    let book = addresses::book(&app, person.user).await?;
    Shown::new(AccountSection::Addresses, AccountContent::Addresses(book))
        .after(done(query.as_deref()))
        .answer(&app, &person, locale, ADDRESSES.path)
        .await
}

#[derive(serde::Deserialize)]
struct AddressPath {
    address: String,
}

/// Which address a path names; nothing is one that is not in the book yet.
fn named(path: &AddressPath) -> Result<Option<AddressId>, Error> {
    match path.address.as_str() {
        "new" => Ok(None),
        id => Ok(Some(id.parse().map_err(|_| Error::NotFound)?)),
    }
}

async fn show_address(
    State(app): State<App>,
    Member(person): Member,
    Tongue(locale): Tongue,
    Path(path): Path<AddressPath>,
) -> Answered {
    shown_address(&app, &person, locale, &path, None).await
}

/// One address of the book, with the form as it was typed or else as it stands there.
async fn shown_address(
    app: &App,
    person: &Person,
    locale: Locale,
    path: &AddressPath,
    typed: Option<FormState>,
) -> Answered {
    let saved = match named(path)? {
        Some(id) => {
            let book = addresses::book(app, person.user).await?;
            let saved = book.into_iter().find(|it| it.id == id);
            Some(saved.ok_or(Error::NotFound)?)
        }
        None => None,
    };
    let form = typed.unwrap_or_else(|| match &saved {
        Some(saved) => {
            FormState::with_values([("preferred", if saved.preferred { "1" } else { "" })])
                .with_address(&saved.address)
        }
        None => FormState::default(),
    });
    let here = ADDRESS.path.replace("{address}", &path.address);
    Shown::new(AccountSection::Addresses, AccountContent::Address(saved))
        .with(form)
        .answer(app, person, locale, &here)
        .await
}

async fn save_address(
    State(app): State<App>,
    Member(person): Member,
    Tongue(locale): Tongue,
    Path(path): Path<AddressPath>,
    fields: Fields,
) -> Answered {
    let id = named(&path)?;
    let to = |done: &str| format!("{}?done={done}", locale.path(ADDRESSES.path));
    if let (true, Some(id)) = (fields.has("remove"), id) {
        addresses::remove(&app, person.user, id).await?;
        return Ok(Answer::see(&to("removed")));
    }
    let request = SaveAddress {
        address: address_of(&fields),
        preferred: fields.has("preferred"),
    };
    match addresses::save(&app, person.user, id, request).await {
        Ok(_) => Ok(Answer::see(&to("address"))),
        Err(error) => {
            let problem = problem_of(error)?;
            let form = fields.form().with_problem(&problem);
            let answer = shown_address(&app, &person, locale, &path, Some(form)).await?;
            Ok(answer.status(status(&problem)))
        }
    }
}
