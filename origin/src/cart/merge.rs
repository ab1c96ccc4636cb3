//! Merging one cart into another.

use std::collections::HashMap;

use shared::cart::{COUPONS_MAX, LINES_MAX};

use super::{
    Error, PricingSnapshot, StoredCart, StoredCartLine,
    change::{CartJob, ChangedCarts, check_changeable},
};

/// Merges another cart into this one. Quantities are added up to the available stock and the limit
/// per line; lines beyond the limit of lines stay in the other cart.
pub(super) fn merge(
    carts: &mut HashMap<String, StoredCart>,
    job: &CartJob,
    from: &str,
    known: (&PricingSnapshot, i64),
    changed: &mut ChangedCarts,
) -> Result<(), Error> {
    let cart = carts.get(&job.token).ok_or(Error::NoSuchCart)?;
    check_changeable(cart, job)?;
    if from == job.token {
        return Ok(());
    }
    let unknown = || Error::field("from", "No cart has this token.");
    let user = cart.user;
    let mut other = carts.remove(from).ok_or_else(unknown)?;
    let is_anothers = other.user.is_some() && other.user != user;
    let merged = match carts.get_mut(&job.token) {
        _ if is_anothers => Err(unknown()),
        Some(cart) if other.order.is_none() => {
            merge_lines(&mut other, cart, known, changed);
            for cart in [&mut other, cart] {
                cart.version += 1;
                changed.whole(cart);
            }
            Ok(())
        }
        _ => Err(Error::Ordered),
    };
    carts.insert(from.to_owned(), other);
    merged
}

fn merge_lines(
    from: &mut StoredCart,
    into: &mut StoredCart,
    (snapshot, units_max): (&PricingSnapshot, i64),
    changed: &mut ChangedCarts,
) {
    for line in std::mem::take(&mut from.lines) {
        let index = into.lines.iter().position(|it| it.variant == line.variant);
        let before = index.map_or(0, |index| into.lines[index].quantity);
        let offer = snapshot.offers.get(&line.variant);
        let available = offer.and_then(|offer| snapshot.available(&[from.id, into.id], offer));
        let most = available.unwrap_or(units_max).min(units_max);
        // A merge never lowers a quantity below that of either cart.
        let quantity = (before + line.quantity)
            .min(most)
            .max(before)
            .max(line.quantity);
        match index {
            Some(index) => into.lines[index].quantity = quantity,
            None if into.lines.len() == LINES_MAX => {
                from.lines.push(line);
                continue;
            }
            None => {
                let position = into.lines.last().map_or(0, |it| it.position + 1);
                into.lines.push(StoredCartLine { position, ..line });
            }
        }
        changed.lines.insert((from.id, line.variant));
        changed.lines.insert((into.id, line.variant));
    }
    from.hold = None;
    if into.note.is_empty() {
        into.note = std::mem::take(&mut from.note);
    }
    into.email = into.email.take().or(from.email.take());
    into.shipping_address = into
        .shipping_address
        .take()
        .or(from.shipping_address.take());
    into.shipping_method = into.shipping_method.take().or(from.shipping_method.take());
    for code in std::mem::take(&mut from.coupons) {
        if into.coupons.len() < COUPONS_MAX && !into.coupons.contains(&code) {
            into.coupons.push(code);
        }
    }
}
