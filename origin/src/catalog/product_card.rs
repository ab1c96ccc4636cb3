//! Product cards of lists. The database returns each card as a JSON array and those of a page as
//! one string: moving a dozen columns of two dozen rows between sqlx's threads costs more than the
//! query.

use serde::Deserialize;
use shared::{
    catalog::{PriceRange, ProductCard},
    id::ProductId,
    locale::Locale,
    money::{Currency, Money},
    time::Timestamp,
};

use super::{
    Error,
    list::ListedProduct,
    store::{StoredImage, availability_of},
};

/// The SQL expression of a card: `l` is its listing, `p` its product and `b` its brand.
macro_rules! product_card {
    ($name:literal) => {
        concat!(
            "json_array(l.sort_key, l.product_id, l.availability, p.slug, p.price_from_minor,
                        p.price_to_minor, p.compare_at_minor, p.currency, p.image, p.created_at,
                        b.name, ",
            $name,
            ")"
        )
    };
}

pub(super) use product_card;

/// The array that [`product_card!`] produces, in its order.
#[derive(Deserialize)]
struct CardRow(
    i64,
    i64,
    i64,
    String,
    i64,
    i64,
    Option<i64>,
    Currency,
    Option<String>,
    i64,
    Option<String>,
    String,
);

/// Parses one card.
pub(super) fn parse_one(text: &str, locale: Locale) -> Result<ListedProduct, Error> {
    serde_json::from_str::<CardRow>(text)?.into_listed(locale)
}

/// Parses cards that are separated by commas, in no particular order.
pub(super) fn parse_all(text: &str, locale: Locale) -> Result<Vec<ListedProduct>, Error> {
    let stored: Vec<CardRow> = serde_json::from_str(&format!("[{text}]"))?;
    stored
        .into_iter()
        .map(|card| card.into_listed(locale))
        .collect()
}

impl CardRow {
    fn into_listed(self, locale: Locale) -> Result<ListedProduct, Error> {
        let Self(
            key,
            id,
            availability,
            slug,
            from,
            to,
            compare_at,
            currency,
            image,
            created,
            brand,
            name,
        ) = self;
        let money = |minor| Money::new(minor, currency);
        let image: Option<StoredImage> =
            image.map(|text| serde_json::from_str(&text)).transpose()?;
        Ok(ListedProduct {
            key,
            card: ProductCard {
                id: ProductId::new(id),
                slug,
                name,
                brand,
                price: PriceRange {
                    from: money(from),
                    to: money(to),
                    compare_at: compare_at.map(money),
                },
                availability: availability_of(availability),
                image: image.map(|image| image.localized(locale)),
                created_at: Timestamp::from_millis(created),
            },
        })
    }
}
