//! The cart page and its forms. Each form redirects to the cart (post/redirect/get); an invalid one
//! is shown again with the submitted values.

use axum::{
    Router,
    extract::{OriginalUri, State},
    routing::{get, post},
};
use http::StatusCode;
use shared::{
    cache::CachePolicy,
    cart::{Cart, CartLine, QUANTITY_MAX, UpdateCart},
    form::FormState,
    locale::Locale,
    page::{CART, CHECKOUT, CartPage, action, quantity_field},
    problem::Problem,
};

use crate::{
    app::App,
    cart::{self, CartChange},
    limits::{LimitSubject, Rule},
    shopper::Shopper,
    web::{Answer, FormFields, HandlerResult, PageLocale, Refusal, problem_of},
};

use super::{personal_shell, web::show_product_with_error};

/// The routes of the cart page and its forms, in this language.
pub(super) fn routes(locale: Locale) -> Router<App> {
    let at = |path: &str| locale.path(path);
    Router::new()
        .route(&at(CART.path), get(show_cart).post(change_cart))
        .route(&at(action::ADD_TO_CART), post(add_line))
        .route(&at(action::COUPONS), post(change_cart))
}

async fn show_cart(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    shopper: Shopper,
) -> HandlerResult {
    // The session has expired; without this message, the cart would just look empty.
    let problem = shopper.session_ended.then(|| "session-ended".to_owned());
    let form = FormState {
        problem,
        ..FormState::default()
    };
    shown(&app, &shopper, locale, form, StatusCode::OK).await
}

async fn shown(
    app: &App,
    shopper: &Shopper,
    locale: Locale,
    form: FormState,
    status: StatusCode,
) -> HandlerResult {
    let cart = shopper.open_cart(app, locale).await?;
    let shell = personal_shell(app, locale, CART.path).await?;
    let page = CartPage { cart, form };
    let answer = Answer::html(ui::cart(&shell, &page), CachePolicy::Private);
    Ok(answer.status(status))
}

/// Shows the cart with an error.
async fn show_with_error(
    app: &App,
    shopper: &Shopper,
    locale: Locale,
    fields: &FormFields,
    problem: &Problem,
) -> HandlerResult {
    let form = fields.form().with_problem(problem);
    shown(app, shopper, locale, form, status_of(problem)).await
}

fn status_of(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST)
}

async fn add_line(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    shopper: Shopper,
    fields: FormFields,
) -> HandlerResult {
    let sku = fields.text("sku");
    let quantity = match fields.text("quantity") {
        "" => 1,
        // Not a number: the maximum is refused like any quantity that is too large.
        _ => fields.number("quantity").unwrap_or(i64::MAX),
    };
    let problem = match shopper.add(&app, sku, quantity, locale).await {
        Ok((_, cookies)) => return Ok(Answer::see(&locale.path(CART.path)).cookies(cookies)),
        Err(refusal) => problem_of(refusal.into_problem())?,
    };
    let form = fields.form().with_problem(&problem);
    // An invalid quantity is corrected on the page where it was entered.
    if form.is_invalid("quantity")
        && let Some(page) = show_product_with_error(&app, locale, &fields, form).await?
    {
        return Ok(page.status(status_of(&problem)));
    }
    show_with_error(&app, &shopper, locale, &fields, &problem).await
}

/// The changes that the cart's form requests.
struct CartChanges {
    changes: Vec<(String, CartChange)>,
    faults: Vec<String>,
}

impl CartChanges {
    /// Compares the fields with the values the page was rendered with, so that a stale page reverts
    /// nothing.
    fn of(cart: &Cart, fields: &FormFields) -> Self {
        let mut requested = Self {
            changes: Vec::new(),
            faults: Vec::new(),
        };
        let removed = fields.text("remove");
        for line in &cart.lines {
            let name = quantity_field(line.variant_id);
            let quantity = match fields.text(&name) {
                _ if !removed.is_empty() && line.sku == removed => Some(0),
                "" if !fields.names(&name) => continue,
                typed if typed == fields.text(&format!("was-{name}")) => continue,
                _ => fields.number(&name).filter(|it| *it <= QUANTITY_MAX),
            };
            match quantity {
                Some(quantity) => {
                    let change = CartChange::Set(line.sku.clone(), quantity);
                    requested.changes.push((name, change));
                }
                None => requested.faults.push(name),
            }
        }
        requested
    }
}

/// Handles the form of the whole cart. Whichever button was pressed, all fields are applied;
/// invalid ones are reported at their field and block the way to checkout.
async fn change_cart(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    PageLocale(locale): PageLocale,
    shopper: Shopper,
    fields: FormFields,
) -> HandlerResult {
    let coupons = locale.path(action::COUPONS);
    if fields.has("code") && uri.path() != coupons {
        // Attempts at coupon codes are rate limited at their own path.
        return Ok(Answer::see(&coupons).status(StatusCode::TEMPORARY_REDIRECT));
    }
    let Some(cart) = shopper.open_cart(&app, locale).await? else {
        return Ok(Answer::see(&locale.path(CART.path)));
    };
    let requested = CartChanges::of(&cart, &fields);
    let mut form = fields.form();
    form.invalid_fields = requested.faults;
    let mut status = StatusCode::BAD_REQUEST;
    for (name, change) in requested.changes {
        if let Some(problem) = update_cart(&app, &shopper, change, locale).await? {
            match FormState::default().with_problem(&problem).problem {
                None => form.invalid_fields.push(name),
                other => (form.problem, status) = (other, status_of(&problem)),
            }
        }
    }
    if let Some(problem) = update_coupons(&app, &shopper, &cart, &fields, locale).await? {
        status = status_of(&problem);
        form = form.with_problem(&problem);
    }
    if form.problem.is_some() || !form.invalid_fields.is_empty() {
        return shown(&app, &shopper, locale, form, status).await;
    }
    let on = fields.text("next") == "checkout" && may_check_out(&app, &shopper, locale).await?;
    let next = if on { CHECKOUT.path } else { CART.path };
    Ok(Answer::see(&locale.path(next)))
}

/// Whether the cart has no obstacles to checkout.
async fn may_check_out(app: &App, shopper: &Shopper, locale: Locale) -> Result<bool, Refusal> {
    let cart = shopper.open_cart(app, locale).await?;
    Ok(cart.is_some_and(|cart| {
        let refused = cart.coupons.iter().any(|it| it.refused.is_some());
        !refused && !cart.lines.is_empty() && !cart.lines.iter().any(CartLine::blocks_order)
    }))
}

/// Adds the entered coupon, or removes the one whose button was pressed.
async fn update_coupons(
    app: &App,
    shopper: &Shopper,
    cart: &Cart,
    fields: &FormFields,
    locale: Locale,
) -> Result<Option<Problem>, Refusal> {
    let removed = fields.text("remove_coupon");
    let before: Vec<&str> = cart.coupons.iter().map(|it| it.code.as_str()).collect();
    let mut codes = before.clone();
    codes.retain(|code| *code != removed);
    codes.extend(Some(fields.text("code")).filter(|code| !code.is_empty()));
    if codes == before {
        return Ok(None);
    }
    let rule = Rule::per_minute("coupons", app.config.limit_coupons);
    let tried = LimitSubject::Cart(&cart.id);
    if let Err(often) = app.limits.check(rule, tried, app.clock.now()).await {
        return Ok(Some(often.into()));
    }
    let update = UpdateCart {
        coupons: Some(codes.into_iter().map(str::to_owned).collect()),
        ..UpdateCart::default()
    };
    update_cart(app, shopper, CartChange::Update(Box::new(update)), locale).await
}

/// Changes the shopper's cart and returns the problem, if any. Without a cart, it does nothing.
pub(super) async fn update_cart(
    app: &App,
    shopper: &Shopper,
    what: CartChange,
    locale: Locale,
) -> Result<Option<Problem>, Refusal> {
    let Some(token) = shopper.cart_token(app).await? else {
        return Ok(None);
    };
    match cart::change_cart(app, Some(&token), None, what, locale).await {
        Ok(_) | Err(cart::Error::NoSuchCart | cart::Error::Ordered) => Ok(None),
        Err(error) => Ok(Some(problem_of(error)?)),
    }
}
