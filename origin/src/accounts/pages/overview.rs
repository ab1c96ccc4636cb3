//! The account area: overview, orders and address book.

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
    platform::Platform,
    web::{Answer, FormFields, HandlerResult, PageLocale, Path, Query, problem_of},
};

use super::{
    super::{Error, Person, addresses},
    AccountView, SignedInVisitor, status,
};

/// The number of orders in the overview.
const LAST: u32 = 3;

/// The routes of the account area, in this language.
pub(super) fn routes(locale: Locale) -> Router<App> {
    let at = |path: &str| locale.path(path);
    Router::new()
        .route(&at(ACCOUNT.path), get(show_account))
        .route(&at(OWN_ORDERS.path), get(show_own_orders))
        .route(&at(OWN_ORDER.path), get(show_own_order))
        .route(&at(ADDRESSES.path), get(show_addresses))
        .route(&at(ADDRESS.path), get(show_address).post(save_address))
}

/// The confirmation that the query names, if it is a known one.
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
    let (_, value) = pairs.find(|(name, _)| name == "done")?;
    KNOWN.contains(&&*value).then(|| value.into_owned())
}

async fn show_account(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    let last = ListOrders {
        limit: Some(LAST),
        cursor: None,
    };
    let orders = orders::list_account_orders(&app, person.user, &last).await?;
    AccountView::new(AccountSection::Overview, AccountContent::Orders(orders))
        .after(done(query.as_deref()))
        .answer(&app, &person, locale, ACCOUNT.path)
        .await
}

async fn show_own_orders(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    Query(query): Query<ListOrders>,
) -> HandlerResult {
    let orders = orders::list_account_orders(&app, person.user, &query).await?;
    AccountView::new(AccountSection::Orders, AccountContent::Orders(orders))
        .answer(&app, &person, locale, OWN_ORDERS.path)
        .await
}

/// Redirects to the order's page with the order's token, which grants access to it.
async fn show_own_order(
    State(platform): State<Platform>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    Path(path): Path<OrderPath>,
) -> HandlerResult {
    let order = orders::find_account_order(&platform, person.user, &path.number).await?;
    let path = order_path(&order.number, &order.token);
    Ok(Answer::see(&locale.path(&path)))
}

async fn show_addresses(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    let book = addresses::book(&app, person.user).await?;
    AccountView::new(AccountSection::Addresses, AccountContent::Addresses(book))
        .after(done(query.as_deref()))
        .answer(&app, &person, locale, ADDRESSES.path)
        .await
}

#[derive(serde::Deserialize)]
struct AddressPath {
    address: String,
}

/// The address id in a path. None is a new address.
fn named(path: &AddressPath) -> Result<Option<AddressId>, Error> {
    match path.address.as_str() {
        "new" => Ok(None),
        id => Ok(Some(id.parse().map_err(|_| Error::NotFound)?)),
    }
}

async fn show_address(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    Path(path): Path<AddressPath>,
) -> HandlerResult {
    shown_address(&app, &person, locale, &path, None).await
}

/// Shows an address with the submitted form, or else with its stored values.
async fn shown_address(
    app: &App,
    person: &Person,
    locale: Locale,
    path: &AddressPath,
    typed: Option<FormState>,
) -> HandlerResult {
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
    AccountView::new(AccountSection::Addresses, AccountContent::Address(saved))
        .with(form)
        .answer(app, person, locale, &here)
        .await
}

async fn save_address(
    State(app): State<App>,
    SignedInVisitor(person): SignedInVisitor,
    PageLocale(locale): PageLocale,
    Path(path): Path<AddressPath>,
    fields: FormFields,
) -> HandlerResult {
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
