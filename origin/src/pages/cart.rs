//! The cart's page and its forms. Each form ends with a look at the cart (post, redirect, get); one
//! that was wrong is shown again with what was typed.

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
    cart::{self, Change},
    limits::{Rule, Subject},
    shopper::Shopper,
    web::{Answer, Answered, Fields, Refusal, Tongue, problem_of},
};

use super::{personal_shell, web::product_again};

/// The cart's page and its forms, in this language.
pub(super) fn routes(locale: Locale) -> Router<App> {
    let at = |path: &str| locale.path(path);
    Router::new()
        .route(&at(CART.path), get(show_cart).post(change_cart))
        .route(&at(action::ADD_TO_CART), post(add_line))
        .route(&at(action::COUPONS), post(change_cart))
}

async fn show_cart(State(app): State<App>, Tongue(locale): Tongue, shopper: Shopper) -> Answered {
    // Their cart is not empty: nobody knows who they are any more.
    let problem = shopper.has_ended.then(|| "session-ended".to_owned());
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
    let form = fields.form().with_problem(problem);
    shown(app, shopper, locale, form, status_of(problem)).await
}

fn status_of(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST)
}

async fn add_line(
    State(app): State<App>,
    Tongue(locale): Tongue,
    shopper: Shopper,
    fields: Fields,
) -> Answered {
    let sku = fields.text("sku");
    let quantity = match fields.text("quantity") {
        "" => 1,
        // None is more than there may be of anything: it is refused like any number that is.
        _ => fields.number("quantity").unwrap_or(i64::MAX),
    };
    let problem = match shopper.add(&app, sku, quantity, locale).await {
        Ok((_, cookies)) => return Ok(Answer::see(&locale.path(CART.path)).cookies(cookies)),
        Err(refusal) => problem_of(refusal.into_problem())?,
    };
    let form = fields.form().with_problem(&problem);
    // A quantity is mended where it was typed.
    if form.is_invalid("quantity")
        && let Some(page) = product_again(&app, locale, &fields, form).await?
    {
        return Ok(page.status(status_of(&problem)));
    }
    refused(&app, &shopper, locale, &fields, &problem).await
}

/// What is asked for in the cart's form.
struct Asked {
    changes: Vec<(String, Change)>,
    faults: Vec<String>,
}

impl Asked {
    /// Only what the shopper has changed counts: a page from before takes nothing back.
    fn of(cart: &Cart, fields: &Fields) -> Self {
        let mut asked = Self {
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
                    let change = Change::Set(line.sku.clone(), quantity);
                    asked.changes.push((name, change));
                }
                None => asked.faults.push(name),
            }
        }
        asked
    }
}

/// The whole cart's form: whatever button was pressed, what was typed counts. What can be done is
/// done, what is wrong is said at its field, and nobody goes on to checkout before it is right.
async fn change_cart(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Tongue(locale): Tongue,
    shopper: Shopper,
    fields: Fields,
) -> Answered {
    let coupons = locale.path(action::COUPONS);
    if fields.has("code") && uri.path() != coupons {
        // How often codes are tried is counted at their own address.
        return Ok(Answer::see(&coupons).status(StatusCode::TEMPORARY_REDIRECT));
    }
    let Some(cart) = shopper.open_cart(&app, locale).await? else {
        return Ok(Answer::see(&locale.path(CART.path)));
    };
    let asked = Asked::of(&cart, &fields);
    let mut form = fields.form();
    form.invalid_fields = asked.faults;
    let mut status = StatusCode::BAD_REQUEST;
    for (name, change) in asked.changes {
        if let Some(problem) = changed(&app, &shopper, change, locale).await? {
            match FormState::default().with_problem(&problem).problem {
                None => form.invalid_fields.push(name),
                other => (form.problem, status) = (other, status_of(&problem)),
            }
        }
    }
    if let Some(problem) = coupons_changed(&app, &shopper, &cart, &fields, locale).await? {
        status = status_of(&problem);
        form = form.with_problem(&problem);
    }
    if form.problem.is_some() || !form.invalid_fields.is_empty() {
        return shown(&app, &shopper, locale, form, status).await;
    }
    let on = fields.text("next") == "checkout" && may_go_on(&app, &shopper, locale).await?;
    let next = if on { CHECKOUT.path } else { CART.path };
    Ok(Answer::see(&locale.path(next)))
}

/// Whether nothing in the cart has to be looked at first.
async fn may_go_on(app: &App, shopper: &Shopper, locale: Locale) -> Result<bool, Refusal> {
    let cart = shopper.open_cart(app, locale).await?;
    Ok(cart.is_some_and(|cart| {
        let refused = cart.coupons.iter().any(|it| it.refused.is_some());
        !refused && !cart.lines.is_empty() && !cart.lines.iter().any(CartLine::blocks_order)
    }))
}

/// Adds the coupon that was typed and takes away the one whose button was pressed.
async fn coupons_changed(
    app: &App,
    shopper: &Shopper,
    cart: &Cart,
    fields: &Fields,
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
    let tried = Subject::Cart(&cart.id);
    if let Err(often) = app.limits.check(rule, tried, app.clock.now()).await {
        return Ok(Some(often.into()));
    }
    let update = UpdateCart {
        coupons: Some(codes.into_iter().map(str::to_owned).collect()),
        ..UpdateCart::default()
    };
    changed(app, shopper, Change::Update(Box::new(update)), locale).await
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
