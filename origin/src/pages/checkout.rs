//! Checkout: address, shipping, payment, review. What is decided so far is in the cart; how it is paid
//! is in the address of the last step. The order is placed once, however often its form is sent.

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
    cart::{self, Change},
    limits::Network,
    orders::{self, Key, Placed},
    payments, secret,
    shopper::Shopper,
    web::{Answer, Fields, Refusal, Tongue, problem_of},
};

use super::{cart::changed, personal_shell};

/// Every step, in this language.
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

/// What a handler answers with, or where the shopper belongs instead.
type Led = Result<Response, Elsewhere>;

/// Why a step is not shown: something failed, or another page comes first.
enum Elsewhere {
    Refused(Refusal),
    Go(String),
}

impl<E: Into<Refusal>> From<E> for Elsewhere {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl IntoResponse for Elsewhere {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => refusal.into_response(),
            Self::Go(path) => Answer::see(&path).into_response(),
        }
    }
}

/// Somebody at the checkout.
struct Buyer {
    app: App,
    shopper: Shopper,
    locale: Locale,
    cart: Cart,
}

impl Buyer {
    /// Who has nothing in the cart is led to it; who has ordered it, to the order.
    async fn of(app: App, shopper: Shopper, locale: Locale) -> Result<Self, Elsewhere> {
        let cart = shopper.cart(&app, locale).await?;
        let empty = || Elsewhere::Go(locale.path(CART.path));
        let cart = cart.ok_or_else(empty)?;
        if cart.order.is_some() {
            let order = orders::of_cart(&app, &cart.id).await?;
            return Err(Elsewhere::Go(at_order(locale, &order, "")));
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

    /// Leads to the first step that is not done, if it comes before this one.
    fn needs(self, step: CheckoutStep) -> Result<Self, Elsewhere> {
        let addressed = self.cart.email.is_some() && self.cart.shipping_address.is_some();
        let path = if step > CheckoutStep::Address && !addressed {
            CHECKOUT.path
        } else if step > CheckoutStep::Shipping && self.cart.shipping_method.is_none() {
            CHECKOUT_SHIPPING.path
        } else {
            return Ok(self);
        };
        Err(Elsewhere::Go(self.locale.path(path)))
    }

    async fn show(
        self,
        step: CheckoutStep,
        path: &str,
        form: FormState,
        status: StatusCode,
    ) -> Led {
        let app = &self.app;
        let book = match (&self.shopper.person, step) {
            (Some(person), CheckoutStep::Address) => {
                accounts::address_book(app, person.user).await?
            }
            _ => Vec::new(),
        };
        let methods = cart::shipping_methods(app, &self.cart.id, self.locale).await?;
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

    /// The step again, with what was wrong.
    async fn refuse(
        self,
        step: CheckoutStep,
        path: &str,
        form: FormState,
        problem: &Problem,
    ) -> Led {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        self.show(step, path, form.with_problem(problem), status)
            .await
    }
}

/// Whoever had signed in, and whose session has ended, signs in and comes back: their cart is theirs.
fn still_in(shopper: &Shopper, locale: Locale, path: &str) -> Result<(), Elsewhere> {
    if !shopper.has_ended {
        return Ok(());
    }
    let mut to = format!("{}?ended=1&next=", locale.path(LOGIN.path));
    encode_segment(path, &mut to);
    Err(Elsewhere::Go(to))
}

/// Goes on with what was typed before the session ended, for whoever has signed in again.
pub async fn resume_checkout(
    app: &App,
    (shopper, network): (Shopper, Network),
    locale: Locale,
    kept: &Fields,
) -> Response {
    let resume = async {
        let buyer = Buyer::of(app.clone(), shopper, locale).await?;
        if kept.has("shipping_method") {
            keep_shipping(buyer.needs(CheckoutStep::Shipping)?, kept).await
        } else {
            keep_address(buyer, network, kept).await
        }
    };
    resume.await.unwrap_or_else(Elsewhere::into_response)
}

async fn show_checkout(
    State(app): State<App>,
    Tongue(locale): Tongue,
    shopper: Shopper,
    RawQuery(query): RawQuery,
) -> Led {
    still_in(&shopper, locale, CHECKOUT.path)?;
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

/// One parameter of a query.
fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let (_, value) = pairs.find(|(it, _)| it == name)?;
    Some(value.into_owned())
}

async fn save_address(
    State(app): State<App>,
    Tongue(locale): Tongue,
    shopper: Shopper,
    network: Network,
    fields: Fields,
) -> Led {
    if shopper.has_ended {
        let asked = accounts::ask_to_sign_in(&app, locale, fields.kept(), CHECKOUT.path);
        return Ok(asked.await?.into_response());
    }
    let buyer = Buyer::of(app, shopper, locale).await?;
    keep_address(buyer, network, &fields).await
}

async fn keep_address(buyer: Buyer, network: Network, fields: &Fields) -> Led {
    let locale = buyer.locale;
    let update = UpdateCart {
        email: Some(fields.text("email").to_owned()),
        shipping_address: Some(address_of(fields)),
        note: Some(fields.text("note").to_owned()),
        ..UpdateCart::default()
    };
    let what = Change::Update(Box::new(update));
    if let Some(problem) = changed(&buyer.app, &buyer.shopper, what, locale).await? {
        let form = fields.form();
        return buyer
            .refuse(CheckoutStep::Address, CHECKOUT.path, form, &problem)
            .await;
    }
    // From here on it is kept, as far as it is there; what is short is said on every step.
    changed(&buyer.app, &buyer.shopper, Change::Hold(network), locale).await?;
    Ok(Answer::see(&locale.path(CHECKOUT_SHIPPING.path)).into_response())
}

/// The address that a form holds.
pub fn address_of(fields: &Fields) -> Address {
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

async fn show_shipping(State(app): State<App>, Tongue(locale): Tongue, shopper: Shopper) -> Led {
    still_in(&shopper, locale, CHECKOUT_SHIPPING.path)?;
    let buyer = Buyer::of(app, shopper, locale)
        .await?
        .needs(CheckoutStep::Shipping)?;
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
    Tongue(locale): Tongue,
    shopper: Shopper,
    fields: Fields,
) -> Led {
    if shopper.has_ended {
        let next = CHECKOUT_SHIPPING.path;
        let asked = accounts::ask_to_sign_in(&app, locale, fields.kept(), next);
        return Ok(asked.await?.into_response());
    }
    let buyer = Buyer::of(app, shopper, locale).await?;
    keep_shipping(buyer.needs(CheckoutStep::Shipping)?, &fields).await
}

async fn keep_shipping(buyer: Buyer, fields: &Fields) -> Led {
    let locale = buyer.locale;
    let code = fields.text("shipping_method").to_owned();
    let methods = cart::shipping_methods(&buyer.app, &buyer.cart.id, locale).await?;
    let refusal = if methods.methods.iter().any(|it| it.code == code) {
        let update = UpdateCart {
            shipping_method: Some(code),
            ..UpdateCart::default()
        };
        let what = Change::Update(Box::new(update));
        changed(&buyer.app, &buyer.shopper, what, locale).await?
    } else {
        Some(wrong("shipping_method"))
    };
    match refusal {
        None => Ok(Answer::see(&locale.path(CHECKOUT_PAYMENT.path)).into_response()),
        Some(problem) => {
            let (step, path) = (CheckoutStep::Shipping, CHECKOUT_SHIPPING.path);
            buyer.refuse(step, path, fields.form(), &problem).await
        }
    }
}

/// One field that is wrong.
fn wrong(field: &str) -> Problem {
    Problem::new(shared::problem::ProblemKind::Invalid)
        .field(field, "Choose one of the values offered.")
}

async fn show_payment(State(app): State<App>, Tongue(locale): Tongue, shopper: Shopper) -> Led {
    still_in(&shopper, locale, CHECKOUT_PAYMENT.path)?;
    let buyer = Buyer::of(app, shopper, locale)
        .await?
        .needs(CheckoutStep::Payment)?;
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

/// How it is to be paid, as the last two steps say it.
struct Payment {
    method: String,
    card: Option<TestCard>,
}

impl Payment {
    /// What was chosen, if the shop takes it.
    fn of(app: &App, method: &str, card: &str) -> Option<Self> {
        let mut known = app.config.payment_methods.iter();
        known.find(|it| *it == method)?;
        let card = match method {
            "test" => Some(TestCard::from_word(card)?),
            _ => None,
        };
        Some(Self {
            method: method.to_owned(),
            card,
        })
    }

    fn form(&self) -> FormState {
        let card = self.card.map_or("", TestCard::word);
        FormState::with_values([("payment", self.method.as_str()), ("card", card)])
    }

    /// The review's path, with what was chosen.
    fn review(&self) -> String {
        let card = self.card.map(|it| format!("&card={}", it.word()));
        let card = card.unwrap_or_default();
        format!("{}?payment={}{card}", CHECKOUT_REVIEW.path, self.method)
    }
}

async fn show_review(
    State(app): State<App>,
    Tongue(locale): Tongue,
    shopper: Shopper,
    RawQuery(query): RawQuery,
) -> Led {
    let field = |name| parameter(query.as_deref(), name).unwrap_or_default();
    let chosen = Payment::of(&app, &field("payment"), &field("card"));
    let path = chosen
        .as_ref()
        .map_or(CHECKOUT_PAYMENT.path.to_owned(), Payment::review);
    still_in(&shopper, locale, &path)?;
    let buyer = Buyer::of(app, shopper, locale)
        .await?
        .needs(CheckoutStep::Review)?;
    match chosen {
        Some(payment) => {
            let (path, form) = (payment.review(), payment.form());
            buyer
                .show(CheckoutStep::Review, &path, form, StatusCode::OK)
                .await
        }
        None => Err(Elsewhere::Go(locale.path(CHECKOUT_PAYMENT.path))),
    }
}

async fn place_order(
    State(app): State<App>,
    Tongue(locale): Tongue,
    shopper: Shopper,
    network: Network,
    fields: Fields,
) -> Led {
    let chosen = Payment::of(&app, fields.text("payment"), fields.text("card"));
    let path = chosen
        .as_ref()
        .map_or(CHECKOUT_PAYMENT.path.to_owned(), Payment::review);
    still_in(&shopper, locale, &path)?;
    // A second press of the button finds the cart ordered, and is led to the order.
    let buyer = Buyer::of(app, shopper, locale)
        .await?
        .needs(CheckoutStep::Review)?;
    let payment = match chosen {
        Some(payment) => payment,
        None => return Err(Elsewhere::Go(locale.path(CHECKOUT_PAYMENT.path))),
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
    match orders::place(&buyer.app, &buyer.cart.id, request, None, from).await {
        Ok(Placed::New(order)) => {
            let key = fields.text("key");
            let by = (&network, payment.card);
            pay(&buyer.app, locale, &order, by, key).await;
            Ok(thanks(locale, &order))
        }
        Ok(Placed::Before(order)) => Ok(thanks(locale, &order)),
        Ok(Placed::Replayed(..)) => Err(Elsewhere::Go(locale.path(CART.path))),
        Err(error) => {
            let problem = problem_of(error)?;
            // The page shows the cart as it is now.
            let Buyer { app, shopper, .. } = buyer;
            let buyer = Buyer::of(app, shopper, locale).await?;
            let (path, form) = (payment.review(), payment.form());
            buyer
                .refuse(CheckoutStep::Review, &path, form, &problem)
                .await
        }
    }
}

/// Pays at once where a provider takes the money. Whether it went well the order's page says: the
/// order is there either way, and can be paid again. Where the buyer pays on a page of the provider's,
/// the order's page has a link to it, and is where they find it again. They are not led there at once:
/// the policy of the pages lets forms go to the shop alone (`form-action`), which Chromium holds redirects
/// of a form to as well, and the provider's address is the provider's to choose, so that it cannot be
/// allowed beforehand.
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

/// Pays an order once for each key, however often its form is sent.
pub(super) async fn pay_with(
    app: &App,
    order: &Order,
    request: PayOrder,
    key: &str,
    network: &Network,
) -> Result<payments::Paid, payments::Error> {
    let key = Key::new(&format!("pay:{}", order.number), key, &request)?;
    payments::pay(app, (&order.number, &order.token), request, &key, network).await
}

/// The order's page, for one who has just ordered.
fn thanks(locale: Locale, order: &Order) -> Response {
    Answer::see(&at_order(locale, order, "&thanks=1")).into_response()
}

fn at_order(locale: Locale, order: &Order, more: &str) -> String {
    let path = order_path(&order.number, &order.token);
    format!("{}{more}", locale.path(&path))
}
