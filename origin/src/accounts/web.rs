//! Accounts over HTTP. The session cookie is `HttpOnly`.

use std::convert::Infallible;

use axum::{
    Router,
    extract::{FromRef, FromRequestParts, State},
};
use axum_extra::extract::cookie::CookieJar;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;
use shared::{
    account::{
        Accepted, AddressPath, Addresses, ApiKeys, ChangeEmail, ChangePassword,
        ConfirmSecondFactor, CreateApiKey, EnrolSecondFactor, EraseAccount, ForgotPassword,
        KeyPath, ListOrders, ListUsers, Login, Logout, OpenCart, ProveSecondFactor, Reauthenticate,
        Register, ResetPassword, SaveAddress, SessionPath, Sessions, SetRole, SignedIn,
        UpdateAccount, UseLink, UseRefreshToken, UserPath,
    },
    cache::CachePolicy,
    catalog::InLocale,
    endpoint::{
        ADD_ADDRESS, CHANGE_EMAIL, CHANGE_PASSWORD, CONFIRM_SECOND_FACTOR, CREATE_API_KEY,
        CREATE_TOKENS, DELETE_ADDRESS, DELETE_API_KEY, DISABLE_SECOND_FACTOR, END_SESSION,
        ENROL_SECOND_FACTOR, ERASE_ACCOUNT, EXPORT_ACCOUNT, FORGOT_PASSWORD, GET_ACCOUNT,
        GET_OWN_ORDER, GET_SECOND_FACTOR, LIST_ADDRESSES, LIST_API_KEYS, LIST_OWN_ORDERS,
        LIST_SESSIONS, LIST_USERS, LOGIN, LOGOUT, OPEN_CART, REAUTHENTICATE, REFRESH_TOKENS,
        REGISTER, RENEW_RECOVERY_CODES, RESET_PASSWORD, RESET_SECOND_FACTOR, REVOKE_TOKENS,
        SET_ROLE, UPDATE_ACCOUNT, UPDATE_ADDRESS, VERIFY_EMAIL,
    },
    order::OrderPath,
};

use crate::{
    app::App,
    config::Config,
    limits::Network,
    orders,
    platform::Platform,
    shopper::{self, Shopper},
    web::{Answer, HandlerResult, Json, Path, Query, Refusal, RouterExt, SetCookie},
};

use super::{
    Accounts, CustomersRight, Device, Error, Person, RequireOwner, RequireReauthenticatedOwner,
    RequireRight, RequireSignIn, addresses, audit_log, carts,
    devices::DeviceTokens,
    keys,
    login::{self, NewSession},
    model, pages, register, reset, second_factor, tokens, users,
};

/// The endpoints of the accounts.
pub fn routes() -> Router<App> {
    Router::new()
        .endpoint(&REGISTER, register)
        .endpoint(&VERIFY_EMAIL, verify_email)
        .endpoint(&LOGIN, login)
        .endpoint(&LOGOUT, logout)
        .endpoint(&FORGOT_PASSWORD, forgot_password)
        .endpoint(&RESET_PASSWORD, reset_password)
        .endpoint(&CHANGE_PASSWORD, change_password)
        .endpoint(&CHANGE_EMAIL, change_email)
        .endpoint(&REAUTHENTICATE, reauthenticate)
        .endpoint(&GET_SECOND_FACTOR, get_second_factor)
        .endpoint(&ENROL_SECOND_FACTOR, enrol_second_factor)
        .endpoint(&CONFIRM_SECOND_FACTOR, confirm_second_factor)
        .endpoint(&RENEW_RECOVERY_CODES, renew_recovery_codes)
        .endpoint(&DISABLE_SECOND_FACTOR, disable_second_factor)
        .endpoint(&RESET_SECOND_FACTOR, reset_second_factor)
        .endpoint(&GET_ACCOUNT, get_account)
        .endpoint(&UPDATE_ACCOUNT, update_account)
        .endpoint(&EXPORT_ACCOUNT, export_account)
        .endpoint(&ERASE_ACCOUNT, erase_account)
        .endpoint(&LIST_ADDRESSES, list_addresses)
        .endpoint(&ADD_ADDRESS, add_address)
        .endpoint(&UPDATE_ADDRESS, update_address)
        .endpoint(&DELETE_ADDRESS, delete_address)
        .endpoint(&LIST_SESSIONS, list_sessions)
        .endpoint(&END_SESSION, end_session)
        .endpoint(&LIST_OWN_ORDERS, list_own_orders)
        .endpoint(&GET_OWN_ORDER, get_own_order)
        .endpoint(&OPEN_CART, open_cart)
        .endpoint(&CREATE_TOKENS, create_tokens)
        .endpoint(&REFRESH_TOKENS, refresh_tokens)
        .endpoint(&REVOKE_TOKENS, revoke_tokens)
        .endpoint(&LIST_USERS, list_users)
        .endpoint(&SET_ROLE, set_role)
        .endpoint(&CREATE_API_KEY, create_api_key)
        .endpoint(&LIST_API_KEYS, list_api_keys)
        .endpoint(&DELETE_API_KEY, delete_api_key)
        .merge(audit_log::routes())
        .merge(pages::routes())
}

/// The cookie's name. Browsers bind a `__Host-` cookie to the host that set it over HTTPS
/// (RFC 6265bis §4.1.3.2). Not every browser accepts one from plain `http://localhost`, hence the
/// name without the prefix.
fn cookie_name(config: &Config) -> &'static str {
    if config.is_secure() {
        "__Host-session"
    } else {
        "session"
    }
}

/// The session token in a request's cookie.
pub(super) fn session_token(config: &Config, headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    Some(jar.get(cookie_name(config))?.value().to_owned())
}

/// Whether a request has a session cookie, valid or not.
pub fn has_session_cookie(config: &Config, headers: &HeaderMap) -> bool {
    session_token(config, headers).is_some_and(|it| !it.is_empty())
}

/// The `Set-Cookie` value of a session, or one that removes the cookie. It is a cookie of the
/// browser session; the server decides when it expires.
fn cookie(config: &Config, session: Option<&str>) -> HeaderValue {
    let cookie = SetCookie {
        name: cookie_name(config),
        value: session.unwrap_or_default(),
        max_age_s: session.is_none().then_some(0),
        http_only: true,
        secure: config.is_secure(),
    };
    cookie.header()
}

impl<S> FromRequestParts<S> for Device
where
    S: Send + Sync,
    Platform: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let network = Network::from_request_parts(parts, state).await?;
        let value = parts.headers.get(header::USER_AGENT);
        let agent = model::agent(value.and_then(|it| it.to_str().ok()).unwrap_or_default());
        let device_tokens = DeviceTokens::of(&Platform::from_ref(state).config, &parts.headers);
        Ok(Self {
            agent,
            network,
            device_tokens,
        })
    }
}

fn private<T: Serialize>(value: &T) -> Answer {
    Answer::json(value, CachePolicy::Private)
}

fn accepted() -> Answer {
    private(&Accepted { accepted: true })
}

/// The cookies that sign a browser in. The guest cart's cookie goes: the account has its own cart.
pub(super) fn session_cookies(platform: &Platform, session: &NewSession) -> Vec<HeaderValue> {
    let mut cookies = vec![cookie(&platform.config, Some(&session.token))];
    cookies.extend(shopper::sign_in_cookies(&platform.config));
    cookies.push(session.device_tokens.cookie(&platform.config));
    cookies
}

/// The cookies that sign a browser out.
pub(super) fn cleared_session_cookies(platform: &Platform) -> Vec<HeaderValue> {
    let mut cookies = vec![cookie(&platform.config, None)];
    cookies.extend(shopper::sign_out_cookies(&platform.config));
    cookies
}

/// A response that signs its browser in.
fn signed_in<T: Serialize>(platform: &Platform, session: &NewSession, body: &T) -> Answer {
    private(body).cookies(session_cookies(platform, session))
}

async fn register(
    State(accounts): State<Accounts>,
    device: Device,
    Json(request): Json<Register>,
) -> HandlerResult {
    register::register(&accounts, request, &device).await?;
    Ok(accepted().status(StatusCode::ACCEPTED))
}

async fn verify_email(
    State(app): State<App>,
    me: Result<RequireSignIn, Refusal>,
    device: Device,
    headers: HeaderMap,
    Json(request): Json<UseLink>,
) -> HandlerResult {
    let person = me.ok().map(|RequireSignIn(person)| person);
    let session = register::verify(&app, request, person.as_ref(), &device).await?;
    new_session_answer(&app, session, Shopper::guest(&headers, &app)).await
}

async fn login(
    State(app): State<App>,
    device: Device,
    headers: HeaderMap,
    Json(request): Json<Login>,
) -> HandlerResult {
    let cart = request.cart.clone();
    let session = login::login(&app, request, &device).await?;
    new_session_answer(&app, session, cart.or(Shopper::guest(&headers, &app))).await
}

/// The response to a sign-in: the account and its cart.
async fn new_session_answer(
    app: &App,
    session: NewSession,
    guest: Option<String>,
) -> HandlerResult {
    let account = session.account.clone();
    let cart = cart_of(app, &session, guest).await?;
    Ok(signed_in(app, &session, &SignedIn { account, cart }))
}

/// The account's cart after a sign-in, with the guest's lines merged into it.
pub(super) async fn cart_of(
    app: &App,
    session: &NewSession,
    guest: Option<String>,
) -> Result<Option<String>, Error> {
    let account = &session.account;
    match guest {
        Some(guest) => {
            let cart = carts::open(app, account.id, Some(&guest), account.locale).await?;
            Ok(Some(cart.id))
        }
        None => carts::find(app, account.id).await,
    }
}

/// Signing out succeeds without a session, too.
async fn logout(
    State(platform): State<Platform>,
    me: Result<RequireSignIn, Refusal>,
    Json(request): Json<Logout>,
) -> HandlerResult {
    if let Ok(RequireSignIn(person)) = me {
        login::logout(&platform, &person, request.everywhere).await?;
    }
    Ok(accepted().cookies(cleared_session_cookies(&platform)))
}

async fn forgot_password(
    State(platform): State<Platform>,
    Json(request): Json<ForgotPassword>,
) -> HandlerResult {
    register::forgot(&platform, &request).await?;
    Ok(accepted().status(StatusCode::ACCEPTED))
}

async fn reset_password(
    State(app): State<App>,
    device: Device,
    headers: HeaderMap,
    Json(request): Json<ResetPassword>,
) -> HandlerResult {
    let session = reset::reset_password(&app, request, &device).await?;
    new_session_answer(&app, session, Shopper::guest(&headers, &app)).await
}

async fn change_password(
    State(accounts): State<Accounts>,
    RequireSignIn(person): RequireSignIn,
    device: Device,
    Json(request): Json<ChangePassword>,
) -> HandlerResult {
    let session = reset::change_password(&accounts, &person, request, &device).await?;
    Ok(signed_in(&accounts, &session, &session.account))
}

async fn change_email(
    State(accounts): State<Accounts>,
    RequireSignIn(person): RequireSignIn,
    device: Device,
    Json(request): Json<ChangeEmail>,
) -> HandlerResult {
    register::change_email(&accounts, person.user, request, &device).await?;
    Ok(accepted().status(StatusCode::ACCEPTED))
}

async fn reauthenticate(
    State(accounts): State<Accounts>,
    RequireSignIn(person): RequireSignIn,
    device: Device,
    Json(request): Json<Reauthenticate>,
) -> HandlerResult {
    login::reauthenticate(&accounts, &person, request, &device).await?;
    Ok(accepted())
}

async fn get_second_factor(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
) -> HandlerResult {
    Ok(private(&second_factor::read(&platform, person.user).await?))
}

async fn enrol_second_factor(
    State(accounts): State<Accounts>,
    RequireSignIn(person): RequireSignIn,
    device: Device,
    Json(request): Json<EnrolSecondFactor>,
) -> HandlerResult {
    let secret = second_factor::enrol(&accounts, &person, request, &device).await?;
    Ok(private(&secret).status(StatusCode::CREATED))
}

async fn confirm_second_factor(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
    device: Device,
    Json(request): Json<ConfirmSecondFactor>,
) -> HandlerResult {
    let (session, codes) = second_factor::confirm(&platform, &person, &request, &device).await?;
    Ok(signed_in(&platform, &session, &codes))
}

async fn renew_recovery_codes(
    State(accounts): State<Accounts>,
    RequireSignIn(person): RequireSignIn,
    device: Device,
    Json(request): Json<ProveSecondFactor>,
) -> HandlerResult {
    let codes = second_factor::renew_codes(&accounts, &person, request, &device).await?;
    Ok(private(&codes))
}

async fn disable_second_factor(
    State(accounts): State<Accounts>,
    RequireSignIn(person): RequireSignIn,
    device: Device,
    Json(request): Json<ProveSecondFactor>,
) -> HandlerResult {
    let session = second_factor::disable(&accounts, &person, request, &device).await?;
    Ok(signed_in(&accounts, &session, &Accepted { accepted: true }))
}

async fn reset_second_factor(
    State(platform): State<Platform>,
    RequireReauthenticatedOwner(actor): RequireReauthenticatedOwner,
    Path(path): Path<UserPath>,
) -> HandlerResult {
    second_factor::reset(&platform, &actor, path.user).await?;
    Ok(accepted())
}

async fn get_account(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
) -> HandlerResult {
    Ok(private(&login::account(&platform, person.user).await?))
}

async fn update_account(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
    Json(request): Json<UpdateAccount>,
) -> HandlerResult {
    Ok(private(
        &login::update(&platform, person.user, &request).await?,
    ))
}

async fn export_account(
    State(app): State<App>,
    RequireSignIn(person): RequireSignIn,
) -> HandlerResult {
    Ok(private(&super::export(&app, &person).await?))
}

async fn erase_account(
    State(app): State<App>,
    RequireSignIn(person): RequireSignIn,
    device: Device,
    Json(request): Json<EraseAccount>,
) -> HandlerResult {
    super::erase(&app, &person, request.password, &device).await?;
    Ok(accepted().cookies(cleared_session_cookies(&app)))
}

async fn list_addresses(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
) -> HandlerResult {
    let mut reader = platform.db.read().await.map_err(Error::from)?;
    let addresses = addresses::list(&mut reader, person.user).await?;
    Ok(private(&Addresses { addresses }))
}

async fn add_address(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
    Json(request): Json<SaveAddress>,
) -> HandlerResult {
    let book = addresses::save(&platform, person.user, None, request).await?;
    Ok(private(&book).status(StatusCode::CREATED))
}

async fn update_address(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
    Path(path): Path<AddressPath>,
    Json(request): Json<SaveAddress>,
) -> HandlerResult {
    let book = addresses::save(&platform, person.user, Some(path.address), request).await?;
    Ok(private(&book))
}

async fn delete_address(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
    Path(path): Path<AddressPath>,
) -> HandlerResult {
    Ok(private(
        &addresses::remove(&platform, person.user, path.address).await?,
    ))
}

async fn list_sessions(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
) -> HandlerResult {
    Ok(private(&all_sessions(&platform, &person).await?))
}

async fn end_session(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
    Path(path): Path<SessionPath>,
) -> HandlerResult {
    login::end_session(&platform, person.user, path.session).await?;
    Ok(private(&all_sessions(&platform, &person).await?))
}

pub(super) async fn all_sessions(platform: &Platform, person: &Person) -> Result<Sessions, Error> {
    let mut reader = platform.db.read().await?;
    let sessions = super::list_sessions(&mut reader, person, platform.clock.now()).await?;
    Ok(Sessions { sessions })
}

async fn list_own_orders(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
    Query(query): Query<ListOrders>,
) -> HandlerResult {
    Ok(private(
        &orders::list_account_orders(&platform, person.user, &query).await?,
    ))
}

async fn get_own_order(
    State(platform): State<Platform>,
    RequireSignIn(person): RequireSignIn,
    Path(path): Path<OrderPath>,
) -> HandlerResult {
    Ok(private(
        &orders::find_account_order(&platform, person.user, &path.number).await?,
    ))
}

async fn open_cart(
    State(app): State<App>,
    RequireSignIn(person): RequireSignIn,
    Query(query): Query<InLocale>,
    Json(request): Json<OpenCart>,
) -> HandlerResult {
    let guest = request.cart.as_deref();
    Ok(private(
        &carts::open(&app, person.user, guest, query.locale).await?,
    ))
}

async fn create_tokens(
    State(accounts): State<Accounts>,
    device: Device,
    Json(request): Json<Login>,
) -> HandlerResult {
    let tokens = tokens::begin(&accounts, request, &device).await?;
    Ok(private(&tokens).status(StatusCode::CREATED))
}

async fn refresh_tokens(
    State(platform): State<Platform>,
    Json(request): Json<UseRefreshToken>,
) -> HandlerResult {
    Ok(private(
        &tokens::refresh(&platform, &request.refresh_token).await?,
    ))
}

async fn revoke_tokens(
    State(platform): State<Platform>,
    Json(request): Json<UseRefreshToken>,
) -> HandlerResult {
    tokens::revoke(&platform, &request.refresh_token).await?;
    Ok(accepted())
}

async fn list_users(
    State(platform): State<Platform>,
    _: RequireRight<CustomersRight>,
    Query(query): Query<ListUsers>,
) -> HandlerResult {
    Ok(private(&users::list(&platform, &query).await?))
}

async fn set_role(
    State(platform): State<Platform>,
    RequireReauthenticatedOwner(actor): RequireReauthenticatedOwner,
    Path(path): Path<UserPath>,
    Json(request): Json<SetRole>,
) -> HandlerResult {
    Ok(private(
        &users::set_role(&platform, &actor, path.user, &request).await?,
    ))
}

async fn create_api_key(
    State(platform): State<Platform>,
    RequireReauthenticatedOwner(actor): RequireReauthenticatedOwner,
    Json(request): Json<CreateApiKey>,
) -> HandlerResult {
    let key = keys::create(&platform, &actor, request).await?;
    Ok(private(&key).status(StatusCode::CREATED))
}

async fn list_api_keys(State(platform): State<Platform>, _: RequireOwner) -> HandlerResult {
    let mut reader = platform.db.read().await.map_err(Error::from)?;
    let keys = keys::list(&mut reader).await?;
    Ok(private(&ApiKeys { keys }))
}

async fn delete_api_key(
    State(platform): State<Platform>,
    RequireReauthenticatedOwner(actor): RequireReauthenticatedOwner,
    Path(path): Path<KeyPath>,
) -> HandlerResult {
    let keys = keys::delete(&platform, &actor, path.key).await?;
    Ok(private(&ApiKeys { keys }))
}
