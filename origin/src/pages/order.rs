//! The order page and its forms, and the page on which a guest finds an order.

use axum::{
    Router,
    extract::{RawQuery, State},
    routing::{get, post},
};
use http::StatusCode;
use shared::{
    cache::CachePolicy,
    form::FormState,
    locale::Locale,
    order::{OrderPath, OrderToken},
    page::{FIND_ORDER, FindOrderPage, ORDER, OrderPage, TimeLeft, action, order_path},
    payment::{PayOrder, TestCard},
    problem::Problem,
};

use crate::{
    app::App,
    email,
    limits::{LimitSubject, Network, Rule},
    orders, payments, secret,
    web::{Answer, FormFields, HandlerResult, PageLocale, Path, Query, problem_of},
};

use super::{checkout::pay_with, personal_shell};

/// The routes of these pages and forms, in this language.
pub(super) fn routes(locale: Locale) -> Router<App> {
    let at = |path: &str| locale.path(path);
    Router::new()
        .route(&at(FIND_ORDER.path), get(show_find_order).post(find_order))
        .route(&at(ORDER.path), get(show_order))
        .route(&at(action::PAY), post(pay_order))
        .route(&at(action::CANCEL), post(cancel_order))
}

/// The query of an order page: the token that grants access, and whether the order was just placed.
#[derive(serde::Deserialize)]
struct OrderQuery {
    token: String,
    thanks: Option<String>,
}

async fn show_order(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    Path(path): Path<OrderPath>,
    Query(query): Query<OrderQuery>,
) -> HandlerResult {
    let thanks = query.thanks.is_some();
    let whose = (path.number.as_str(), query.token.as_str());
    shown(
        &app,
        locale,
        whose,
        thanks,
        FormState::default(),
        StatusCode::OK,
    )
    .await
}

async fn shown(
    app: &App,
    locale: Locale,
    (number, token): (&str, &str),
    thanks: bool,
    form: FormState,
    status: StatusCode,
) -> HandlerResult {
    let order = orders::find(app, number, token).await?;
    let payment = payments::find_last(app, &order).await?;
    // Asking the provider may have settled the payment just now.
    let order = match &payment {
        Some(it) if it.order != order.state => orders::find(app, number, token).await?,
        _ => order,
    };
    let shell = personal_shell(app, locale, &order_path(number, token)).await?;
    let time_left = order
        .pay_until
        .and_then(|until| TimeLeft::between(app.clock.now(), until));
    let page = OrderPage {
        order,
        thanks,
        payment,
        form,
        key: secret::token(),
        transfer: app.config.transfer_to.clone(),
        time_left,
    };
    let answer = Answer::html(ui::order(&shell, &page), CachePolicy::Private);
    Ok(answer.status(status))
}

async fn show_with_error(
    app: &App,
    locale: Locale,
    whose: (&str, &str),
    form: FormState,
    problem: &Problem,
) -> HandlerResult {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    shown(
        app,
        locale,
        whose,
        false,
        form.with_problem(problem),
        status,
    )
    .await
}

async fn pay_order(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    Path(path): Path<OrderPath>,
    Query(query): Query<OrderToken>,
    network: Network,
    fields: FormFields,
) -> HandlerResult {
    let whose = (path.number.as_str(), query.token.as_str());
    let order = orders::find(&app, whose.0, whose.1).await?;
    let paid = if fields.has("confirm") {
        let confirmed = payments::confirm(&app, whose, fields.text("confirm")).await;
        confirmed.map(drop)
    } else {
        let request = PayOrder {
            card: TestCard::from_name(fields.text("card")),
            hosted: Some(locale),
            ..PayOrder::default()
        };
        let key = fields.text("key");
        let paid = pay_with(&app, &order, request, key, &network).await;
        paid.map(drop)
    };
    match paid {
        Ok(()) => Ok(Answer::see(&locale.path(&order_path(whose.0, whose.1)))),
        Err(error) => {
            let problem = problem_of(error)?;
            show_with_error(&app, locale, whose, fields.form(), &problem).await
        }
    }
}

async fn cancel_order(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    Path(path): Path<OrderPath>,
    Query(query): Query<OrderToken>,
    fields: FormFields,
) -> HandlerResult {
    let whose = (path.number.as_str(), query.token.as_str());
    match orders::cancel(&app, whose.0, whose.1).await {
        Ok(_) => Ok(Answer::see(&locale.path(&order_path(whose.0, whose.1)))),
        Err(error) => {
            let problem = problem_of(error)?;
            show_with_error(&app, locale, whose, fields.form(), &problem).await
        }
    }
}

async fn show_find_order(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    RawQuery(_): RawQuery,
) -> HandlerResult {
    shown_find(&app, locale, FormState::default(), StatusCode::OK).await
}

async fn shown_find(
    app: &App,
    locale: Locale,
    form: FormState,
    status: StatusCode,
) -> HandlerResult {
    let shell = personal_shell(app, locale, FIND_ORDER.path).await?;
    let page = FindOrderPage { form };
    let answer = Answer::html(ui::find_order(&shell, &page), CachePolicy::Private);
    Ok(answer.status(status))
}

/// Finds an order by number and email address. The error does not reveal which of them is wrong.
async fn find_order(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    fields: FormFields,
) -> HandlerResult {
    let email = email::lookup_text(fields.text("email"));
    let number = fields.text("number").to_uppercase();
    let rule = Rule::per_hour("find-order", app.config.limit_login);
    let subject = LimitSubject::Order(&number);
    let found = match app.limits.check(rule, subject, app.clock.now()).await {
        Ok(()) => orders::find_by_email(&app, &number, &email)
            .await
            .map_err(Problem::from),
        Err(often) => Err(often.into()),
    };
    match found {
        Ok(order) => {
            let path = order_path(&order.number, &order.token);
            Ok(Answer::see(&locale.path(&path)))
        }
        Err(problem) => {
            let problem = problem_of(problem)?;
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            shown_find(&app, locale, fields.form().with_problem(&problem), status).await
        }
    }
}
