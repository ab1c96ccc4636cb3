//! Decides whether one cart can be ordered, and builds the order.

use std::collections::{HashMap, HashSet};

use shared::{
    cart::{CouponRefusal, LineProblem, Missing, Totals},
    id::{CouponId, OrderId, UserId, VariantId},
    locale::Locale,
    money::{Currency, Money},
    order::{Order, OrderEvent, OrderLine, OrderState},
    time::Timestamp,
};

use crate::{
    cart::{self, PricedCart, PricingSnapshot},
    checkout::Rules,
    inventory::{
        self, Backorder, InventoryLevel, StockClaim, StockClaims, StockHold, StockMovement,
    },
    secret,
};

use super::{
    Error, Obstacle,
    batch::Placement,
    store::StoredOrder,
    token::StoredToken,
    unpaid_limits::{BuyerClaimants, UnpaidLimits},
};

/// The order decider: prices, rules and limits that are the same for every placement of a batch.
pub(super) struct OrderDecider<'c> {
    pub(super) rules: &'c Rules,
    pub(super) currency: Currency,
    pub(super) now: Timestamp,
    pub(super) pay_within_ms: i64,
    pub(super) transfer_within_ms: i64,
    pub(super) transfer_stranger_within_ms: i64,
    /// Whether bank-transfer orders reserve their stock only when they are paid.
    pub(super) transfer_reserves_when_paid: bool,
    pub(super) line_units_max: i64,
    pub(super) unpaid: UnpaidLimits,
    /// Accounts that have paid for an order before.
    pub(super) returning: HashSet<UserId>,
}

/// A decided order, with everything that has to be written with it.
pub(super) struct DecidedOrder {
    pub(super) stored: StoredOrder,
    pub(super) movements: Vec<StockMovement>,
    /// Units that were sold before they are in stock.
    pub(super) backorders: Vec<Backorder>,
    /// The holds of its cart, which end now; `None` if the cart was not in checkout.
    pub(super) held: Option<Vec<StockHold>>,
    pub(super) coupons: Vec<CouponId>,
    /// The claims that count against the buyer's limits until the order is paid.
    pub(super) claims: Vec<StockClaim>,
}

impl OrderDecider<'_> {
    /// Builds an order from a cart and subtracts what it takes from `snapshot` and `claims`, so
    /// that the next placement of the batch is decided on what is left.
    pub(super) fn decide(
        &self,
        id: OrderId,
        cart: &cart::StoredCart,
        placement: &Placement,
        (snapshot, claims): (&mut PricingSnapshot, &mut StockClaims),
    ) -> Result<DecidedOrder, Error> {
        let priced = cart::price(cart, snapshot, self.rules, self.currency, self.now);
        let obstacles = self.obstacles(cart, &priced);
        if !obstacles.is_empty() {
            return Err(Error::Obstacles(obstacles));
        }
        let total = Money::new(priced.sum.total, self.currency);
        if placement.expected_total != total {
            return Err(Error::TotalChanged {
                now: total,
                lines: changes(&priced),
            });
        }
        let (mut order, buyer) = self
            .order(cart, placement, &priced)
            .zip(BuyerClaimants::from_cart(cart, placement))
            .ok_or_else(|| Error::Obstacles(Vec::new()))?;
        let units = cart.lines.iter().map(|line| line.quantity).sum();
        let size = (units, priced.sum.total);
        let excess = self.unpaid.excess(&buyer, claims, size, self.currency);
        if !excess.is_empty() {
            return Err(Error::TooMuchUnpaid(excess));
        }
        let reserved = !(self.transfer_reserves_when_paid && is_transfer(placement));
        let quantities = match reserved {
            true => line_quantities(cart, &priced),
            false => Vec::new(),
        };
        let coupons = coupons(&priced);
        let held = snapshot.holds.remove(&cart.id).unwrap_or_default();
        inventory::release(&mut snapshot.levels, &held);
        let (movements, backorders) =
            take_stock(id, &quantities, &mut snapshot.levels, &mut order.lines);
        for (coupon, code) in &coupons {
            if let Some(known) = snapshot.coupons.get_mut(code) {
                known.used += 1;
            }
            let customer = (*coupon, order.email.clone());
            *snapshot.uses.entry(customer).or_default() += 1;
        }
        Ok(DecidedOrder {
            stored: StoredOrder {
                id,
                order,
                token: StoredToken::default(),
                variants: cart.lines.iter().map(|line| line.variant).collect(),
                cart: cart.id.get(),
                user: cart.user,
                locale: placement.locale,
                reserved,
            },
            movements,
            backorders,
            held: cart.hold.map(|_| held),
            coupons: coupons.into_iter().map(|(id, _)| id).collect(),
            claims: buyer.claim(claims, id, size),
        })
    }

    /// Builds the order, or returns `None` while a required field is missing.
    fn order(
        &self,
        cart: &cart::StoredCart,
        placement: &Placement,
        priced: &PricedCart<'_>,
    ) -> Option<Order> {
        let money = |minor| Money::new(minor, self.currency);
        let totals = Totals {
            items: money(priced.sum.items),
            discount: money(priced.sum.discount),
            shipping: money(priced.sum.shipping),
            tax: money(priced.sum.tax),
            tax_included: self.rules.tax_included,
            total: money(priced.sum.total),
        };
        let pay_within_ms = self.pay_within_ms(cart, placement);
        Some(Order {
            number: secret::number(),
            token: secret::token(),
            state: OrderState::Pending,
            version: 1,
            lines: self.lines(cart, priced, placement.locale),
            totals,
            paid: money(0),
            refunded: money(0),
            email: cart.email.clone()?,
            shipping_address: cart.shipping_address.clone()?,
            shipping_method: cart.shipping_method.clone()?,
            payment_method: placement.payment_method.clone(),
            coupons: coupons(priced).into_iter().map(|(_, code)| code).collect(),
            note: cart.note.clone(),
            pay_until: Some(self.now.plus_millis(pay_within_ms)),
            created_at: self.now,
            history: vec![OrderEvent {
                state: OrderState::Pending,
                at: self.now,
            }],
        })
    }

    /// The time to pay. Bank transfers take days; accounts that never paid before get less time.
    fn pay_within_ms(&self, cart: &cart::StoredCart, placement: &Placement) -> i64 {
        let is_returning = cart.user.is_some_and(|user| self.returning.contains(&user));
        match (is_transfer(placement), is_returning) {
            (false, _) => self.pay_within_ms,
            (true, true) => self.transfer_within_ms,
            (true, false) => self
                .transfer_within_ms
                .min(self.transfer_stranger_within_ms),
        }
    }

    /// Lists what prevents the order, including the limit of units per line.
    fn obstacles(&self, cart: &cart::StoredCart, priced: &PricedCart<'_>) -> Vec<Obstacle> {
        let mut obstacles = obstacles(cart, priced);
        for (line, (offer, _)) in cart.lines.iter().zip(&priced.lines) {
            if line.quantity > self.line_units_max {
                obstacles.push(Obstacle {
                    field: format!("lines.{}", offer.map_or("", |offer| &offer.sku)),
                    why: format!(
                        "At most {} units of one item may be ordered at once.",
                        self.line_units_max
                    ),
                    may_be_own_order: false,
                });
            }
        }
        obstacles
    }

    fn lines(
        &self,
        cart: &cart::StoredCart,
        priced: &PricedCart<'_>,
        locale: Locale,
    ) -> Vec<OrderLine> {
        let money = |minor| Money::new(minor, self.currency);
        let lines = cart.lines.iter().zip(&priced.lines).zip(&priced.sum.lines);
        lines
            .filter_map(|((line, (offer, _)), sum)| {
                let offer = (*offer)?;
                Some(OrderLine {
                    sku: offer.sku.clone(),
                    name: offer.name(locale),
                    options: offer.choices(locale),
                    quantity: line.quantity,
                    backordered: 0,
                    returned: 0,
                    price: offer.price,
                    discount: money(sum.discount),
                    tax: money(sum.tax),
                    total: money(sum.total),
                })
            })
            .collect()
    }
}

/// Whether the order is paid by bank transfer, which the shop records by hand.
fn is_transfer(placement: &Placement) -> bool {
    placement.payment_method == "manual"
}

/// The coupons of the cart that exist, with their codes.
fn coupons(priced: &PricedCart<'_>) -> Vec<(CouponId, String)> {
    let coupons = priced.coupons.iter().flatten();
    coupons.map(|it| (it.id, it.code.clone())).collect()
}

/// The quantity of each line, and whether its stock is tracked.
fn line_quantities(
    cart: &cart::StoredCart,
    priced: &PricedCart<'_>,
) -> Vec<(VariantId, i64, bool)> {
    let lines = cart.lines.iter().zip(&priced.lines);
    lines
        .map(|(line, (offer, _))| {
            let tracked = offer.is_some_and(|offer| offer.tracked);
            (line.variant, line.quantity, tracked)
        })
        .collect()
}

/// Takes the quantities from the levels, the first location first. What is missing becomes a
/// backorder; `obstacles` has already checked that the variant allows it.
pub(super) fn take_stock(
    order: OrderId,
    quantities: &[(VariantId, i64, bool)],
    levels: &mut HashMap<VariantId, Vec<InventoryLevel>>,
    lines: &mut [OrderLine],
) -> (Vec<StockMovement>, Vec<Backorder>) {
    let mut movements = Vec::with_capacity(quantities.len());
    let mut backorders = Vec::new();
    for ((variant, quantity, tracked), line) in quantities.iter().zip(lines) {
        if !tracked {
            continue;
        }
        let mut missing = *quantity;
        for level in levels.entry(*variant).or_default() {
            let taken = missing.min(level.available());
            if taken > 0 {
                level.on_hand -= taken;
                missing -= taken;
                movements.push(StockMovement {
                    variant: *variant,
                    location: level.location,
                    delta: -taken,
                    reason: "sale",
                    order: Some(order),
                });
            }
        }
        line.backordered = missing;
        if missing > 0 {
            backorders.push(Backorder {
                variant: *variant,
                order,
                quantity: missing,
            });
        }
    }
    (movements, backorders)
}

/// Lists what prevents the cart from being ordered.
fn obstacles(cart: &cart::StoredCart, priced: &PricedCart<'_>) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    let mut add = |field: String, why: String, may_be_own_order: bool| {
        obstacles.push(Obstacle {
            field,
            why,
            may_be_own_order,
        });
    };
    for missing in &priced.missing {
        let (field, why) = match missing {
            Missing::Lines => ("lines", "The cart is empty."),
            Missing::Email => ("email", "email is required."),
            Missing::ShippingAddress => ("shipping_address", "shipping_address is required."),
            Missing::ShippingMethod => (
                "shipping_method",
                "shipping_method is required: choose one that ships to this address.",
            ),
        };
        add(field.to_owned(), why.to_owned(), false);
    }
    for (offer, problems) in &priced.lines {
        let sku = offer.map_or("", |offer| offer.sku.as_str());
        for problem in problems {
            match problem {
                LineProblem::Gone => {
                    let why = "The item is no longer available.".to_owned();
                    add(format!("lines.{sku}"), why, false);
                }
                LineProblem::Short { available } => add(
                    format!("lines.{sku}"),
                    format!("Only {available} units are left."),
                    true,
                ),
                LineProblem::PriceChanged { .. } => {}
            }
        }
    }
    let mut effects = priced.sum.coupons.iter();
    for (code, coupon) in cart.coupons.iter().zip(&priced.coupons) {
        let refused = match coupon {
            Some(_) => effects.next().and_then(|(_, refused)| *refused),
            None => Some(CouponRefusal::Unknown),
        };
        if let Some(refused) = refused {
            let why = match refused {
                CouponRefusal::Unknown => "No coupon has this code.",
                CouponRefusal::NotYet => "The coupon is not valid yet.",
                CouponRefusal::Over => "The coupon has expired.",
                CouponRefusal::BelowMinimum => "The cart does not reach the coupon's minimum.",
                CouponRefusal::UsedUp => "The coupon has reached its usage limit.",
                CouponRefusal::NotTogether => "The coupon cannot be combined with the other one.",
            };
            let own = refused == CouponRefusal::UsedUp;
            add(format!("coupons.{code}"), why.to_owned(), own);
        }
    }
    obstacles
}

/// Describes the prices that have changed since the lines were added to the cart.
fn changes(priced: &PricedCart<'_>) -> Vec<(String, String)> {
    let mut changes = Vec::new();
    for (offer, problems) in &priced.lines {
        let Some(offer) = offer else { continue };
        for problem in problems {
            if let LineProblem::PriceChanged { before } = problem {
                let (before, now) = (before.display(Locale::En), offer.price.display(Locale::En));
                let why = format!("The price is now {now}; it was {before}.");
                changes.push((format!("lines.{}", offer.sku), why));
            }
        }
    }
    changes
}
