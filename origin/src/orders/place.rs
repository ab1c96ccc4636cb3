//! Deciding about one cart: what it comes to, whether it can be had, and the order that it becomes.

use std::collections::HashMap;

use shared::{
    cart::{CouponRefusal, LineProblem, Missing, Totals},
    id::{CouponId, OrderId, VariantId},
    locale::Locale,
    money::{Currency, Money},
    order::{Order, OrderEvent, OrderLine, OrderState},
    time::Timestamp,
};

use crate::{
    cart::{self, Priced, Surroundings},
    checkout::Rules,
    inventory::{self, Hold, Movement, Shelf, Waiting},
    secret,
};

use super::{Error, Obstacle, desk::Placement, store::Stored, token::StoredToken};

/// What is the same for every order of a batch.
pub(super) struct Counter<'c> {
    pub(super) rules: &'c Rules,
    pub(super) currency: Currency,
    pub(super) now: Timestamp,
    pub(super) pay_within_ms: i64,
    pub(super) transfer_within_ms: i64,
}

/// An order as it is decided, with what it takes.
pub(super) struct Decided {
    pub(super) stored: Stored,
    pub(super) movements: Vec<Movement>,
    /// What was sold before it is there.
    pub(super) waiting: Vec<Waiting>,
    /// What was kept for the cart, if it was in checkout.
    pub(super) held: Option<Vec<Hold>>,
    pub(super) coupons: Vec<CouponId>,
}

impl Counter<'_> {
    /// Makes an order of a cart, and takes from `around` what it takes, so that the next one sees
    /// what is left.
    pub(super) fn decide(
        &self,
        id: OrderId,
        cart: &cart::Stored,
        placement: &Placement,
        around: &mut Surroundings,
    ) -> Result<Decided, Error> {
        let priced = cart::price(cart, around, self.rules, self.currency, self.now);
        let obstacles = obstacles(cart, &priced);
        if !obstacles.is_empty() {
            return Err(Error::Obstacles(obstacles));
        }
        let money = |minor| Money::new(minor, self.currency);
        let total = money(priced.sum.total);
        if placement.expected_total != total {
            return Err(Error::Changed {
                now: total,
                lines: changes(&priced),
            });
        }
        let (Some(email), Some(address), Some(method)) =
            (&cart.email, &cart.shipping_address, &cart.shipping_method)
        else {
            return Err(Error::Obstacles(Vec::new()));
        };
        let lines = self.lines(cart, &priced, placement.locale);
        let coupons: Vec<(CouponId, String)> = priced
            .coupons
            .iter()
            .flatten()
            .map(|coupon| (coupon.id, coupon.code.clone()))
            .collect();
        let totals = Totals {
            items: money(priced.sum.items),
            discount: money(priced.sum.discount),
            shipping: money(priced.sum.shipping),
            tax: money(priced.sum.tax),
            tax_included: self.rules.tax_included,
            total,
        };
        let wanted: Vec<(VariantId, i64, bool)> = cart
            .lines
            .iter()
            .zip(&priced.lines)
            .map(|(line, (offer, _))| {
                let counted = offer.is_some_and(|offer| offer.tracked);
                (line.variant, line.quantity, counted)
            })
            .collect();
        let pay_within_ms = match placement.payment_method.as_str() {
            "manual" => self.transfer_within_ms,
            _ => self.pay_within_ms,
        };
        let mut order = Order {
            number: secret::number(),
            token: secret::token(),
            state: OrderState::Pending,
            version: 1,
            lines,
            totals,
            paid: money(0),
            refunded: money(0),
            email: email.clone(),
            shipping_address: address.clone(),
            shipping_method: method.clone(),
            payment_method: placement.payment_method.clone(),
            coupons: coupons.iter().map(|(_, code)| code.clone()).collect(),
            note: cart.note.clone(),
            pay_until: Some(self.now.plus_millis(pay_within_ms)),
            created_at: self.now,
            history: vec![OrderEvent {
                state: OrderState::Pending,
                at: self.now,
            }],
        };
        let held = around.holds.remove(&cart.id).unwrap_or_default();
        inventory::release(&mut around.shelves, &held);
        let movements = take(id, &wanted, &mut around.shelves, &mut order.lines);
        let variants: Vec<VariantId> = cart.lines.iter().map(|line| line.variant).collect();
        let later = variants.iter().zip(&order.lines);
        let waiting = later
            .filter(|(_, line)| line.backordered > 0)
            .map(|(variant, line)| Waiting {
                variant: *variant,
                order: id,
                quantity: line.backordered,
            })
            .collect();
        for (coupon, code) in &coupons {
            if let Some(known) = around.coupons.get_mut(code) {
                known.used += 1;
            }
            *around.uses.entry((*coupon, email.clone())).or_default() += 1;
        }
        Ok(Decided {
            stored: Stored {
                id,
                order,
                token: StoredToken::default(),
                variants,
                cart: cart.id.get(),
                user: cart.user,
                locale: placement.locale,
            },
            movements,
            waiting,
            held: cart.hold.map(|_| held),
            coupons: coupons.into_iter().map(|(id, _)| id).collect(),
        })
    }

    fn lines(&self, cart: &cart::Stored, priced: &Priced<'_>, locale: Locale) -> Vec<OrderLine> {
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

/// Takes what is wanted off the shelves, the first location first. What is missing is noted as to
/// come later; whether that is allowed has been decided before.
fn take(
    order: OrderId,
    wanted: &[(VariantId, i64, bool)],
    shelves: &mut HashMap<VariantId, Vec<Shelf>>,
    lines: &mut [OrderLine],
) -> Vec<Movement> {
    let mut movements = Vec::with_capacity(wanted.len());
    for ((variant, quantity, counted), line) in wanted.iter().zip(lines) {
        if !counted {
            continue;
        }
        let mut left = *quantity;
        for shelf in shelves.entry(*variant).or_default() {
            let taken = left.min(shelf.available());
            if taken > 0 {
                shelf.on_hand -= taken;
                left -= taken;
                movements.push(Movement {
                    variant: *variant,
                    location: shelf.location,
                    delta: -taken,
                    reason: "sale",
                    order: Some(order),
                });
            }
        }
        line.backordered = left;
    }
    movements
}

/// What keeps a cart from being ordered.
fn obstacles(cart: &cart::Stored, priced: &Priced<'_>) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    let mut add = |field: String, why: String| obstacles.push(Obstacle { field, why });
    for missing in &priced.missing {
        let (field, why) = match missing {
            Missing::Lines => ("lines", "There is nothing in the cart."),
            Missing::Email => ("email", "An e-mail address is needed."),
            Missing::ShippingAddress => ("shipping_address", "An address is needed."),
            Missing::ShippingMethod => (
                "shipping_method",
                "A way to send it to this address is needed.",
            ),
        };
        add(field.to_owned(), why.to_owned());
    }
    for (offer, problems) in &priced.lines {
        let sku = offer.map_or("", |offer| offer.sku.as_str());
        for problem in problems {
            match problem {
                LineProblem::Gone => {
                    add(
                        format!("lines.{sku}"),
                        "It is not sold any more.".to_owned(),
                    );
                }
                LineProblem::Short { available } => add(
                    format!("lines.{sku}"),
                    format!("There are {available} left."),
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
                CouponRefusal::Unknown => "There is no such coupon.",
                CouponRefusal::NotYet => "It does not count yet.",
                CouponRefusal::Over => "It does not count any more.",
                CouponRefusal::BelowMinimum => "The cart does not come to what it asks for.",
                CouponRefusal::UsedUp => "It has been used as often as it may be.",
                CouponRefusal::NotTogether => "It cannot be used together with the other one.",
            };
            add(format!("coupons.{code}"), why.to_owned());
        }
    }
    obstacles
}

/// What has changed since the shopper put it in, in words.
fn changes(priced: &Priced<'_>) -> Vec<(String, String)> {
    let mut changes = Vec::new();
    for (offer, problems) in &priced.lines {
        let Some(offer) = offer else { continue };
        for problem in problems {
            if let LineProblem::PriceChanged { before } = problem {
                let (before, now) = (before.display(Locale::En), offer.price.display(Locale::En));
                let why = format!("It costs {now} now; it was {before}.");
                changes.push((format!("lines.{}", offer.sku), why));
            }
        }
    }
    changes
}
