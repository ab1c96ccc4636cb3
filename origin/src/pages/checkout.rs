//! Checkout: address, shipping, payment, review. Earlier steps are stored in the cart, the payment
//! method in the query of the last step. An order is placed once, however often its form is
//! submitted.

use axum::{
    Router,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use shared::{
    address::Address,
    cache::CachePolicy,
    cart::{Cart, PlaceOrder, UpdateCart},
    endpoint::encode_segment,
    form::FormState,
    locale::Locale,
    money::Money,
    order::Order,
    page::{
        CART, CHECKOUT, CHECKOUT_PAYMENT, CHECKOUT_REVIEW, CHECKOUT_SHIPPING, CheckoutPage,
        CheckoutStep, LOGIN, order_path,
    },
    payment::{PayOrder, TestCard},
    problem::Problem,
};

use crate::{
    accounts,
    app::App,
    cart::{self, CartChange},
    limits::Network,
    orders::{self, IdempotencyKey, PlaceOrderOutcome},
    payments, secret,
    shopper::Shopper,
    web::{Answer, FormFields, PageLocale, Refusal, problem_of},
};

use super::{cart::update_cart, personal_shell};

/// The routes of all steps, in this language.
pub(super) fn routes(locale: Locale) -> Router<App> {
    let at = |path: &str| locale.path(path);
    Router::new()
        .route(&at(CHECKOUT.path), get(show_checkout).post(save_address))
        .route(
            &at(CHECKOUT_SHIPPING.path),
            get(show_shipping).post(save_shipping),
        )
        .route(&at(CHECKOUT_PAYMENT.path), get(show_payment))
        .route(
            &at(CHECKOUT_REVIEW.path),
            get(show_review).post(place_order),
        )
}

/// The response of a step, or a redirect to another page.
type CheckoutResult = Result<Response, CheckoutRedirect>;

/// Why a step is not shown: an error, or another page that comes first.
enum CheckoutRedirect {
    Refused(Refusal),
    Go(String),
}

impl<E: Into<Refusal>> From<E> for CheckoutRedirect {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl IntoResponse for CheckoutRedirect {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => refusal.into_response(),
            Self::Go(path) => Answer::see(&path).into_response(),
        }
    }
}

/// A shopper in checkout, with their cart.
struct Buyer {
    app: App,
    shopper: Shopper,
    locale: Locale,
    cart: Cart,
}

impl Buyer {
    /// Redirects to the cart if it is empty, and to the order if the cart was ordered.
    async fn of(app: App, shopper: Shopper, locale: Locale) -> Result<Self, CheckoutRedirect> {
        let cart = shopper.cart(&app, locale).await?;
        let empty = || CheckoutRedirect::Go(locale.path(CART.path));
        let cart = cart.ok_or_else(empty)?;
        if cart.order.is_some() {
            let order = orders::find_by_cart(&app, &cart.id).await?;
            return Err(CheckoutRedirect::Go(localized_order_path(
                locale, &order, "",
            )));
        }
        if cart.lines.is_empty() {
            return Err(empty());
        }
        Ok(Self {
            app,
            shopper,
            locale,
            cart,
        })
    }

    /// Redirects to the first incomplete step, if it comes before this one.
    fn require_step(self, step: CheckoutStep) -> Result<Self, CheckoutRedirect> {
        let addressed = self.cart.email.is_some() && self.cart.shipping_address.is_some();
        let path = if step > CheckoutStep::Address && !addressed {
            CHECKOUT.path
        } else if step > CheckoutStep::Shipping && self.cart.shipping_method.is_none() {
            CHECKOUT_SHIPPING.path
        } else {
            return Ok(self);
        };
        Err(CheckoutRedirect::Go(self.locale.path(path)))
    }

    async fn show(
        self,
        step: CheckoutStep,
        path: &str,
        form: FormState,
        status: StatusCode,
    ) -> CheckoutResult {
        let app = &self.app;
        let book = match (&self.shopper.person, step) {
            (Some(person), CheckoutStep::Address) => {
                accounts::address_book(app, person.user).await?
            }
            _ => Vec::new(),
        };
        let methods = cart::list_shipping_methods(app, &self.cart.id, self.locale).await?;
        let shell = personal_shell(app, self.locale, path).await?;
        let page = CheckoutPage {
            step,
            form,
            signed_in: self.shopper.person.is_some(),
            book,
            methods: methods.methods,
            payments: app.config.payment_methods.clone(),
            key: secret::token(),
            cart: self.cart,
        };
        let answer = Answer::html(ui::checkout(&shell, &page), CachePolicy::Private);
        Ok(answer.status(status).into_response())
    }

    /// Shows the step again with an error.
    async fn show_with_error(
        self,
        step: CheckoutStep,
        path: &str,
        form: FormState,
        problem: &Problem,
    ) -> CheckoutResult {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        self.show(step, path, form.with_problem(problem), status)
            .await
    }
}

/// Redirects a shopper whose session has ended to the sign-in page and back, because the cart
/// belongs to the account.
fn require_session(shopper: &Shopper, locale: Locale, path: &str) -> Result<(), CheckoutRedirect> {
    if !shopper.session_ended {
        return Ok(());
    }
    let mut to = format!("{}?ended=1&next=", locale.path(LOGIN.path));
    encode_segment(path, &mut to);
    Err(CheckoutRedirect::Go(to))
}

/// Continues after a new sign-in with the form that was submitted before the session ended.
pub async fn resume_checkout(
    app: &App,
    (shopper, network): (Shopper, Network),
    locale: Locale,
    kept: &FormFields,
) -> Response {
    let resume = async {
        let buyer = Buyer::of(app.clone(), shopper, locale).await?;
        if kept.has("shipping_method") {
            store_shipping(buyer.require_step(CheckoutStep::Shipping)?, kept).await
        } else {
            store_address(buyer, network, kept).await
        }
    };
    resume.await.unwrap_or_else(CheckoutRedirect::into_response)
}

async fn show_checkout(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    shopper: Shopper,
    RawQuery(query): RawQuery,
) -> CheckoutResult {
    require_session(&shopper, locale, CHECKOUT.path)?;
    let buyer = Buyer::of(app, shopper, locale).await?;
    let cart = &buyer.cart;
    let email = cart.email.clone().unwrap_or_default();
    let mut form =
        FormState::with_values([("email", email.as_str()), ("note", cart.note.as_str())]);
    let saved = match (&buyer.shopper.person, parameter(query.as_deref(), "saved")) {
        (Some(person), Some(id)) => {
            let book = accounts::address_book(&buyer.app, person.user).await?;
            book.into_iter().find(|it| it.id.to_string() == id)
        }
        _ => None,
    };
    let address = saved.map(|it| it.address).or(cart.shipping_address.clone());
    form = form.with_address(&address.unwrap_or_default());
    buyer
        .show(CheckoutStep::Address, CHECKOUT.path, form, StatusCode::OK)
        .await
}

/// A query parameter.
fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let (_, value) = pairs.find(|(it, _)| it == name)?;
    Some(value.into_owned())
}

async fn save_address(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    shopper: Shopper,
    network: Network,
    fields: FormFields,
) -> CheckoutResult {
    if shopper.session_ended {
        let sign_in = accounts::ask_to_sign_in(&app, locale, fields.carried_over(), CHECKOUT.path);
        return Ok(sign_in.await?.into_response());
    }
    let buyer = Buyer::of(app, shopper, locale).await?;
    store_address(buyer, network, &fields).await
}

async fn store_address(buyer: Buyer, network: Network, fields: &FormFields) -> CheckoutResult {
    let locale = buyer.locale;
    let update = UpdateCart {
        email: Some(fields.text("email").to_owned()),
        shipping_address: Some(address_of(fields)),
        note: Some(fields.text("note").to_owned()),
        ..UpdateCart::default()
    };
    let what = CartChange::Update(Box::new(update));
    if let Some(problem) = update_cart(&buyer.app, &buyer.shopper, what, locale).await? {
        let form = fields.form();
        return buyer
            .show_with_error(CheckoutStep::Address, CHECKOUT.path, form, &problem)
            .await;
    }
    // From here on, stock is held as far as available. Every step reports what is short.
    update_cart(
        &buyer.app,
        &buyer.shopper,
        CartChange::Hold(network),
        locale,
    )
    .await?;
    Ok(Answer::see(&locale.path(CHECKOUT_SHIPPING.path)).into_response())
}

/// The address that a form holds.
pub fn address_of(fields: &FormFields) -> Address {
    let text = |name: &str| fields.text(name).to_owned();
    Address {
        name: text("name"),
        company: text("company"),
        line1: text("line1"),
        line2: text("line2"),
        city: text("city"),
        region: text("region"),
        postcode: text("postcode"),
        country: text("country"),
        phone: text("phone"),
    }
}

async fn show_shipping(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    shopper: Shopper,
) -> CheckoutResult {
    require_session(&shopper, locale, CHECKOUT_SHIPPING.path)?;
    let buyer = Buyer::of(app, shopper, locale)
        .await?
        .require_step(CheckoutStep::Shipping)?;
    let taken = buyer.cart.shipping_method.clone().unwrap_or_default();
    let form = FormState::with_values([("shipping_method", taken.as_str())]);
    buyer
        .show(
            CheckoutStep::Shipping,
            CHECKOUT_SHIPPING.path,
            form,
            StatusCode::OK,
        )
        .await
}

async fn save_shipping(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    shopper: Shopper,
    fields: FormFields,
) -> CheckoutResult {
    if shopper.session_ended {
        let next = CHECKOUT_SHIPPING.path;
        let sign_in = accounts::ask_to_sign_in(&app, locale, fields.carried_over(), next);
        return Ok(sign_in.await?.into_response());
    }
    let buyer = Buyer::of(app, shopper, locale).await?;
    store_shipping(buyer.require_step(CheckoutStep::Shipping)?, &fields).await
}

async fn store_shipping(buyer: Buyer, fields: &FormFields) -> CheckoutResult {
    let locale = buyer.locale;
    let code = fields.text("shipping_method").to_owned();
    let methods = cart::list_shipping_methods(&buyer.app, &buyer.cart.id, locale).await?;
    let refusal = if methods.methods.iter().any(|it| it.code == code) {
        let update = UpdateCart {
            shipping_method: Some(code),
            ..UpdateCart::default()
        };
        let what = CartChange::Update(Box::new(update));
        update_cart(&buyer.app, &buyer.shopper, what, locale).await?
    } else {
        Some(wrong("shipping_method"))
    };
    match refusal {
        None => Ok(Answer::see(&locale.path(CHECKOUT_PAYMENT.path)).into_response()),
        Some(problem) => {
            let (step, path) = (CheckoutStep::Shipping, CHECKOUT_SHIPPING.path);
            buyer
                .show_with_error(step, path, fields.form(), &problem)
                .await
        }
    }
}

/// A problem with one field.
fn wrong(field: &str) -> Problem {
    Problem::new(shared::problem::ProblemKind::Invalid)
        .field(field, "Choose one of the values offered.")
}

async fn show_payment(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    shopper: Shopper,
) -> CheckoutResult {
    require_session(&shopper, locale, CHECKOUT_PAYMENT.path)?;
    let buyer = Buyer::of(app, shopper, locale)
        .await?
        .require_step(CheckoutStep::Payment)?;
    let form = FormState::default();
    buyer
        .show(
            CheckoutStep::Payment,
            CHECKOUT_PAYMENT.path,
            form,
            StatusCode::OK,
        )
        .await
}

/// The payment method, as the last two steps carry it.
struct Payment {
    method: String,
    card: Option<TestCard>,
}

impl Payment {
    /// The chosen method, if the shop accepts it.
    fn of(app: &App, method: &str, card: &str) -> Option<Self> {
        let mut known = app.config.payment_methods.iter();
        known.find(|it| *it == method)?;
        let card = match method {
            "test" => Some(TestCard::from_name(card)?),
            _ => None,
        };
        Some(Self {
            method: method.to_owned(),
            card,
        })
    }

    fn form(&self) -> FormState {
        let card = self.card.as_ref().map_or("", TestCard::as_str);
        FormState::with_values([("payment", self.method.as_str()), ("card", card)])
    }

    /// The path of the review step with the chosen method.
    fn review(&self) -> String {
        let card = self.card.map(|it| format!("&card={}", it.as_str()));
        let card = card.unwrap_or_default();
        format!("{}?payment={}{card}", CHECKOUT_REVIEW.path, self.method)
    }
}

async fn show_review(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    shopper: Shopper,
    RawQuery(query): RawQuery,
) -> CheckoutResult {
    let field = |name| parameter(query.as_deref(), name).unwrap_or_default();
    let chosen = Payment::of(&app, &field("payment"), &field("card"));
    let path = chosen
        .as_ref()
        .map_or(CHECKOUT_PAYMENT.path.to_owned(), Payment::review);
    require_session(&shopper, locale, &path)?;
    let buyer = Buyer::of(app, shopper, locale)
        .await?
        .require_step(CheckoutStep::Review)?;
    match chosen {
        Some(payment) => {
            let (path, form) = (payment.review(), payment.form());
            buyer
                .show(CheckoutStep::Review, &path, form, StatusCode::OK)
                .await
        }
        None => Err(CheckoutRedirect::Go(locale.path(CHECKOUT_PAYMENT.path))),
    }
}

async fn place_order(
    State(app): State<App>,
    PageLocale(locale): PageLocale,
    shopper: Shopper,
    network: Network,
    fields: FormFields,
) -> CheckoutResult {
    let chosen = Payment::of(&app, fields.text("payment"), fields.text("card"));
    let path = chosen
        .as_ref()
        .map_or(CHECKOUT_PAYMENT.path.to_owned(), Payment::review);
    require_session(&shopper, locale, &path)?;
    // A second submission finds the cart ordered and is redirected to the order.
    let buyer = Buyer::of(app, shopper, locale)
        .await?
        .require_step(CheckoutStep::Review)?;
    let payment = match chosen {
        Some(payment) => payment,
        None => return Err(CheckoutRedirect::Go(locale.path(CHECKOUT_PAYMENT.path))),
    };
    let request = PlaceOrder {
        expected_total: Money::new(
            fields.number("total").unwrap_or(-1),
            buyer.app.config.currency,
        ),
        payment_method: payment.method.clone(),
        locale,
    };
    let from = network.clone();
    match orders::place_order(&buyer.app, &buyer.cart.id, request, None, from).await {
        Ok(PlaceOrderOutcome::New(order)) => {
            let key = fields.text("key");
            let by = (&network, payment.card);
            pay(&buyer.app, locale, &order, by, key).await;
            Ok(redirect_to_confirmation(locale, &order))
        }
        Ok(PlaceOrderOutcome::Existing(order)) => Ok(redirect_to_confirmation(locale, &order)),
        Ok(PlaceOrderOutcome::Replayed(..)) => Err(CheckoutRedirect::Go(locale.path(CART.path))),
        Err(error) => {
            let problem = problem_of(error)?;
            // The page shows the current cart.
            let Buyer { app, shopper, .. } = buyer;
            let buyer = Buyer::of(app, shopper, locale).await?;
            let (path, form) = (payment.review(), payment.form());
            buyer
                .show_with_error(CheckoutStep::Review, &path, form, &problem)
                .await
        }
    }
}

/// Starts the payment at once if the method has a provider. The order's page shows the outcome: the
/// order exists either way, and the payment can be retried. If the buyer pays on a page of the
/// provider, the order's page links to it. There is no direct redirect: the content security policy
/// restricts forms to the shop (`form-action`), Chromium applies it to redirects of forms as well,
/// and the provider's URL is not known beforehand, so it cannot be allowed.
async fn pay(
    app: &App,
    locale: Locale,
    order: &Order,
    (network, card): (&Network, Option<TestCard>),
    key: &str,
) {
    if order.payment_method == "manual" {
        return;
    }
    let request = PayOrder {
        card,
        hosted: Some(locale),
        ..PayOrder::default()
    };
    let paid = pay_with(app, order, request, key, network).await;
    if let Err(error) = paid {
        tracing::warn!(error = %error, "an order was placed but not paid");
    }
}

/// Starts one payment per idempotency key, however often the form is submitted.
pub(super) async fn pay_with(
    app: &App,
    order: &Order,
    request: PayOrder,
    key: &str,
    network: &Network,
) -> Result<payments::PayOutcome, payments::Error> {
    let key = IdempotencyKey::new(&format!("pay:{}", order.number), key, &request)?;
    payments::pay(app, (&order.number, &order.token), request, &key, network).await
}

/// Redirects to the order's page with a confirmation.
fn redirect_to_confirmation(locale: Locale, order: &Order) -> Response {
    Answer::see(&localized_order_path(locale, order, "&thanks=1")).into_response()
}

fn localized_order_path(locale: Locale, order: &Order, more: &str) -> String {
    let path = order_path(&order.number, &order.token);
    format!("{}{more}", locale.path(&path))
}
