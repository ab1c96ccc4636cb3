//! The order desk: orders that arrive together are decided in the order of their arrival and written
//! in one transaction.

use std::collections::{HashMap, HashSet};

use shared::{
    cart::PlaceOrder,
    id::{CartId, CouponId, OrderId, UserId, VariantId},
    locale::Locale,
    money::Money,
    order::Order,
    problem::Problem,
    time::Timestamp,
};

use crate::{
    app::App,
    cart, catalog, coupons, crash,
    db::{self, Tx},
    inventory::{self, Claims, Moves, Shelf},
    limits::Network,
    outbox,
};

use super::{
    Error, idempotency,
    idempotency::Key,
    place::{Counter, Decided},
    store,
    take_over::take_over,
    token::with_token,
    unpaid::{Buyer, UnpaidLimits},
};

/// An order on its way to the desk.
#[derive(Clone, Debug)]
pub struct Placement {
    pub(super) cart: String,
    pub(super) expected_total: Money,
    pub(super) payment_method: String,
    pub(super) locale: Locale,
    pub(super) key: Option<Key>,
    /// The network that it comes from, where that is known.
    pub(super) network: Network,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Placed {
    /// It is new.
    New(Box<Order>),
    /// The cart had become this order before.
    Before(Box<Order>),
    /// The request was answered before, with this.
    Replayed(u16, String),
}

/// Makes a cart an order.
pub async fn place(
    app: &App,
    cart: &str,
    request: PlaceOrder,
    key: Option<Key>,
    network: Network,
) -> Result<Placed, Error> {
    let methods = &app.config.payment_methods;
    if !methods.contains(&request.payment_method) {
        let why = format!("payment_method must be one of: {}.", methods.join(", "));
        return Err(Error::invalid("payment_method", why));
    }
    let placement = Placement {
        cart: cart.to_owned(),
        expected_total: request.expected_total,
        payment_method: request.payment_method,
        locale: request.locale,
        key,
        network,
    };
    let work = |placements| {
        let app = app.clone();
        async move { together(&app, placements).await }
    };
    app.desks.orders.ask(placement, work).await?
}

pub(super) type Answered = Result<Placed, Error>;

/// What a batch says of a placement.
pub(super) struct Outcome {
    pub(super) answer: Answered,
    /// The buyer's other orders that are not paid, the oldest first, where the answer is a refusal.
    pub(super) unpaid: Vec<OrderId>,
}

impl From<Answered> for Outcome {
    fn from(answer: Answered) -> Self {
        let unpaid = Vec::new();
        Self { answer, unpaid }
    }
}

async fn together(app: &App, placements: Vec<Placement>) -> Vec<Answered> {
    let outcomes =
        match db::retry_on_conflict(|| in_one(app, &placements), Error::is_conflict).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                let problem = Box::new(Problem::from(error));
                return placements
                    .iter()
                    .map(|_| Err(Error::NotWritten(problem.clone())))
                    .collect();
            }
        };
    let mut answers = Vec::with_capacity(outcomes.len());
    for (placement, outcome) in placements.iter().zip(outcomes) {
        let answer = take_over(app, placement, outcome).await;
        match &answer {
            Ok(Placed::New(_)) => app.metrics.business.order(true),
            Ok(_) => {}
            Err(_) => app.metrics.business.order(false),
        }
        answers.push(answer);
    }
    answers
}

async fn in_one(app: &App, placements: &[Placement]) -> Result<Vec<Outcome>, Error> {
    let mut tx = app.db.write().await?;
    crash::at("order.begun");
    let outcomes = place_in(app, &mut tx, placements).await?;
    crash::at("order.written");
    tx.commit().await?;
    crash::at("order.committed");
    Ok(outcomes)
}

/// Decides and writes in this transaction.
pub(super) async fn place_in(
    app: &App,
    tx: &mut Tx,
    placements: &[Placement],
) -> Result<Vec<Outcome>, Error> {
    let now = app.clock.now();
    let lock = tx.dialect().for_update();
    let keys: Vec<&Key> = placements.iter().filter_map(|it| it.key.as_ref()).collect();
    let replays = idempotency::find(tx, &keys).await?;
    let mut tokens: Vec<&str> = placements.iter().map(|it| it.cart.as_str()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let carts = cart::load(tx.conn(), &tokens, lock).await?;
    let open = carts.values().filter(|cart| cart.order.is_none());
    let mut around = cart::surroundings(tx.conn(), &app.showcase, open, &[], lock).await?;
    let levels = around.shelves.clone();
    let mut claims = buyers_claims(tx, &carts, placements).await?;
    crash::at("order.read");
    let counter = counter(app, tx, &carts, placements).await?;
    let mut batch = Batch::default();
    let mut outcomes = Vec::with_capacity(placements.len());
    for placement in placements {
        if let Some(key) = &placement.key
            && let Some(answer) = replays.get(&(key.scope.clone(), key.key.clone()))
        {
            outcomes.push(replay(app, key, answer).into());
            continue;
        }
        let Some(cart) = carts.get(&placement.cart) else {
            outcomes.push(Err(cart::Error::NoSuchCart.into()).into());
            continue;
        };
        if let Some(order) = batch.orders.get(&cart.id.get()) {
            outcomes.push(batch.again(*order, placement).into());
            continue;
        }
        if cart.order.is_some() {
            let stored = store::find_by_cart(tx.conn(), cart.id.get()).await?;
            let stored = stored.ok_or(Error::NoSuchOrder)?;
            outcomes.push(Ok(Placed::Before(Box::new(with_token(app, stored)))).into());
            continue;
        }
        let id = OrderId::new(app.ids.next(now));
        let known = (&mut around, &mut claims);
        outcomes.push(match counter.decide(id, cart, placement, known) {
            Ok(decided) => Ok(batch.add(decided, placement)?).into(),
            Err(error) => Outcome {
                answer: Err(error),
                unpaid: Buyer::of(cart, placement)
                    .map_or_else(Vec::new, |buyer| buyer.unpaid(cart, &claims)),
            },
        });
    }
    crash::at("order.decided");
    if !batch.decided.is_empty() {
        batch.write(app, tx, &levels, now).await?;
    }
    Ok(outcomes)
}

/// What the buyers of these carts have ordered and not paid. Locked after the stock, as whoever gives up
/// an order does it.
async fn buyers_claims(
    tx: &mut Tx,
    carts: &HashMap<String, cart::Stored>,
    placements: &[Placement],
) -> Result<Claims, db::Error> {
    let buyers = placements.iter().filter_map(|placement| {
        let cart = carts.get(&placement.cart)?;
        cart.order.is_none().then(|| Buyer::of(cart, placement))?
    });
    let claimants = buyers.flat_map(Buyer::claimants).collect();
    let lock = tx.dialect().for_update();
    inventory::claims(tx.conn(), claimants, lock).await
}

async fn counter<'a>(
    app: &'a App,
    tx: &mut Tx,
    carts: &HashMap<String, cart::Stored>,
    placements: &[Placement],
) -> Result<Counter<'a>, db::Error> {
    let config = &app.config;
    let transfers = placements.iter().filter(|it| it.payment_method == "manual");
    let mut users: Vec<UserId> = transfers
        .filter_map(|it| carts.get(&it.cart)?.user)
        .collect();
    users.sort_unstable();
    users.dedup();
    Ok(Counter {
        rules: &app.rules,
        currency: config.currency,
        now: app.clock.now(),
        pay_within_ms: config.pay_within_ms,
        transfer_within_ms: config.transfer_within_ms,
        transfer_stranger_within_ms: config.buying.transfer_stranger_within_ms,
        transfer_takes_later: config.buying.transfer_takes_stock_when_paid,
        line_units_max: config.buying.limit_line_units,
        unpaid: UnpaidLimits::of(config),
        known: store::who_have_paid(tx.conn(), &users).await?,
    })
}

fn replay(app: &App, key: &Key, answer: &idempotency::Replayed) -> Answered {
    if answer.fingerprint != key.fingerprint {
        return Err(Error::KeyMismatch);
    }
    let body = idempotency::open_body(&app.sealer, key, &answer.body)?;
    Ok(Placed::Replayed(answer.status, body))
}

/// What a batch writes.
#[derive(Default)]
struct Batch {
    decided: Vec<Decided>,
    /// Where the order of a cart is among those decided.
    orders: HashMap<i64, usize>,
    kept: Vec<(Key, u16, String)>,
    keys: HashSet<(String, String)>,
}

/// The status of a new order.
pub(super) const CREATED: u16 = 201;

impl Batch {
    fn add(&mut self, decided: Decided, placement: &Placement) -> Result<Placed, Error> {
        let order = decided.stored.order.clone();
        self.orders.insert(decided.stored.cart, self.decided.len());
        self.decided.push(decided);
        self.keep(placement, &order)?;
        Ok(Placed::New(Box::new(order)))
    }

    /// The same cart again in the same batch.
    fn again(&self, place: usize, placement: &Placement) -> Answered {
        let order = self.decided[place].stored.order.clone();
        if let Some(key) = &placement.key {
            let known = self
                .kept
                .iter()
                .find(|(kept, ..)| kept.scope == key.scope && kept.key == key.key);
            if let Some((kept, status, body)) = known {
                if kept.fingerprint != key.fingerprint {
                    return Err(Error::KeyMismatch);
                }
                return Ok(Placed::Replayed(*status, body.clone()));
            }
        }
        Ok(Placed::Before(Box::new(order)))
    }

    fn keep(&mut self, placement: &Placement, order: &Order) -> Result<(), Error> {
        if let Some(key) = &placement.key
            && self.keys.insert((key.scope.clone(), key.key.clone()))
        {
            let body = serde_json::to_string(order)?;
            self.kept.push((key.clone(), CREATED, body));
        }
        Ok(())
    }

    async fn write(
        self,
        app: &App,
        tx: &mut Tx,
        levels: &HashMap<VariantId, Vec<Shelf>>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut stored = Vec::with_capacity(self.decided.len());
        let mut moves = Moves::default();
        let (mut uses, mut messages, mut claims) = (Vec::new(), Vec::new(), Vec::new());
        for decided in self.decided {
            let (id, order) = (decided.stored.id, &decided.stored.order);
            let cart = CartId::new(decided.stored.cart);
            moves.movements.extend(decided.movements);
            moves.waiting.extend(decided.waiting);
            claims.extend(decided.claims);
            let held = decided.held.map(|held| (cart, held, Vec::new()));
            moves.holds.extend(held);
            uses.extend(
                decided
                    .coupons
                    .into_iter()
                    .map(|coupon: CouponId| (coupon, id, order.email.clone())),
            );
            messages.push(outbox::Message::order_placed(id, &order.number));
            stored.push(decided.stored);
        }
        store::insert(tx, &app.sealer, &stored).await?;
        crash::at("order.inserted");
        let moved = inventory::move_stock(tx, app.context(), levels, &moves).await?;
        crash::at("order.moved");
        catalog::stock_changed(tx, &moved.told, app.context()).await?;
        inventory::add_claims(tx, &claims).await?;
        coupons::redeem(tx, now, &uses).await?;
        let held: Vec<CartId> = moves.holds.iter().map(|(cart, ..)| *cart).collect();
        cart::end_holds(tx, now, &held).await?;
        let held: Vec<i64> = held.iter().map(|cart| cart.get()).collect();
        inventory::end_claims(tx, &held).await?;
        crash::at("order.marked");
        outbox::put(tx, &app.ids, now, &messages).await?;
        crash::at("order.told");
        let mut kept = Vec::with_capacity(self.kept.len());
        for (key, status, body) in &self.kept {
            kept.push((
                key,
                *status,
                idempotency::seal_body(&app.sealer, key, body)?,
            ));
        }
        Ok(idempotency::keep(tx, now, &kept).await?)
    }
}
