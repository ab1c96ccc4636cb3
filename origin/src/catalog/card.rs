//! The cards of lists. The database hands each over as a JSON array, and those of a whole page as one
//! text: to carry a dozen values of two dozen rows from one thread to another takes longer than to find
//! them.

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
    list::Place,
    store::{StoredImage, availability_of},
};

/// A card in SQL: of `l`, its place in a list; `p`, its product; and `b`, its brand.
macro_rules! card {
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

pub(super) use card;

/// What [`card!`] makes, in its order.
#[derive(Deserialize)]
struct Stored(
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

/// One card.
pub(super) fn one(text: &str, locale: Locale) -> Result<Place, Error> {
    serde_json::from_str::<Stored>(text)?.place(locale)
}

/// Cards with commas between them, in no order.
pub(super) fn all(text: &str, locale: Locale) -> Result<Vec<Place>, Error> {
    let stored: Vec<Stored> = serde_json::from_str(&format!("[{text}]"))?;
    stored.into_iter().map(|card| card.place(locale)).collect()
}

impl Stored {
    fn place(self, locale: Locale) -> Result<Place, Error> {
        let Self(
            key,
            id,
            availability,
            slug,
            from,
            to,
            before,
            currency,
            image,
            created,
            brand,
            name,
        ) = self;
        let money = |minor| Money::new(minor, currency);
        let image: Option<StoredImage> =
            image.map(|text| serde_json::from_str(&text)).transpose()?;
        Ok(Place {
            key,
            card: ProductCard {
                id: ProductId::new(id),
                slug,
                name,
                brand,
                price: PriceRange {
                    from: money(from),
                    to: money(to),
                    compare_at: before.map(money),
                },
                availability: availability_of(availability),
                image: image.map(|image| image.shown(locale)),
                created_at: Timestamp::from_millis(created),
            },
        })
    }
}
