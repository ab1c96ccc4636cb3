//! SQL that reads the catalogue back into its input types, for exports and the staff API.

use std::collections::HashMap;

use shared::{
    catalog::{Attribute, SelectedOption},
    id::ProductId,
    locale::Locale,
    money::{Currency, Money},
    time::Timestamp,
};
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::db::Rows;

use super::{
    Error,
    model::{
        ImageSource, NewAttribute, NewCategory, NewImage, NewProduct, NewVariant, Status, Texts,
    },
    store::StoredImage,
    tree::Tree,
};

/// All categories, parents before children. `base_url` is prepended to URLs of the shop's pictures.
pub async fn list_categories_for_export(
    conn: &mut AnyConnection,
    tree: &Tree,
    base_url: &str,
) -> Result<Vec<NewCategory>, Error> {
    let statement = "
        select c.id, c.external_id, c.position, p.external_id as parent
          from categories c
          left join categories p on p.id = c.parent_id
         order by (select count(*)
                     from category_paths a
                    where a.descendant_id = c.id),
               c.position, c.id";
    let rows = sqlx::query(statement).fetch_all(&mut *conn).await?;
    let mut categories = Vec::with_capacity(rows.len());
    for row in rows {
        let id: i64 = row.try_get("id")?;
        let Some(known) = tree.all().iter().find(|category| category.id.get() == id) else {
            continue;
        };
        let descriptions = known
            .descriptions
            .iter()
            .filter(|(_, text)| !text.is_empty());
        categories.push(NewCategory {
            external_id: row.try_get("external_id")?,
            slug: Some(known.slug.clone()),
            parent: row.try_get("parent")?,
            position: row.try_get("position")?,
            names: known.names.clone(),
            descriptions: descriptions
                .map(|(locale, text)| (*locale, text.clone()))
                .collect(),
            image: known.image.clone().map(|image| new_image(image, base_url)),
        });
    }
    Ok(categories)
}

/// Up to `limit` products after this id, in the order of ids, each with its id.
pub async fn list_products_for_export(
    conn: &mut AnyConnection,
    after: ProductId,
    limit: i64,
    base_url: &str,
) -> Result<Vec<(ProductId, NewProduct)>, Error> {
    let statement = "
        select p.id, p.external_id, p.slug, p.status, p.currency, p.sold, p.options, p.images,
               p.tags, p.created_at, c.external_id as category, b.name as brand
          from products p
          left join categories c on c.id = p.category_id
          left join brands b on b.id = p.brand_id
         where p.id > ?
         order by p.id
         limit ?";
    let query = sqlx::query(statement).bind(after.get()).bind(limit);
    let rows = query.fetch_all(&mut *conn).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = rows
        .iter()
        .map(|row| row.try_get("id"))
        .collect::<Result<_, _>>()?;
    let mut texts = texts(conn, &ids).await?;
    let mut variants = variants(conn, &ids).await?;
    rows.iter()
        .map(|row| {
            let id: i64 = row.try_get("id")?;
            let texts = texts.remove(&id).unwrap_or_default();
            let variants = variants.remove(&id).unwrap_or_default();
            Ok((ProductId::new(id), product(row, texts, variants, base_url)?))
        })
        .collect()
}

/// One product with its stored pictures.
pub async fn find_product_for_export(
    conn: &mut AnyConnection,
    id: ProductId,
) -> Result<Option<(NewProduct, Vec<StoredImage>)>, Error> {
    let before = ProductId::new(id.get() - 1);
    let found = list_products_for_export(conn, before, 1, "").await?;
    let product = found.into_iter().find(|(found, _)| *found == id);
    let Some((_, product)) = product else {
        return Ok(None);
    };
    let statement = "
        select images
          from products
         where id = ?";
    let images: String = sqlx::query_scalar(statement)
        .bind(id.get())
        .fetch_one(conn)
        .await?;
    Ok(Some((product, serde_json::from_str(&images)?)))
}

fn product(
    row: &AnyRow,
    texts: ProductTexts,
    variants: Vec<ExportedVariant>,
    base_url: &str,
) -> Result<NewProduct, Error> {
    let code: String = row.try_get("currency")?;
    let currency: Currency = code
        .parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    let json = |column| -> Result<String, Error> { Ok(row.try_get(column)?) };
    let images: Vec<StoredImage> = serde_json::from_str(&json("images")?)?;
    Ok(NewProduct {
        external_id: row.try_get("external_id")?,
        slug: row.try_get("slug")?,
        status: Status::from_name(&json("status")?).unwrap_or_default(),
        category: row.try_get("category")?,
        brand: row.try_get("brand")?,
        names: texts.names,
        descriptions: texts.descriptions,
        attributes: texts.attributes,
        options: serde_json::from_str(&json("options")?)?,
        variants: variants
            .into_iter()
            .map(|variant| variant.into_new_variant(currency))
            .collect(),
        images: images
            .into_iter()
            .map(|image| new_image(image, base_url))
            .collect(),
        tags: serde_json::from_str(&json("tags")?)?,
        created_at: Some(Timestamp::from_millis(row.try_get("created_at")?)),
        sold: row.try_get("sold")?,
    })
}

/// A picture by its absolute URL, from which another shop can fetch it.
fn new_image(stored: StoredImage, base_url: &str) -> NewImage {
    let src = stored.image.src;
    let address = if src.starts_with('/') {
        format!("{base_url}{src}")
    } else {
        src
    };
    NewImage {
        source: ImageSource::Remote(address),
        alts: stored.alts,
    }
}

#[derive(Default)]
struct ProductTexts {
    names: Texts,
    descriptions: Texts,
    attributes: Vec<NewAttribute>,
}

async fn texts(conn: &mut AnyConnection, ids: &[i64]) -> Result<HashMap<i64, ProductTexts>, Error> {
    let head = "
        select product_id, locale, name, description, attributes
          from product_texts
         where product_id in ";
    let mut query = Rows::among(head, ids.iter().copied());
    let rows = query.push(" order by product_id, locale").build();
    let mut texts: HashMap<i64, ProductTexts> = HashMap::new();
    for row in rows.fetch_all(&mut *conn).await? {
        let code: String = row.try_get("locale")?;
        let Some(locale) = Locale::from_code(&code) else {
            continue;
        };
        let of_product = texts.entry(row.try_get("product_id")?).or_default();
        of_product.names.insert(locale, row.try_get("name")?);
        let description: String = row.try_get("description")?;
        if !description.is_empty() {
            of_product.descriptions.insert(locale, description);
        }
        let attributes: String = row.try_get("attributes")?;
        let attributes: Vec<Attribute> = serde_json::from_str(&attributes)?;
        for (index, attribute) in attributes.into_iter().enumerate() {
            if of_product.attributes.len() == index {
                let empty = NewAttribute {
                    names: Texts::new(),
                    values: Texts::new(),
                };
                of_product.attributes.push(empty);
            }
            of_product.attributes[index]
                .names
                .insert(locale, attribute.name);
            of_product.attributes[index]
                .values
                .insert(locale, attribute.value);
        }
    }
    Ok(texts)
}

struct ExportedVariant {
    sku: String,
    gtin: Option<String>,
    options: Vec<SelectedOption>,
    price_minor: i64,
    compare_at_minor: Option<i64>,
    stock: Option<i64>,
    backorder: bool,
    weight_g: Option<u32>,
    image: Option<u32>,
}

impl ExportedVariant {
    fn into_new_variant(self, currency: Currency) -> NewVariant {
        let pairs = self.options.into_iter().map(|it| (it.option, it.value));
        NewVariant {
            sku: self.sku,
            gtin: self.gtin,
            options: pairs.collect(),
            price: Money::new(self.price_minor, currency),
            compare_at: self
                .compare_at_minor
                .map(|minor| Money::new(minor, currency)),
            stock: self.stock,
            backorder: self.backorder,
            weight_g: self.weight_g,
            image: self.image,
        }
    }
}

async fn variants(
    conn: &mut AnyConnection,
    ids: &[i64],
) -> Result<HashMap<i64, Vec<ExportedVariant>>, Error> {
    let head = "
        select v.product_id, v.sku, v.options, v.price_minor, v.compare_at_minor, v.tracked,
               v.backorder, v.image, v.weight_g, v.gtin,
               (select cast(sum(s.on_hand) as signed)
                  from stock s
                 where s.variant_id = v.id) as on_hand
          from variants v
         where v.active = 1
           and v.product_id in ";
    let mut query = Rows::among(head, ids.iter().copied());
    let rows = query.push(" order by v.product_id, v.position").build();
    let mut variants: HashMap<i64, Vec<ExportedVariant>> = HashMap::new();
    for row in rows.fetch_all(&mut *conn).await? {
        let tracked = row.try_get::<i64, _>("tracked")? != 0;
        let on_hand: Option<i64> = row.try_get("on_hand")?;
        let options: String = row.try_get("options")?;
        let small = |column| -> Result<Option<u32>, Error> {
            let number: Option<i64> = row.try_get(column)?;
            Ok(number.and_then(|number| u32::try_from(number).ok()))
        };
        let variant = ExportedVariant {
            sku: row.try_get("sku")?,
            gtin: row.try_get("gtin")?,
            options: serde_json::from_str(&options)?,
            price_minor: row.try_get("price_minor")?,
            compare_at_minor: row.try_get("compare_at_minor")?,
            stock: tracked.then_some(on_hand.unwrap_or(0)),
            backorder: row.try_get::<i64, _>("backorder")? != 0,
            weight_g: small("weight_g")?,
            image: small("image")?,
        };
        variants
            .entry(row.try_get("product_id")?)
            .or_default()
            .push(variant);
    }
    Ok(variants)
}
