//! Mallard's own JSON Lines: one category or product a line. `docs/import.md` describes it; an
//! unknown field is an error, because it is most likely a misspelt one.

use shared::{locale::Locale, money::Currency};

use super::{
    Source,
    check::place_images,
    error::{Fault, Lost, Notes},
    fields::Fields,
    gate::{Flow, Gate},
    money, open,
    pictures::Folder,
    records::Lines,
    sku,
};
use crate::catalog::{
    model::{
        NewAttribute, NewCategory, NewImage, NewOption, NewOptionValue, NewProduct, NewVariant,
        Status, Texts, UNPLACED,
    },
    slug::slug_from,
};

/// Reads the file line by line.
pub(super) fn read(source: &Source, gate: &mut Gate<'_, '_>) -> Flow {
    let folder = Folder::new(source.media_folder());
    let mut lines = Lines::new(open(&source.path)?)?;
    while let Some(record) = lines.next()? {
        let line = record.line;
        match Fields::record(record.bytes) {
            Ok(fields) => read_row(line, &fields, &folder, gate)?,
            Err(fault) => gate.fault(line, fault)?,
        }
    }
    Ok(())
}

fn read_row(line: u64, fields: &Fields<'_>, folder: &Folder, gate: &mut Gate<'_, '_>) -> Flow {
    let mut notes = Notes::default();
    match fields.filled("type") {
        Ok(Some(kind)) if kind == "category" => {
            let category = read_category(fields, folder, &mut notes);
            for note in notes.0 {
                gate.fault(line, note)?;
            }
            match category {
                Ok(category) => gate.category(line, category).map(|_| ()),
                Err(fault) => gate.fault(line, fault),
            }
        }
        Ok(Some(kind)) if kind == "product" => {
            let product = read_product(fields, folder, gate.currency(), &mut notes);
            gate.made(line, notes, product)
        }
        Ok(_) => gate.fault(
            line,
            fields.fault("type", "must be \"category\" or \"product\""),
        ),
        Err(fault) => gate.fault(line, fault),
    }
}

fn read_category(
    fields: &Fields<'_>,
    folder: &Folder,
    notes: &mut Notes,
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
    let image = match notes.soft(fields.object("image")) {
        Some(image) => notes.soft(read_image(&image, folder).map(Some)),
        None => None,
    };
    Ok(NewCategory {
        external_id: required(fields, "external_id")?,
        slug: fields.filled("slug")?,
        parent: fields.filled("parent")?,
        position: notes.soft(fields.integer("position")).unwrap_or(UNPLACED),
        names: texts(fields, "names")?,
        descriptions: texts(fields, "descriptions")?,
        image,
    })
}

fn read_product(
    fields: &Fields<'_>,
    folder: &Folder,
    currency: Currency,
    notes: &mut Notes,
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
    let variants = read_variants(fields, &external_id, &options, currency, notes)?;
    let mut product = NewProduct {
        slug: fields.filled("slug")?,
        status: status(fields)?,
        category: fields.filled("category")?,
        brand: fields.filled("brand")?,
        names: texts(fields, "names")?,
        descriptions: texts(fields, "descriptions")?,
        attributes: read_attributes(fields, notes),
        options,
        variants,
        images: Vec::new(),
        tags: notes
            .soft(fields.texts("tags"))
            .iter()
            .map(|tag| tag.trim().to_owned())
            .collect(),
        created_at: created_at(fields, notes),
        sold: notes.soft(fields.integer("sold")).unwrap_or_default(),
        external_id,
    };
    let images = notes.soft(fields.list("images")).into_iter().enumerate();
    let images = images.map(|(index, raw)| {
        let image = fields.element("images", index, raw);
        notes.soft(image.and_then(|image| read_image(&image, folder)).map(Some))
    });
    let images = images.collect();
    place_images(&mut product, images, &mut notes.0);
    Ok(product)
}

fn read_attributes(fields: &Fields<'_>, notes: &mut Notes) -> Vec<NewAttribute> {
    let read = |attribute: &Fields<'_>| {
        attribute.only(&["names", "values"])?;
        Ok(NewAttribute {
            names: texts(attribute, "names")?,
            values: texts(attribute, "values")?,
        })
    };
    let attributes = notes.soft(fields.objects("attributes"));
    attributes
        .iter()
        .filter_map(|attribute| notes.soft(read(attribute).map(Some)))
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

/// The names of an option or value, and its code: made from the name when absent.
fn named(fields: &Fields<'_>) -> Result<(String, Texts), Fault> {
    let names = texts(fields, "names")?;
    match (fields.filled("code")?, names.values().next()) {
        (Some(code), _) => Ok((code, names)),
        (None, Some(name)) => Ok((slug_from(name), names)),
        (None, None) => Err(fields.fault("code", "missing, and there is no name")),
    }
}

/// The variants; of a product that lists none, the one that its own fields describe.
fn read_variants(
    fields: &Fields<'_>,
    external_id: &str,
    options: &[NewOption],
    currency: Currency,
    notes: &mut Notes,
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
        let only = read_variant(fields, external_id, Vec::new(), currency, notes);
        return only
            .map(|variant| vec![variant])
            .map_err(|fault| fault.losing(Lost::Row));
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
            read_variant(&variant, external_id, choices, currency, notes)
        });
        match variant {
            Ok(variant) => read.push(variant),
            Err(fault) => notes.add(fault.losing(Lost::Variant)),
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
    notes: &mut Notes,
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
        sku: sku.unwrap_or_else(|| sku::made_from(external_id, &choices)),
        gtin: notes.soft(gtin),
        options: choices,
        price: money::price(&fields.path("price"), &price, currency)?,
        compare_at: notes.soft(compare_at),
        stock: fields.integer("stock")?,
        backorder: notes.soft(fields.flag("backorder")).unwrap_or(false),
        weight_g: notes.soft(weight),
        image: notes.soft(image),
    })
}

/// What a variant chooses, in the order of the product's options.
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

/// A text in each language that the shop speaks; in another one, it is a mistake.
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
    let Some(word) = fields.filled("status")? else {
        return Ok(Status::default());
    };
    let unknown = || fields.fault("status", "must be active, draft or archived");
    Status::from_word(&word).ok_or_else(unknown)
}

fn created_at(fields: &Fields<'_>, notes: &mut Notes) -> Option<shared::time::Timestamp> {
    let text = notes.soft(fields.filled("created_at"))?;
    let time = text
        .parse()
        .map_err(|error: shared::time::InvalidTimestamp| {
            fields.fault("created_at", &error.to_string())
        });
    notes.soft(time.map(Some))
}

fn required(fields: &Fields<'_>, name: &str) -> Result<String, Fault> {
    fields
        .filled(name)?
        .ok_or_else(|| fields.fault(name, "missing"))
}
