//! The public representation of a cart.

use std::collections::HashMap;

use shared::{
    cart::{Cart, CartCoupon, CartLine, CouponRefusal, ShippingMethod, ShippingMethods, Totals},
    id::{CartId, CouponId, ProductId, VariantId},
    locale::Locale,
    money::{Currency, Money},
};
use sqlx::AnyConnection;

use crate::{
    catalog::{self, Offer, PresentationCache},
    checkout::Coupon,
    coupons,
    inventory::{self, InventoryLevel, StockHolds},
    orders,
};

use super::{Carts, Error, PricedCart, StoredCart, price, store};

/// The pricing snapshot: everything that the carts of a batch are priced with, read once.
#[derive(Debug, Default)]
pub struct PricingSnapshot {
    /// The offers of the variants.
    pub offers: HashMap<VariantId, Offer>,
    /// The variants of skus that the batch adds.
    pub skus: HashMap<String, VariantId>,
    /// The inventory levels of the variants.
    pub levels: HashMap<VariantId, Vec<InventoryLevel>>,
    /// The holds of the carts.
    pub holds: StockHolds,
    /// The coupons of the carts, by code.
    pub coupons: HashMap<String, Coupon>,
    /// How often each customer has used a coupon.
    pub uses: HashMap<(CouponId, String), i64>,
}

impl PricingSnapshot {
    /// The units that can be sold to these carts, including their own holds; `None` without a
    /// limit.
    pub fn available(&self, carts: &[CartId], offer: &Offer) -> Option<i64> {
        (!offer.backorder).then(|| self.in_stock(carts, offer))?
    }

    /// The units in stock for these carts; `None` if the variant's stock is not tracked.
    pub fn in_stock(&self, carts: &[CartId], offer: &Offer) -> Option<i64> {
        if !offer.tracked {
            return None;
        }
        let levels = self.levels.get(&offer.variant).into_iter().flatten();
        let available = levels.map(|level| {
            let own = carts
                .iter()
                .filter_map(|cart| self.holds.get(cart))
                .flatten();
            let own = own.filter(|it| it.variant == offer.variant && it.location == level.location);
            let held = level.held - own.map(|it| it.quantity).sum::<i64>();
            InventoryLevel { held, ..*level }.available()
        });
        Some(available.sum())
    }

    /// The coupon with this code, with this customer's number of uses.
    pub fn coupon(&self, code: &str, email: Option<&str>) -> Option<Coupon> {
        let mut coupon = self.coupons.get(code)?.clone();
        let key = (coupon.id, email.unwrap_or_default().to_owned());
        coupon.used_by_customer = self.uses.get(&key).copied().unwrap_or(0);
        Some(coupon)
    }
}

/// Loads the snapshot for these carts and for additional skus. `lock` is the locking clause of the
/// stock and coupon rows, or empty.
pub async fn load_pricing_snapshot(
    conn: &mut AnyConnection,
    presentations: &PresentationCache,
    carts: impl Iterator<Item = &StoredCart> + Clone,
    skus: &[&str],
    lock: &'static str,
) -> Result<PricingSnapshot, Error> {
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
    let levels = inventory::list_levels(conn, &variants, lock).await?;
    let coupons = coupons::list_by_code(conn, &codes, lock).await?;
    let limited: Vec<CouponId> = coupons
        .values()
        .filter(|coupon| coupon.limit_customer.is_some())
        .map(|coupon| coupon.id)
        .collect();
    let named = offers.values().filter(|it| skus.contains(&it.sku.as_str()));
    let named = named.map(|it| (it.sku.clone(), it.variant)).collect();
    Ok(PricingSnapshot {
        offers,
        skus: named,
        levels,
        holds: inventory::list_holds(conn, &held).await?,
        uses: coupons::list_uses(conn, &limited).await?,
        coupons,
    })
}

/// Finds a cart, at current prices.
pub async fn find(carts: &Carts, token: &str, locale: Locale) -> Result<Cart, Error> {
    let mut reader = carts.db.read().await?;
    let stored = store::list_by_token(&mut reader, &[token], "")
        .await?
        .remove(token)
        .ok_or(Error::NoSuchCart)?;
    let snapshot = load_pricing_snapshot(
        &mut reader,
        &carts.presentations,
        std::iter::once(&stored),
        &[],
        "",
    )
    .await?;
    let number = match stored.order {
        Some(order) => orders::find_number(&mut reader, order).await?,
        None => None,
    };
    Ok(Cart {
        order: number,
        ..show(carts, &stored, &snapshot, locale)
    })
}

/// Lists the shipping methods for the cart's address.
pub async fn list_shipping_methods(
    carts: &Carts,
    token: &str,
    locale: Locale,
) -> Result<ShippingMethods, Error> {
    let mut reader = carts.db.read().await?;
    let stored = store::list_by_token(&mut reader, &[token], "")
        .await?
        .remove(token)
        .ok_or(Error::NoSuchCart)?;
    let Some(address) = &stored.shipping_address else {
        return Ok(ShippingMethods {
            methods: Vec::new(),
        });
    };
    let snapshot = load_pricing_snapshot(
        &mut reader,
        &carts.presentations,
        std::iter::once(&stored),
        &[],
        "",
    )
    .await?;
    let currency = carts.config.currency;
    let priced = price(
        &stored,
        &snapshot,
        &carts.rules,
        currency,
        carts.clock.now(),
    );
    let methods = carts.rules.methods(address, priced.parcel, locale);
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

/// Builds the public representation, without the order's number.
pub(super) fn show(
    carts: &Carts,
    cart: &StoredCart,
    snapshot: &PricingSnapshot,
    locale: Locale,
) -> Cart {
    let currency = carts.config.currency;
    let priced = price(cart, snapshot, &carts.rules, currency, carts.clock.now());
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
                .and_then(|it| snapshot.in_stock(&[cart.id], it))
                .map_or(0, |in_stock| (line.quantity - in_stock).max(0)),
            price: offer.map_or(money(line.price_minor), |it| it.price),
            total: money(sum.total),
            problems: problems.clone(),
        })
        .collect();
    Cart {
        id: cart.token.clone(),
        // Becoming an order counts as the last change.
        version: cart.version + i64::from(cart.order.is_some()),
        lines,
        note: cart.note.clone(),
        email: cart.email.clone(),
        shipping_address: cart.shipping_address.clone(),
        shipping_method: cart.shipping_method.clone(),
        coupons: public_coupons(cart, &priced, currency),
        totals: totals(&priced, carts.rules.tax_included, currency),
        missing: priced.missing,
        held_until: cart.hold.map(|it| it.until),
        order: None,
    }
}

/// Builds the public totals.
pub(super) fn totals(priced: &PricedCart<'_>, tax_included: bool, currency: Currency) -> Totals {
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

fn public_coupons(
    cart: &StoredCart,
    priced: &PricedCart<'_>,
    currency: Currency,
) -> Vec<CartCoupon> {
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
