//! Mallard's own JSON Lines: one category or product a line. `docs/import.md` describes it; an
//! unknown field is an error, because it is most likely misspelt.

use shared::{locale::Locale, money::Currency};

use super::{
    Source,
    check::place_images,
    error::{Fault, Skipped, Warnings},
    fields::Fields,
    money, open,
    pictures::Folder,
    records::Lines,
    row_validator::{Flow, RowValidator},
    sku,
};
use crate::catalog::{
    model::{
        NewAttribute, NewCategory, NewImage, NewOption, NewOptionValue, NewProduct, NewVariant,
        Status, Texts, UNPOSITIONED,
    },
    slug::slug_from,
};

/// Reads the file line by line.
pub(super) fn read(source: &Source, validator: &mut RowValidator<'_, '_>) -> Flow {
    let folder = Folder::new(source.media_folder());
    let mut lines = Lines::new(open(&source.path)?)?;
    while let Some(record) = lines.next()? {
        let line = record.line;
        match Fields::record(record.bytes) {
            Ok(fields) => read_row(line, &fields, &folder, validator)?,
            Err(fault) => validator.fault(line, fault)?,
        }
    }
    Ok(())
}

fn read_row(
    line: u64,
    fields: &Fields<'_>,
    folder: &Folder,
    validator: &mut RowValidator<'_, '_>,
) -> Flow {
    let mut warnings = Warnings::default();
    match fields.filled("type") {
        Ok(Some(kind)) if kind == "category" => {
            let category = read_category(fields, folder, &mut warnings);
            for warning in warnings.0 {
                validator.fault(line, warning)?;
            }
            match category {
                Ok(category) => validator.category(line, category).map(|_| ()),
                Err(fault) => validator.fault(line, fault),
            }
        }
        Ok(Some(kind)) if kind == "product" => {
            let product = read_product(fields, folder, validator.currency(), &mut warnings);
            validator.product_or_fault(line, warnings, product)
        }
        Ok(_) => validator.fault(
            line,
            fields.fault("type", "must be \"category\" or \"product\""),
        ),
        Err(fault) => validator.fault(line, fault),
    }
}

fn read_category(
    fields: &Fields<'_>,
    folder: &Folder,
    warnings: &mut Warnings,
) -> Result<NewCategory, Fault> {
    fields.only(&[
        "type",
        "external_id",
        "slug",
        "parent",
        "position",
        "names",
        "descriptions",
        "image",
    ])?;
    let image = match warnings.or_warn(fields.object("image")) {
        Some(image) => warnings.or_warn(read_image(&image, folder).map(Some)),
        None => None,
    };
    Ok(NewCategory {
        external_id: required(fields, "external_id")?,
        slug: fields.filled("slug")?,
        parent: fields.filled("parent")?,
        position: warnings
            .or_warn(fields.integer("position"))
            .unwrap_or(UNPOSITIONED),
        names: texts(fields, "names")?,
        descriptions: texts(fields, "descriptions")?,
        image,
    })
}

fn read_product(
    fields: &Fields<'_>,
    folder: &Folder,
    currency: Currency,
    warnings: &mut Warnings,
) -> Result<NewProduct, Fault> {
    fields.only(&[
        "type",
        "external_id",
        "slug",
        "status",
        "category",
        "brand",
        "names",
        "descriptions",
        "attributes",
        "options",
        "variants",
        "images",
        "tags",
        "created_at",
        "sold",
        "price",
        "compare_at",
        "stock",
        "backorder",
        "sku",
        "gtin",
        "weight_g",
    ])?;
    let external_id = required(fields, "external_id")?;
    let options = fields.objects("options")?;
    let options = options
        .iter()
        .map(read_option)
        .collect::<Result<Vec<_>, _>>()?;
    let variants = read_variants(fields, &external_id, &options, currency, warnings)?;
    let mut product = NewProduct {
        slug: fields.filled("slug")?,
        status: status(fields)?,
        category: fields.filled("category")?,
        brand: fields.filled("brand")?,
        names: texts(fields, "names")?,
        descriptions: texts(fields, "descriptions")?,
        attributes: read_attributes(fields, warnings),
        options,
        variants,
        images: Vec::new(),
        tags: warnings
            .or_warn(fields.texts("tags"))
            .iter()
            .map(|tag| tag.trim().to_owned())
            .collect(),
        created_at: created_at(fields, warnings),
        sold: warnings.or_warn(fields.integer("sold")).unwrap_or_default(),
        external_id,
    };
    let images = warnings
        .or_warn(fields.list("images"))
        .into_iter()
        .enumerate();
    let images = images.map(|(index, raw)| {
        let image = fields.element("images", index, raw);
        warnings.or_warn(image.and_then(|image| read_image(&image, folder)).map(Some))
    });
    let images = images.collect();
    place_images(&mut product, images, &mut warnings.0);
    Ok(product)
}

fn read_attributes(fields: &Fields<'_>, warnings: &mut Warnings) -> Vec<NewAttribute> {
    let read = |attribute: &Fields<'_>| {
        attribute.only(&["names", "values"])?;
        Ok(NewAttribute {
            names: texts(attribute, "names")?,
            values: texts(attribute, "values")?,
        })
    };
    let attributes = warnings.or_warn(fields.objects("attributes"));
    attributes
        .iter()
        .filter_map(|attribute| warnings.or_warn(read(attribute).map(Some)))
        .collect()
}

fn read_option(fields: &Fields<'_>) -> Result<NewOption, Fault> {
    fields.only(&["code", "names", "values"])?;
    let (code, names) = named(fields)?;
    let values = fields.objects("values")?;
    let values = values.iter().map(|value| {
        value.only(&["code", "names", "swatch"])?;
        let (code, names) = named(value)?;
        Ok(NewOptionValue {
            code,
            names,
            swatch: value.filled("swatch")?,
        })
    });
    Ok(NewOption {
        code,
        names,
        values: values.collect::<Result<_, Fault>>()?,
    })
}

/// The names of an option or value, and its code, which is derived from the name if absent.
fn named(fields: &Fields<'_>) -> Result<(String, Texts), Fault> {
    let names = texts(fields, "names")?;
    match (fields.filled("code")?, names.values().next()) {
        (Some(code), _) => Ok((code, names)),
        (None, Some(name)) => Ok((slug_from(name), names)),
        (None, None) => Err(fields.fault("code", "missing, and there is no name")),
    }
}

/// The variants. A product without a list of variants has one, described by its own fields.
fn read_variants(
    fields: &Fields<'_>,
    external_id: &str,
    options: &[NewOption],
    currency: Currency,
    warnings: &mut Warnings,
) -> Result<Vec<NewVariant>, Fault> {
    const OF_THE_ONLY_ONE: [&str; 7] = [
        "price",
        "compare_at",
        "stock",
        "backorder",
        "sku",
        "gtin",
        "weight_g",
    ];
    let variants = fields.list("variants")?;
    if variants.is_empty() {
        let only = read_variant(fields, external_id, Vec::new(), currency, warnings);
        return only
            .map(|variant| vec![variant])
            .map_err(|fault| fault.skipping(Skipped::Row));
    }
    if let Some(name) = OF_THE_ONLY_ONE
        .into_iter()
        .find(|name| fields.raw(name).is_some())
    {
        return Err(fields.fault(name, "belongs to the variants when there are any"));
    }
    let mut read = Vec::with_capacity(variants.len());
    for (index, raw) in variants.into_iter().enumerate() {
        let variant = fields.element("variants", index, raw).and_then(|variant| {
            variant.only(&[
                "sku",
                "gtin",
                "options",
                "price",
                "compare_at",
                "stock",
                "backorder",
                "weight_g",
                "image",
            ])?;
            let choices = read_choices(&variant, options)?;
            read_variant(&variant, external_id, choices, currency, warnings)
        });
        match variant {
            Ok(variant) => read.push(variant),
            Err(fault) => warnings.add(fault.skipping(Skipped::Variant)),
        }
    }
    if read.is_empty() {
        return Err(fields.fault("variants", "no variant can be sold"));
    }
    Ok(read)
}

fn read_variant(
    fields: &Fields<'_>,
    external_id: &str,
    choices: Vec<(String, String)>,
    currency: Currency,
    warnings: &mut Warnings,
) -> Result<NewVariant, Fault> {
    let price = fields.filled("price")?;
    let price = price.ok_or_else(|| fields.fault("price", "missing"))?;
    let compare_at = fields.filled("compare_at").and_then(|text| {
        text.map(|text| money::price(&fields.path("compare_at"), &text, currency))
            .transpose()
    });
    let weight = fields.integer("weight_g").and_then(|weight| {
        let weight = weight.map(u32::try_from).transpose();
        weight.map_err(|_| fields.fault("weight_g", "out of range"))
    });
    let image = fields.integer("image").and_then(|image| {
        let image = image.map(u32::try_from).transpose();
        image.map_err(|_| fields.fault("image", "out of range"))
    });
    let gtin = fields.filled("gtin");
    let sku = fields.filled("sku")?;
    Ok(NewVariant {
        sku: sku.unwrap_or_else(|| sku::derive(external_id, &choices)),
        gtin: warnings.or_warn(gtin),
        options: choices,
        price: money::price(&fields.path("price"), &price, currency)?,
        compare_at: warnings.or_warn(compare_at),
        stock: fields.integer("stock")?,
        backorder: warnings.or_warn(fields.flag("backorder")).unwrap_or(false),
        weight_g: warnings.or_warn(weight),
        image: warnings.or_warn(image),
    })
}

/// The option values of a variant, in the order of the product's options.
fn read_choices(
    fields: &Fields<'_>,
    options: &[NewOption],
) -> Result<Vec<(String, String)>, Fault> {
    let Some(choices) = fields.object("options")? else {
        return Ok(Vec::new());
    };
    let mut read = Vec::new();
    for code in choices.names() {
        if let Some(value) = choices.text(code)? {
            read.push((code.to_owned(), value));
        }
    }
    let place = |code: &str| options.iter().position(|option| option.code == code);
    read.sort_by_key(|(code, _)| place(code).unwrap_or(usize::MAX));
    Ok(read)
}

fn read_image(fields: &Fields<'_>, folder: &Folder) -> Result<NewImage, Fault> {
    fields.only(&["src", "alt"])?;
    let src = required(fields, "src")?;
    let source = folder
        .own_source(&src)
        .map_err(|reason| fields.fault("src", &reason))?;
    Ok(NewImage {
        source,
        alts: texts(fields, "alt")?,
    })
}

/// A text in the shop's languages. Any other language is a fault.
fn texts(fields: &Fields<'_>, name: &str) -> Result<Texts, Fault> {
    let Some(texts) = fields.object(name)? else {
        return Ok(Texts::new());
    };
    let mut read = Texts::new();
    for code in texts.names() {
        let locale = Locale::from_code(code);
        let locale = locale.ok_or_else(|| texts.fault(code, "not a language of the shop"))?;
        if let Some(text) = texts.filled(code)? {
            read.insert(locale, text.replace("\r\n", "\n"));
        }
    }
    Ok(read)
}

fn status(fields: &Fields<'_>) -> Result<Status, Fault> {
    let Some(name) = fields.filled("status")? else {
        return Ok(Status::default());
    };
    let unknown = || fields.fault("status", "must be active, draft or archived");
    Status::from_name(&name).ok_or_else(unknown)
}

fn created_at(fields: &Fields<'_>, warnings: &mut Warnings) -> Option<shared::time::Timestamp> {
    let text = warnings.or_warn(fields.filled("created_at"))?;
    let time = text
        .parse()
        .map_err(|error: shared::time::InvalidTimestamp| {
            fields.fault("created_at", &error.to_string())
        });
    warnings.or_warn(time.map(Some))
}

fn required(fields: &Fields<'_>, name: &str) -> Result<String, Fault> {
    fields
        .filled(name)?
        .ok_or_else(|| fields.fault(name, "missing"))
}
