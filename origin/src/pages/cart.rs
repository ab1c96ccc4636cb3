//! The cart's page and its forms. Each form ends with a look at the cart (post, redirect, get); one
//! that was wrong is shown again with what was typed.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use http::StatusCode;
use shared::{
    cache::CachePolicy,
    cart::UpdateCart,
    form::Form,
    locale::Locale,
    page::{CART, CartPage, action},
    problem::Problem,
};

use crate::{
    app::App,
    cart::{self, Change},
    limits::{Rule, Subject},
    shopper::Shopper,
    web::{Answer, Answered, Fields, Refusal, Tongue, problem_of},
};

use super::personal_shell;

/// The cart's page and its forms, in this language.
pub(super) fn routes(locale: Locale) -> Router<App> {
    let at = |path: &str| locale.path(path);
    Router::new()
        .route(&at(CART.path), get(show_cart).post(set_quantity))
        .route(&at(action::ADD_TO_CART), post(add_line))
        .route(&at(action::COUPONS), post(change_coupons))
}

async fn show_cart(State(app): State<App>, Tongue(locale): Tongue, shopper: Shopper) -> Answered {
    // Their cart is not empty: nobody knows who they are any more.
    let problem = shopper.has_ended.then(|| "session-ended".to_owned());
    let form = Form {
        problem,
        ..Form::default()
    };
    shown(&app, &shopper, locale, form, StatusCode::OK).await
}

async fn shown(
    app: &App,
    shopper: &Shopper,
    locale: Locale,
    form: Form,
    status: StatusCode,
) -> Answered {
    let cart = shopper.open_cart(app, locale).await?;
    let shell = personal_shell(app, locale, CART.path).await?;
    let page = CartPage { cart, form };
    let answer = Answer::html(ui::cart(&shell, &page), CachePolicy::Private);
    Ok(answer.status(status))
}

/// The cart with what was wrong.
async fn refused(
    app: &App,
    shopper: &Shopper,
    locale: Locale,
    fields: &Fields,
    problem: &Problem,
) -> Answered {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    shown(app, shopper, locale, fields.form().refused(problem), status).await
}

async fn add_line(
    State(app): State<App>,
    Tongue(locale): Tongue,
    shopper: Shopper,
    fields: Fields,
) -> Answered {
    let quantity = fields.number("quantity").unwrap_or(1);
    match shopper
        .add(&app, fields.text("sku"), quantity, locale)
        .await
    {
        Ok((_, cookies)) => Ok(Answer::see(&locale.path(CART.path)).cookies(cookies)),
        Err(refusal) => {
            let problem = problem_of(refusal.into_problem())?;
            refused(&app, &shopper, locale, &fields, &problem).await
        }
    }
}

async fn set_quantity(
    State(app): State<App>,
    Tongue(locale): Tongue,
    shopper: Shopper,
    fields: Fields,
) -> Answered {
    let quantity = fields.number("quantity").unwrap_or(-1);
    let what = Change::Set(fields.text("sku").to_owned(), quantity);
    match changed(&app, &shopper, what, locale).await? {
        None => Ok(Answer::see(&locale.path(CART.path))),
        Some(problem) => refused(&app, &shopper, locale, &fields, &problem).await,
    }
}

async fn change_coupons(
    State(app): State<App>,
    Tongue(locale): Tongue,
    shopper: Shopper,
    fields: Fields,
) -> Answered {
    let Some(cart) = shopper.open_cart(&app, locale).await? else {
        return Ok(Answer::see(&locale.path(CART.path)));
    };
    let rule = Rule::per_minute("coupons", app.config.limit_coupons);
    let tried = Subject::Cart(&cart.id);
    if let Err(often) = app.limits.check(rule, tried, app.clock.now()).await {
        return refused(&app, &shopper, locale, &fields, &often.into()).await;
    }
    let mut codes: Vec<String> = cart.coupons.into_iter().map(|it| it.code).collect();
    codes.retain(|code| code != fields.text("remove"));
    if fields.has("code") {
        codes.push(fields.text("code").to_owned());
    }
    let update = UpdateCart {
        coupons: Some(codes),
        ..UpdateCart::default()
    };
    match changed(&app, &shopper, Change::Update(Box::new(update)), locale).await? {
        None => Ok(Answer::see(&locale.path(CART.path))),
        Some(problem) => refused(&app, &shopper, locale, &fields, &problem).await,
    }
}

/// Changes the shopper's cart; answers what was wrong. Without a cart there is nothing to change.
pub(super) async fn changed(
    app: &App,
    shopper: &Shopper,
    what: Change,
    locale: Locale,
) -> Result<Option<Problem>, Refusal> {
    let Some(token) = shopper.cart_token(app).await? else {
        return Ok(None);
    };
    match cart::change(app, Some(&token), None, what, locale).await {
        Ok(_) | Err(cart::Error::NoSuchCart | cart::Error::Ordered) => Ok(None),
        Err(error) => Ok(Some(problem_of(error)?)),
    }
}
