//! Current offers: the data of a variant that carts and orders use.

use std::{collections::HashMap, sync::Arc};

use quick_cache::sync::Cache;
use shared::{
    catalog::SelectedOption,
    id::{ProductId, VariantId},
    locale::Locale,
    money::Money,
};
use sqlx::{AnyConnection, QueryBuilder, Row as _, any::AnyRow};

use crate::db::{self, Rows};

use super::{
    Error,
    model::{NewOption, Texts},
    store::{self, StoredImage},
    tree::text,
};

/// A variant as it is currently offered.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The variant.
    pub variant: VariantId,
    /// Its product.
    pub product: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Whether it is sold.
    pub active: bool,
    /// The unit price.
    pub price: Money,
    /// Whether its stock is tracked.
    pub tracked: bool,
    /// Whether it may be sold while out of stock.
    pub backorder: bool,
    /// Its weight in grams.
    pub weight_g: i64,
    presentation: Arc<OfferPresentation>,
}

/// The display data of an offer. No decision depends on it.
#[derive(Debug)]
struct OfferPresentation {
    /// The product version that it belongs to.
    version: i64,
    slug: String,
    names: Texts,
    /// The selected options, by the codes of option and value.
    chosen: Vec<SelectedOption>,
    options: Vec<NewOption>,
    image: Option<StoredImage>,
}

/// Caches the presentation of offers while the version of their product is the same. Reading it for
/// every cart update would cost more than the update.
#[derive(Debug)]
pub struct PresentationCache(Cache<VariantId, Arc<OfferPresentation>>);

/// The most cached presentations, a kilobyte or two each.
const PRESENTATIONS_MAX: usize = 10_000;

impl Default for PresentationCache {
    fn default() -> Self {
        Self(Cache::new(PRESENTATIONS_MAX))
    }
}

impl Offer {
    /// The product's slug.
    pub fn slug(&self) -> &str {
        &self.presentation.slug
    }

    /// A picture of it.
    pub fn image(&self) -> Option<&StoredImage> {
        self.presentation.image.as_ref()
    }

    /// The product's name in this language.
    pub fn name(&self, locale: Locale) -> String {
        text(&self.presentation.names, locale)
    }

    /// The selected options in this language: `Colour: Moss`.
    pub fn choices(&self, locale: Locale) -> Vec<String> {
        let chosen = |option: &NewOption| {
            let mut chosen = self.presentation.chosen.iter();
            let picked = chosen.find(|it| it.option == option.code)?;
            let value = option.values.iter().find(|it| it.code == picked.value)?;
            let (name, value) = (text(&option.names, locale), text(&value.names, locale));
            Some(format!("{name}: {value}"))
        };
        self.presentation
            .options
            .iter()
            .filter_map(chosen)
            .collect()
    }
}

/// The variants with these skus.
pub async fn find_skus(
    conn: &mut AnyConnection,
    skus: &[&str],
) -> Result<HashMap<String, VariantId>, db::Error> {
    let mut found = HashMap::with_capacity(skus.len());
    for chunk in skus.chunks(Rows::MAX) {
        let head = "
            select sku, id
              from variants
             where sku in ";
        let mut query = Rows::among(head, chunk.iter().map(|sku| (*sku).to_owned()));
        let rows = query.build().fetch_all(&mut *conn).await?;
        for row in &rows {
            found.insert(row.try_get("sku")?, VariantId::new(row.try_get("id")?));
        }
    }
    Ok(found)
}

/// The current offers of these variants and of those with these SKUs, of which there may be at most
/// [`Rows::MAX`].
pub async fn find_offers(
    conn: &mut AnyConnection,
    cache: &PresentationCache,
    variants: &[VariantId],
    skus: &[&str],
) -> Result<HashMap<VariantId, Offer>, Error> {
    let mut rows = Vec::with_capacity(variants.len() + skus.len());
    let mut skus = skus;
    let mut chunks = variants.chunks(Rows::MAX);
    loop {
        let chunk = chunks.next().unwrap_or_default();
        let mut query = QueryBuilder::new(
            "select v.id, v.sku, v.price_minor, v.tracked, v.backorder, v.active, v.weight_g,
                    v.product_id, p.status, p.currency, p.version
               from variants v
               join products p on p.id = v.product_id
              where ",
        );
        match (chunk, skus) {
            ([], []) => break,
            (_, []) => {
                query.push("v.id in ");
                Rows::push_list(&mut query, chunk.iter().map(|it| it.get()));
            }
            ([], _) => {
                query.push("v.sku in ");
                Rows::push_list(&mut query, skus.iter().map(|it| (*it).to_owned()));
            }
            _ => {
                query.push("v.id in ");
                Rows::push_list(&mut query, chunk.iter().map(|it| it.get()));
                query.push(" or v.sku in ");
                Rows::push_list(&mut query, skus.iter().map(|it| (*it).to_owned()));
            }
        }
        skus = &[];
        rows.extend(query.build().fetch_all(&mut *conn).await?);
    }
    let mut versions = HashMap::with_capacity(rows.len());
    for row in &rows {
        versions.insert(VariantId::new(row.try_get("id")?), row.try_get("version")?);
    }
    let presentations = find_presentations(conn, cache, &versions).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        // A product that was deleted between the statements is not offered.
        if let Some(presentation) = presentations.get(&VariantId::new(row.try_get("id")?)) {
            let offer = offer(row, Arc::clone(presentation))?;
            found.insert(offer.variant, offer);
        }
    }
    Ok(found)
}

fn offer(row: &AnyRow, presentation: Arc<OfferPresentation>) -> Result<Offer, Error> {
    let status: String = row.try_get("status")?;
    let active: i64 = row.try_get("active")?;
    Ok(Offer {
        variant: VariantId::new(row.try_get("id")?),
        product: ProductId::new(row.try_get("product_id")?),
        sku: row.try_get("sku")?,
        active: active != 0 && status == super::model::Status::Active.as_str(),
        price: Money::new(row.try_get("price_minor")?, store::currency(row)?),
        tracked: row.try_get::<i64, _>("tracked")? != 0,
        backorder: row.try_get::<i64, _>("backorder")? != 0,
        weight_g: row.try_get::<Option<i64>, _>("weight_g")?.unwrap_or(0),
        presentation,
    })
}

/// The presentations of these variants, of these product versions or newer.
async fn find_presentations(
    conn: &mut AnyConnection,
    PresentationCache(cache): &PresentationCache,
    versions: &HashMap<VariantId, i64>,
) -> Result<HashMap<VariantId, Arc<OfferPresentation>>, Error> {
    let mut found = HashMap::with_capacity(versions.len());
    let mut missing = Vec::new();
    for (variant, version) in versions {
        match cache.get(variant).filter(|it| it.version == *version) {
            Some(presentation) => drop(found.insert(*variant, presentation)),
            None => missing.push(variant.get()),
        }
    }
    for chunk in missing.chunks(Rows::MAX) {
        let head = "
            select v.id, v.options as chosen, v.image as picture, p.slug, p.version, p.options,
                   p.images, en.name as en, zh.name as zh
              from variants v
              join products p on p.id = v.product_id
              left join product_texts en on en.product_id = p.id and en.locale = 'en'
              left join product_texts zh on zh.product_id = p.id and zh.locale = 'zh'
             where v.id in ";
        let mut query = Rows::among(head, chunk.iter().copied());
        let rows = query.build().fetch_all(&mut *conn).await?;
        for row in &rows {
            let variant = VariantId::new(row.try_get("id")?);
            let presentation = Arc::new(presentation(row)?);
            cache.insert(variant, Arc::clone(&presentation));
            found.insert(variant, presentation);
        }
    }
    Ok(found)
}

fn presentation(row: &AnyRow) -> Result<OfferPresentation, Error> {
    let mut names = Texts::new();
    for locale in Locale::ALL {
        let name: Option<String> = row.try_get(locale.code())?;
        names.extend(name.map(|name| (locale, name)));
    }
    let images: Vec<StoredImage> = store::json(row, "images")?;
    let picture: Option<i64> = row.try_get("picture")?;
    let picture = picture.and_then(|place| usize::try_from(place).ok());
    let image = picture
        .and_then(|place| images.get(place))
        .or(images.first());
    Ok(OfferPresentation {
        version: row.try_get("version")?,
        slug: row.try_get("slug")?,
        names,
        chosen: store::json(row, "chosen")?,
        options: store::json(row, "options")?,
        image: image.cloned(),
    })
}
