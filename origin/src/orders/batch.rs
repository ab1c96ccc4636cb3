//! Group commit of new orders: requests that arrive at the same time are decided in the order of
//! their arrival and written in one transaction.

use std::collections::{HashMap, HashSet};

use shared::{
    cart::PlaceOrder,
    id::{CartId, CouponId, OrderId, UserId, VariantId},
    locale::Locale,
    money::Money,
    order::Order,
    time::Timestamp,
};

use crate::{
    batcher, cart, catalog, coupons, crash,
    db::{self, Tx},
    inventory::{self, InventoryLevel, StockClaims, StockMovements},
    limits::Network,
    outbox,
    platform::Platform,
};

use super::{
    Error, Orders,
    decider::{DecidedOrder, OrderDecider},
    idempotency,
    idempotency::IdempotencyKey,
    replace_unpaid::replace_unpaid,
    store,
    token::with_token,
    unpaid_limits::{BuyerClaimants, UnpaidLimits},
};

/// A request to place an order, as a job of a batch.
#[derive(Clone, Debug)]
pub struct Placement {
    pub(super) cart: String,
    pub(super) expected_total: Money,
    pub(super) payment_method: String,
    pub(super) locale: Locale,
    pub(super) key: Option<IdempotencyKey>,
    /// The client's network, if known.
    pub(super) network: Network,
}

/// The outcome of placing an order.
#[derive(Clone, Debug)]
pub enum PlaceOrderOutcome {
    /// A new order.
    New(Box<Order>),
    /// The cart had become this order before.
    Existing(Box<Order>),
    /// The stored response of an earlier request with the same idempotency key: status and body.
    Replayed(u16, String),
}

/// Turns a cart into an order.
pub async fn place_order(
    orders: &Orders,
    cart: &str,
    request: PlaceOrder,
    key: Option<IdempotencyKey>,
    network: Network,
) -> Result<PlaceOrderOutcome, Error> {
    let methods = &orders.config.payment_methods;
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
        let orders = orders.clone();
        async move { commit_batch(&orders, placements).await }
    };
    orders.batcher.submit(placement, work).await?
}

pub(super) type PlaceOrderResult = Result<PlaceOrderOutcome, Error>;

/// The decision about one placement.
pub(super) struct PlacementDecision {
    pub(super) answer: PlaceOrderResult,
    /// If it was refused: the unpaid orders of the same buyer, the oldest first.
    pub(super) unpaid: Vec<OrderId>,
}

impl From<PlaceOrderResult> for PlacementDecision {
    fn from(answer: PlaceOrderResult) -> Self {
        let unpaid = Vec::new();
        Self { answer, unpaid }
    }
}

async fn commit_batch(orders: &Orders, placements: Vec<Placement>) -> Vec<PlaceOrderResult> {
    let committed = batcher::commit_batch(
        &placements,
        || try_commit(orders, &placements),
        Error::is_conflict,
    )
    .await;
    let decisions = match committed {
        Ok(decisions) => decisions,
        Err(failed) => return failed,
    };
    let mut answers = Vec::with_capacity(decisions.len());
    for (placement, decision) in placements.iter().zip(decisions) {
        let answer = replace_unpaid(orders, placement, decision).await;
        match &answer {
            Ok(PlaceOrderOutcome::New(_)) => orders.metrics.business.order(true),
            Ok(_) => {}
            Err(_) => orders.metrics.business.order(false),
        }
        answers.push(answer);
    }
    answers
}

async fn try_commit(
    orders: &Orders,
    placements: &[Placement],
) -> Result<Vec<PlacementDecision>, Error> {
    let mut tx = orders.db.write().await?;
    crash::at("order.begun");
    let decisions = place_in_transaction(orders, &mut tx, placements).await?;
    crash::at("order.written");
    tx.commit().await?;
    crash::at("order.committed");
    Ok(decisions)
}

/// Decides about all placements and writes the orders in this transaction.
pub(super) async fn place_in_transaction(
    orders: &Orders,
    tx: &mut Tx,
    placements: &[Placement],
) -> Result<Vec<PlacementDecision>, Error> {
    let now = orders.clock.now();
    let lock = tx.dialect().for_update();
    let keys: Vec<&IdempotencyKey> = placements.iter().filter_map(|it| it.key.as_ref()).collect();
    let replays = idempotency::find(tx, &keys).await?;
    let mut tokens: Vec<&str> = placements.iter().map(|it| it.cart.as_str()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let carts = cart::list_by_token(tx.conn(), &tokens, lock).await?;
    let open = carts.values().filter(|cart| cart.order.is_none());
    let mut snapshot =
        cart::load_pricing_snapshot(tx.conn(), &orders.presentations, open, &[], lock).await?;
    let levels = snapshot.levels.clone();
    let mut claims = list_buyer_claims(tx, &carts, placements).await?;
    crash::at("order.read");
    let decider = order_decider(orders, tx, &carts, placements).await?;
    let mut batch = OrderBatch::default();
    let mut decisions = Vec::with_capacity(placements.len());
    for placement in placements {
        if let Some(key) = &placement.key
            && let Some(answer) = replays.get(&(key.scope.clone(), key.key.clone()))
        {
            decisions.push(replay(orders, key, answer).into());
            continue;
        }
        let Some(cart) = carts.get(&placement.cart) else {
            decisions.push(Err(cart::Error::NoSuchCart.into()).into());
            continue;
        };
        if let Some(order) = batch.orders.get(&cart.id.get()) {
            decisions.push(batch.same_cart(*order, placement).into());
            continue;
        }
        if cart.order.is_some() {
            let stored = store::find_by_cart(tx.conn(), cart.id.get()).await?;
            let stored = stored.ok_or(Error::NoSuchOrder)?;
            decisions.push(
                Ok(PlaceOrderOutcome::Existing(Box::new(with_token(
                    orders, stored,
                ))))
                .into(),
            );
            continue;
        }
        let id = OrderId::new(orders.ids.next(now));
        let state = (&mut snapshot, &mut claims);
        decisions.push(match decider.decide(id, cart, placement, state) {
            Ok(decided) => Ok(batch.add(decided, placement)?).into(),
            Err(error) => PlacementDecision {
                answer: Err(error),
                unpaid: BuyerClaimants::from_cart(cart, placement)
                    .map_or_else(Vec::new, |buyer| buyer.unpaid(cart, &claims)),
            },
        });
    }
    crash::at("order.decided");
    if !batch.decided.is_empty() {
        batch.write(orders, tx, &levels, now).await?;
    }
    Ok(decisions)
}

/// Reads the claims of the carts' buyers. They are locked after the stock rows, in the same order
/// as when an order is closed, so that the two cannot deadlock.
async fn list_buyer_claims(
    tx: &mut Tx,
    carts: &HashMap<String, cart::StoredCart>,
    placements: &[Placement],
) -> Result<StockClaims, db::Error> {
    let buyers = placements.iter().filter_map(|placement| {
        let cart = carts.get(&placement.cart)?;
        cart.order
            .is_none()
            .then(|| BuyerClaimants::from_cart(cart, placement))?
    });
    let claimants = buyers.flat_map(BuyerClaimants::claimants).collect();
    let lock = tx.dialect().for_update();
    inventory::list_claims(tx.conn(), claimants, lock).await
}

async fn order_decider<'a>(
    orders: &'a Orders,
    tx: &mut Tx,
    carts: &HashMap<String, cart::StoredCart>,
    placements: &[Placement],
) -> Result<OrderDecider<'a>, db::Error> {
    let config = &orders.config;
    let transfers = placements.iter().filter(|it| it.payment_method == "manual");
    let mut users: Vec<UserId> = transfers
        .filter_map(|it| carts.get(&it.cart)?.user)
        .collect();
    users.sort_unstable();
    users.dedup();
    Ok(OrderDecider {
        rules: &orders.rules,
        currency: config.currency,
        now: orders.clock.now(),
        pay_within_ms: config.pay_within_ms,
        transfer_within_ms: config.transfer_within_ms,
        transfer_stranger_within_ms: config.buying.transfer_stranger_within_ms,
        transfer_reserves_when_paid: config.buying.transfer_takes_stock_when_paid,
        line_units_max: config.buying.limit_line_units,
        unpaid: UnpaidLimits::from_config(config),
        returning: store::list_paying_accounts(tx.conn(), &users).await?,
    })
}

fn replay(
    platform: &Platform,
    key: &IdempotencyKey,
    answer: &idempotency::StoredResponse,
) -> PlaceOrderResult {
    if answer.fingerprint != key.fingerprint {
        return Err(Error::KeyMismatch);
    }
    let body = idempotency::open_body(&platform.sealer, key, &answer.body)?;
    Ok(PlaceOrderOutcome::Replayed(answer.status, body))
}

/// The writes of a batch.
#[derive(Default)]
struct OrderBatch {
    decided: Vec<DecidedOrder>,
    /// The index into `decided`, by cart id.
    orders: HashMap<i64, usize>,
    responses: Vec<(IdempotencyKey, u16, String)>,
    keys: HashSet<(String, String)>,
}

/// The status of a response with a new order.
pub(super) const CREATED: u16 = 201;

impl OrderBatch {
    fn add(
        &mut self,
        decided: DecidedOrder,
        placement: &Placement,
    ) -> Result<PlaceOrderOutcome, Error> {
        let order = decided.stored.order.clone();
        self.orders.insert(decided.stored.cart, self.decided.len());
        self.decided.push(decided);
        self.save_response(placement, &order)?;
        Ok(PlaceOrderOutcome::New(Box::new(order)))
    }

    /// Answers a second placement of a cart that this batch has ordered already.
    fn same_cart(&self, index: usize, placement: &Placement) -> PlaceOrderResult {
        let order = self.decided[index].stored.order.clone();
        if let Some(key) = &placement.key {
            let known = self
                .responses
                .iter()
                .find(|(other, ..)| other.scope == key.scope && other.key == key.key);
            if let Some((other, status, body)) = known {
                if other.fingerprint != key.fingerprint {
                    return Err(Error::KeyMismatch);
                }
                return Ok(PlaceOrderOutcome::Replayed(*status, body.clone()));
            }
        }
        Ok(PlaceOrderOutcome::Existing(Box::new(order)))
    }

    fn save_response(&mut self, placement: &Placement, order: &Order) -> Result<(), Error> {
        if let Some(key) = &placement.key
            && self.keys.insert((key.scope.clone(), key.key.clone()))
        {
            let body = serde_json::to_string(order)?;
            self.responses.push((key.clone(), CREATED, body));
        }
        Ok(())
    }

    async fn write(
        self,
        platform: &Platform,
        tx: &mut Tx,
        levels: &HashMap<VariantId, Vec<InventoryLevel>>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut stored = Vec::with_capacity(self.decided.len());
        let mut moves = StockMovements::default();
        let (mut uses, mut messages, mut claims) = (Vec::new(), Vec::new(), Vec::new());
        for decided in self.decided {
            let (id, order) = (decided.stored.id, &decided.stored.order);
            let cart = CartId::new(decided.stored.cart);
            moves.movements.extend(decided.movements);
            moves.backorders.extend(decided.backorders);
            claims.extend(decided.claims);
            let held = decided.held.map(|held| (cart, held, Vec::new()));
            moves.holds.extend(held);
            uses.extend(
                decided
                    .coupons
                    .into_iter()
                    .map(|coupon: CouponId| (coupon, id, order.email.clone())),
            );
            messages.push(outbox::OutboxMessage::order_placed(id, &order.number));
            stored.push(decided.stored);
        }
        store::add(tx, &platform.sealer, &stored).await?;
        crash::at("order.inserted");
        let moved = inventory::move_stock(tx, platform.context(), levels, &moves).await?;
        crash::at("order.moved");
        catalog::update_availability(tx, &moved.availability_changed, platform.context()).await?;
        inventory::add_claims(tx, &claims).await?;
        coupons::redeem(tx, now, &uses).await?;
        let held: Vec<CartId> = moves.holds.iter().map(|(cart, ..)| *cart).collect();
        cart::end_holds(tx, now, &held).await?;
        let held: Vec<i64> = held.iter().map(|cart| cart.get()).collect();
        inventory::delete_claims(tx, &held).await?;
        crash::at("order.claimed");
        outbox::add(tx, &platform.ids, now, &messages).await?;
        crash::at("order.queued");
        let mut responses = Vec::with_capacity(self.responses.len());
        for (key, status, body) in &self.responses {
            responses.push((
                key,
                *status,
                idempotency::seal_body(&platform.sealer, key, body)?,
            ));
        }
        Ok(idempotency::save(tx, now, &responses).await?)
    }
}
