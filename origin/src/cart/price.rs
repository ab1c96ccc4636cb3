//! Pricing a cart at current prices, and the problems of its lines.

use shared::{
    cart::{LineProblem, Missing},
    money::{Currency, Money},
    time::Timestamp,
};

use crate::{
    catalog::Offer,
    checkout::{Coupon, Parcel, Rules, Sum, SumLine, sum},
};

use super::{PricingSnapshot, StoredCart};

/// A cart at current prices.
#[derive(Debug)]
pub struct PricedCart<'s> {
    /// The totals; its lines correspond to those of the cart.
    pub sum: Sum,
    /// The offer of each line, with the line's problems.
    pub lines: Vec<(Option<&'s Offer>, Vec<LineProblem>)>,
    /// The coupons of the cart, in its order; `None` for an unknown code.
    pub coupons: Vec<Option<Coupon>>,
    /// Required fields that are missing.
    pub missing: Vec<Missing>,
    /// Weight and value, for the shipping rules.
    pub parcel: Parcel,
}

/// Prices a cart.
pub fn price<'s>(
    cart: &StoredCart,
    snapshot: &'s PricingSnapshot,
    rules: &Rules,
    currency: Currency,
    now: Timestamp,
) -> PricedCart<'s> {
    let mut lines = Vec::with_capacity(cart.lines.len());
    let mut priced = Vec::with_capacity(cart.lines.len());
    let mut weight_g = 0_i64;
    for line in &cart.lines {
        let offer = snapshot.offers.get(&line.variant);
        let sold = offer.filter(|offer| offer.active && offer.price.currency == currency);
        let mut problems = Vec::new();
        let Some(offer) = sold else {
            problems.push(LineProblem::Gone);
            lines.push((offer, problems));
            // A discontinued line costs nothing but keeps its index.
            priced.push(SumLine {
                price: line.price_minor,
                quantity: 0,
            });
            continue;
        };
        if offer.price.minor != line.price_minor {
            let before = Money::new(line.price_minor, currency);
            problems.push(LineProblem::PriceChanged { before });
        }
        if let Some(available) = snapshot.available(&[cart.id], offer)
            && available < line.quantity
        {
            problems.push(LineProblem::Short { available });
        }
        weight_g = weight_g.saturating_add(offer.weight_g.saturating_mul(line.quantity));
        priced.push(SumLine {
            price: offer.price.minor,
            quantity: line.quantity,
        });
        lines.push((Some(offer), problems));
    }
    let coupons: Vec<Option<Coupon>> = cart
        .coupons
        .iter()
        .map(|code| snapshot.coupon(code, cart.email.as_deref()))
        .collect();
    let usable: Vec<Coupon> = coupons.iter().flatten().cloned().collect();
    let address = cart.shipping_address.as_ref();
    let mut parcel = Parcel {
        value_minor: 0,
        weight_g,
    };
    let mut shipped = None;
    let sum = sum(
        &priced,
        &usable,
        |value_minor| {
            parcel.value_minor = value_minor;
            let (address, method) = (address, cart.shipping_method.as_deref());
            shipped = address
                .zip(method)
                .and_then(|(address, method)| rules.shipping(method, address, parcel));
            // An empty cart has no shipping costs.
            shipped.filter(|_| !cart.lines.is_empty()).unwrap_or(0)
        },
        (rules.tax(address), rules.tax_included),
        now,
    );
    let missing = [
        (cart.lines.is_empty(), Missing::Lines),
        (cart.email.is_none(), Missing::Email),
        (address.is_none(), Missing::ShippingAddress),
        (shipped.is_none(), Missing::ShippingMethod),
    ];
    PricedCart {
        sum,
        lines,
        coupons,
        missing: missing
            .into_iter()
            .filter_map(|(missing, what)| missing.then_some(what))
            .collect(),
        parcel,
    }
}
