//! A cart as its shopper sees it.

use std::collections::HashMap;

use shared::{
    cart::{Cart, CartCoupon, CartLine, CouponRefusal, ShippingMethod, ShippingMethods, Totals},
    id::{CartId, CouponId, ProductId, VariantId},
    locale::Locale,
    money::{Currency, Money},
};
use sqlx::AnyConnection;

use crate::{
    app::App,
    catalog::{self, Offer, PresentationCache},
    checkout::Coupon,
    coupons,
    inventory::{self, Holds, Shelf},
    orders,
};

use super::{Error, Priced, Stored, price, store};

/// What carts are priced with: read once for all carts of a batch.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// What is offered of their variants.
    pub offers: HashMap<VariantId, Offer>,
    /// Those that were asked for by sku.
    pub skus: HashMap<String, VariantId>,
    /// How much there is of them.
    pub shelves: HashMap<VariantId, Vec<Shelf>>,
    /// What they hold of it.
    pub holds: Holds,
    /// Their coupons, by code.
    pub coupons: HashMap<String, Coupon>,
    /// How often customers have used them.
    pub uses: HashMap<(CouponId, String), i64>,
}

impl Surroundings {
    /// How many of this can be sold to these carts; nothing where there is no limit.
    pub fn available(&self, carts: &[CartId], offer: &Offer) -> Option<i64> {
        (!offer.backorder).then(|| self.there(carts, offer))?
    }

    /// How many of this are there for these carts; nothing where they are not counted.
    pub fn there(&self, carts: &[CartId], offer: &Offer) -> Option<i64> {
        if !offer.tracked {
            return None;
        }
        let shelves = self.shelves.get(&offer.variant).into_iter().flatten();
        let available = shelves.map(|shelf| {
            let own = carts
                .iter()
                .filter_map(|cart| self.holds.get(cart))
                .flatten();
            let own = own.filter(|it| it.variant == offer.variant && it.location == shelf.location);
            let held = shelf.held - own.map(|it| it.quantity).sum::<i64>();
            Shelf { held, ..*shelf }.available()
        });
        Some(available.sum())
    }

    /// The coupon with this code as this customer finds it.
    pub fn coupon(&self, code: &str, email: Option<&str>) -> Option<Coupon> {
        let mut coupon = self.coupons.get(code)?.clone();
        let key = (coupon.id, email.unwrap_or_default().to_owned());
        coupon.used_by_customer = self.uses.get(&key).copied().unwrap_or(0);
        Some(coupon)
    }
}

/// Reads what these carts, and what has these skus besides, are priced with. `lock` locks the rows of
/// stock and coupons.
pub async fn surroundings(
    conn: &mut AnyConnection,
    presentations: &PresentationCache,
    carts: impl Iterator<Item = &Stored> + Clone,
    skus: &[&str],
    lock: &'static str,
) -> Result<Surroundings, Error> {
    let lines = carts.clone().flat_map(|cart| &cart.lines);
    let mut variants: Vec<VariantId> = lines.map(|line| line.variant).collect();
    variants.sort_unstable();
    variants.dedup();
    let held = carts.clone().filter(|cart| cart.hold.is_some());
    let held: Vec<CartId> = held.map(|cart| cart.id).collect();
    let mut codes: Vec<&str> = carts
        .flat_map(|cart| &cart.coupons)
        .map(String::as_str)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let offers = catalog::find_offers(conn, presentations, &variants, skus).await?;
    variants.extend(offers.keys());
    let shelves = inventory::levels(conn, &variants, lock).await?;
    let coupons = coupons::find(conn, &codes, lock).await?;
    let limited: Vec<CouponId> = coupons
        .values()
        .filter(|coupon| coupon.limit_customer.is_some())
        .map(|coupon| coupon.id)
        .collect();
    let named = offers.values().filter(|it| skus.contains(&it.sku.as_str()));
    let named = named.map(|it| (it.sku.clone(), it.variant)).collect();
    Ok(Surroundings {
        offers,
        skus: named,
        shelves,
        holds: inventory::holds(conn, &held).await?,
        uses: coupons::uses(conn, &limited).await?,
        coupons,
    })
}

/// The cart with this id, with the prices of this moment.
pub async fn read(app: &App, token: &str, locale: Locale) -> Result<Cart, Error> {
    let mut reader = app.db.read().await?;
    let stored = store::load(&mut reader, &[token], "")
        .await?
        .remove(token)
        .ok_or(Error::NoSuchCart)?;
    let around = surroundings(
        &mut reader,
        &app.presentations,
        std::iter::once(&stored),
        &[],
        "",
    )
    .await?;
    let number = match stored.order {
        Some(order) => orders::number(&mut reader, order).await?,
        None => None,
    };
    Ok(Cart {
        order: number,
        ..show(app, &stored, &around, locale)
    })
}

/// The ways to send this cart to its address.
pub async fn shipping_methods(
    app: &App,
    token: &str,
    locale: Locale,
) -> Result<ShippingMethods, Error> {
    let mut reader = app.db.read().await?;
    let stored = store::load(&mut reader, &[token], "")
        .await?
        .remove(token)
        .ok_or(Error::NoSuchCart)?;
    let Some(address) = &stored.shipping_address else {
        return Ok(ShippingMethods {
            methods: Vec::new(),
        });
    };
    let around = surroundings(
        &mut reader,
        &app.presentations,
        std::iter::once(&stored),
        &[],
        "",
    )
    .await?;
    let currency = app.config.currency;
    let priced = price(&stored, &around, &app.rules, currency, app.clock.now());
    let methods = app.rules.methods(address, priced.parcel, locale);
    let methods = methods
        .into_iter()
        .map(|(code, name, price)| ShippingMethod {
            code,
            name,
            price: Money::new(price, currency),
        });
    Ok(ShippingMethods {
        methods: methods.collect(),
    })
}

/// A cart for its shopper, without its order.
pub(super) fn show(app: &App, cart: &Stored, around: &Surroundings, locale: Locale) -> Cart {
    let currency = app.config.currency;
    let priced = price(cart, around, &app.rules, currency, app.clock.now());
    let money = |minor| Money::new(minor, currency);
    let lines = cart
        .lines
        .iter()
        .zip(&priced.lines)
        .zip(&priced.sum.lines)
        .map(|((line, (offer, problems)), sum)| CartLine {
            sku: offer.map(|it| it.sku.clone()).unwrap_or_default(),
            variant_id: line.variant,
            product_id: offer.map_or(ProductId::new(0), |it| it.product),
            slug: offer.map(|it| it.slug().to_owned()).unwrap_or_default(),
            name: offer.map(|it| it.name(locale)).unwrap_or_default(),
            options: offer.map(|it| it.choices(locale)).unwrap_or_default(),
            image: offer
                .and_then(Offer::image)
                .map(|image| image.clone().localized(locale)),
            quantity: line.quantity,
            backordered: offer
                .filter(|it| it.backorder && it.active)
                .and_then(|it| around.there(&[cart.id], it))
                .map_or(0, |there| (line.quantity - there).max(0)),
            price: offer.map_or(money(line.price_minor), |it| it.price),
            total: money(sum.total),
            problems: problems.clone(),
        })
        .collect();
    Cart {
        id: cart.token.clone(),
        // That it has become an order is its last change.
        version: cart.version + i64::from(cart.order.is_some()),
        lines,
        note: cart.note.clone(),
        email: cart.email.clone(),
        shipping_address: cart.shipping_address.clone(),
        shipping_method: cart.shipping_method.clone(),
        coupons: coupons_of(cart, &priced, currency),
        totals: totals(&priced, app.rules.tax_included, currency),
        missing: priced.missing,
        held_until: cart.hold.map(|it| it.until),
        order: None,
    }
}

/// The totals as everybody sees them.
pub(super) fn totals(priced: &Priced<'_>, tax_included: bool, currency: Currency) -> Totals {
    let money = |minor| Money::new(minor, currency);
    let sum = &priced.sum;
    Totals {
        items: money(sum.items),
        discount: money(sum.discount),
        shipping: money(sum.shipping),
        tax: money(sum.tax),
        tax_included,
        total: money(sum.total),
    }
}

fn coupons_of(cart: &Stored, priced: &Priced<'_>, currency: Currency) -> Vec<CartCoupon> {
    let mut effects = priced.sum.coupons.iter();
    cart.coupons
        .iter()
        .zip(&priced.coupons)
        .map(|(code, coupon)| {
            let (discount, refused) = match coupon {
                Some(_) => effects.next().copied().unwrap_or((0, None)),
                None => (0, Some(CouponRefusal::Unknown)),
            };
            CartCoupon {
                code: code.clone(),
                discount: Money::new(discount, currency),
                refused,
            }
        })
        .collect()
}
