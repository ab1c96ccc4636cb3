//! Products as dummyjson.com serves them: a list, or an object with the list in `products`.
//!
//! `price` is the reduced price. `compare_at` is computed from it and `discountPercentage`, rounded
//! half up. `weight` is ignored, because it has no unit. Categories are slugs such as
//! "mens-shirts".

use shared::{locale::Locale, money::Currency};

use super::{
    Source,
    check::place_images,
    error::{Fault, Skipped, Warnings},
    fields::Fields,
    money, open,
    pictures::{Folder, pictures},
    records::Objects,
    row_validator::{Flow, RowValidator},
    text,
};
use crate::catalog::model::{
    NewAttribute, NewCategory, NewImage, NewProduct, NewVariant, Status, Texts, UNPOSITIONED,
};

/// The prefix of external ids of this format.
const PREFIX: &str = "dummyjson-";

/// Reads the file.
pub(super) fn read(source: &Source, validator: &mut RowValidator<'_, '_>) -> Flow {
    let folder = Folder::new(source.media_folder());
    let mut objects = Objects::new(open(&source.path)?)?;
    while let Some(record) = objects.next()? {
        let line = record.line;
        let fields = match Fields::record(record.bytes) {
            Ok(fields) => fields,
            Err(fault) => {
                validator.fault(line, fault)?;
                continue;
            }
        };
        let mut warnings = Warnings::default();
        let category = read_category(line, &fields, &mut warnings, validator)?;
        let product = read_product(
            &fields,
            category,
            &folder,
            validator.currency(),
            &mut warnings,
        );
        validator.product_or_fault(line, warnings, product)?;
    }
    Ok(())
}

/// Emits the product's category if it is new, and returns its external id.
fn read_category(
    line: u64,
    fields: &Fields<'_>,
    warnings: &mut Warnings,
    validator: &mut RowValidator<'_, '_>,
) -> Flow<Option<String>> {
    // Newer versions of the API have an object with slug and name.
    let (slug, name) = match fields.object("category") {
        Ok(Some(category)) => (
            warnings.or_warn(category.filled("slug")),
            warnings.or_warn(category.filled("name")),
        ),
        _ => (warnings.or_warn(fields.filled("category")), None),
    };
    let Some(slug) = slug
        .map(|slug| text::line(&slug))
        .filter(|slug| !slug.is_empty())
    else {
        return Ok(None);
    };
    let external_id = format!("{PREFIX}{slug}");
    if validator.has_category(&external_id) {
        return Ok(Some(external_id));
    }
    let name = name.unwrap_or_else(|| text::words(&slug));
    let category = NewCategory {
        external_id: external_id.clone(),
        names: Texts::from([(Locale::En, text::line(&name))]),
        position: UNPOSITIONED,
        ..NewCategory::default()
    };
    Ok(validator.category(line, category)?.then_some(external_id))
}

fn read_product(
    fields: &Fields<'_>,
    category: Option<String>,
    folder: &Folder,
    currency: Currency,
    warnings: &mut Warnings,
) -> Result<NewProduct, Fault> {
    let id = fields
        .filled("id")?
        .ok_or_else(|| fields.fault("id", "missing"))?;
    let external_id = format!("{PREFIX}{id}");
    let name = fields
        .filled("title")?
        .ok_or_else(|| fields.fault("title", "missing"))?;
    let mut descriptions = Texts::new();
    if let Some(description) = warnings.or_warn(fields.filled("description")) {
        descriptions.insert(Locale::En, text::paragraphs(&description));
    }
    let mut product = NewProduct {
        slug: None,
        status: Status::Active,
        category,
        brand: warnings
            .or_warn(fields.filled("brand"))
            .map(|brand| text::line(&brand)),
        names: Texts::from([(Locale::En, text::line(&name))]),
        descriptions,
        attributes: read_attributes(fields, warnings),
        options: Vec::new(),
        variants: vec![read_variant(fields, &external_id, currency, warnings)?],
        images: Vec::new(),
        tags: warnings
            .or_warn(fields.texts("tags"))
            .iter()
            .map(|tag| text::line(tag))
            .collect(),
        created_at: read_created_at(fields, warnings),
        sold: 0,
        external_id,
    };
    let images = read_images(fields, folder, warnings);
    place_images(&mut product, images, &mut warnings.0);
    Ok(product)
}

fn read_variant(
    fields: &Fields<'_>,
    external_id: &str,
    currency: Currency,
    warnings: &mut Warnings,
) -> Result<NewVariant, Fault> {
    let price = fields
        .filled("price")?
        .ok_or_else(|| fields.fault("price", "missing"))?;
    let price = money::price("price", &price, currency).map_err(|it| it.skipping(Skipped::Row))?;
    let percent = warnings.or_warn(fields.filled("discountPercentage"));
    let compare_at = match percent.map(|percent| money::before_reduction(price, &percent)) {
        Some(None) => {
            let reason = "must be a decimal from 0 to below 100";
            warnings.add(Fault::field("discountPercentage", reason));
            None
        }
        Some(before) => before.filter(|before| before.minor > price.minor),
        None => None,
    };
    Ok(NewVariant {
        sku: fields
            .filled("sku")?
            .unwrap_or_else(|| external_id.to_owned()),
        gtin: None,
        options: Vec::new(),
        price,
        compare_at,
        stock: fields.integer("stock")?,
        backorder: false,
        weight_g: None,
        image: None,
    })
}

fn read_attributes(fields: &Fields<'_>, warnings: &mut Warnings) -> Vec<NewAttribute> {
    const FACTS: [(&str, &str); 3] = [
        ("warrantyInformation", "Warranty"),
        ("shippingInformation", "Shipping"),
        ("returnPolicy", "Returns"),
    ];
    let mut attributes = Vec::new();
    for (field, name) in FACTS {
        if let Some(value) = warnings.or_warn(fields.filled(field)) {
            attributes.push(NewAttribute {
                names: Texts::from([(Locale::En, name.to_owned())]),
                values: Texts::from([(Locale::En, text::line(&value))]),
            });
        }
    }
    attributes
}

/// The pictures; the thumbnail only when there is no other.
fn read_images(
    fields: &Fields<'_>,
    folder: &Folder,
    warnings: &mut Warnings,
) -> Vec<Option<NewImage>> {
    let images = warnings
        .or_warn(fields.texts("images"))
        .into_iter()
        .enumerate();
    let mut list: Vec<_> = images
        .map(|(index, src)| (format!("images[{index}]"), src))
        .collect();
    if list.is_empty() {
        let thumbnail = warnings.or_warn(fields.filled("thumbnail"));
        list.extend(thumbnail.map(|src| ("thumbnail".to_owned(), src)));
    }
    pictures(folder, &list, &mut warnings.0)
}

fn read_created_at(
    fields: &Fields<'_>,
    warnings: &mut Warnings,
) -> Option<shared::time::Timestamp> {
    let meta = warnings.or_warn(fields.object("meta"))?;
    let text = warnings.or_warn(meta.filled("createdAt"))?;
    let time = text
        .parse()
        .map_err(|error: shared::time::InvalidTimestamp| {
            meta.fault("createdAt", &error.to_string())
        });
    warnings.or_warn(time.map(Some))
}
