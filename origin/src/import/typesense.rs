//! Typesense's e-commerce presentations: a list of products with name, brand, a category path, one
//! picture and a popularity; also as JSON Lines, as Typesense exports a collection.
//!
//! Products without `id` get an id from the number at the beginning of the picture's file name,
//! which is the source's article number, or else from a hash of brand, name and picture.
//! `popularity` becomes the number of sold units, so that the order by best-selling is preserved.
//! Stock is not tracked, because it is unknown.

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
use crate::catalog::model::{NewProduct, NewVariant, Status, Texts};

/// The prefix of external ids of this format.
const PREFIX: &str = "typesense-";

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
        let product = read_product(&fields, &folder, validator.currency(), &mut warnings);
        let product = match product {
            Ok(product) => {
                let path = read_path(&fields, &mut warnings);
                let category = validator.category_path(line, PREFIX, &path)?;
                Ok(NewProduct {
                    category,
                    ..product
                })
            }
            Err(fault) => Err(fault),
        };
        validator.product_or_fault(line, warnings, product)?;
    }
    Ok(())
}

/// The names of the categories, the top one first.
fn read_path(fields: &Fields<'_>, warnings: &mut Warnings) -> Vec<String> {
    let names = match fields.raw("categories") {
        Some(raw) if raw.starts_with('[') => warnings.or_warn(fields.texts("categories")),
        _ => {
            let path = warnings
                .or_warn(fields.filled("categories"))
                .unwrap_or_default();
            path.split(" > ").map(str::to_owned).collect()
        }
    };
    names
        .iter()
        .map(|name| text::line(name))
        .filter(|name| !name.is_empty())
        .collect()
}

fn read_product(
    fields: &Fields<'_>,
    folder: &Folder,
    currency: Currency,
    warnings: &mut Warnings,
) -> Result<NewProduct, Fault> {
    let name = fields
        .filled("name")?
        .ok_or_else(|| fields.fault("name", "missing"))?;
    let brand = warnings
        .or_warn(fields.filled("brand"))
        .map(|brand| text::line(&brand));
    let image = warnings.or_warn(fields.filled("image"));
    let id = match fields.filled("id")? {
        Some(id) => id,
        None => derived_id(&name, brand.as_deref(), image.as_deref()),
    };
    let price = fields
        .filled("price")?
        .ok_or_else(|| fields.fault("price", "missing"))?;
    let price = money::price("price", &price, currency).map_err(|it| it.skipping(Skipped::Row))?;
    let external_id = format!("{PREFIX}{id}");
    let description = warnings
        .or_warn(fields.filled("description"))
        .unwrap_or_default();
    let mut product = NewProduct {
        slug: None,
        status: Status::Active,
        category: None,
        brand,
        names: Texts::from([(Locale::En, text::line(&name))]),
        descriptions: Texts::from([(Locale::En, text::paragraphs(&description))]),
        attributes: Vec::new(),
        options: Vec::new(),
        variants: vec![NewVariant {
            sku: super::sku::derive(&external_id, &[]),
            gtin: None,
            options: Vec::new(),
            price,
            compare_at: None,
            stock: None,
            backorder: false,
            weight_g: None,
            image: None,
        }],
        images: Vec::new(),
        tags: Vec::new(),
        created_at: None,
        sold: warnings
            .or_warn(fields.integer("popularity"))
            .unwrap_or_default(),
        external_id,
    };
    let list: Vec<_> = image
        .map(|src| ("image".to_owned(), src))
        .into_iter()
        .collect();
    let images = pictures(folder, &list, &mut warnings.0);
    place_images(&mut product, images, &mut warnings.0);
    Ok(product)
}

/// A stable id for a product without one.
fn derived_id(name: &str, brand: Option<&str>, image: Option<&str>) -> String {
    let file = image
        .unwrap_or_default()
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let digits = file.bytes().take_while(u8::is_ascii_digit).count();
    if (5..=20).contains(&digits) {
        return file[..digits].to_owned();
    }
    let mut hash = blake3::Hasher::new();
    for part in [brand.unwrap_or_default(), name, image.unwrap_or_default()] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    hash.finalize().to_hex()[..16].to_owned()
}
