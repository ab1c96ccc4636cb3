//! Mallard's CSV format: one row per variant. The rows of a product are adjacent and share its
//! `external_id`; cells of the product itself are in its first row, and further rows may leave them
//! empty. `docs/import.md` describes the format.

use shared::{locale::Locale, money::Currency};

use super::{
    Source,
    check::{OPTIONS_MAX, VALUES_MAX, VARIANTS_MAX, place_images},
    error::{Error, Fault, Skipped, Warnings},
    money, open, options,
    pictures::Folder,
    row_validator::{Flow, RowValidator},
    sheet::{Columns, Sheet, SheetRow},
    sku,
};
use crate::catalog::model::{
    NewAttribute, NewCategory, NewImage, NewOption, NewProduct, NewVariant, Status, Texts,
    UNPOSITIONED,
};

/// The separator of a category path.
pub(super) const PATH: &str = " > ";
/// The prefix of columns that hold one attribute.
const ATTRIBUTE: &str = "attribute:";
/// The most rows of a product: variants, and values of options that no variant has.
const ROWS_MAX: usize = VARIANTS_MAX + OPTIONS_MAX * VALUES_MAX;

/// The texts that have a column for each language, besides those of the options.
const TEXTS: [&str; 5] = [
    "name",
    "description",
    "image_alt",
    "attribute_name",
    "attribute_value",
];

/// The column of a text in this language. The default language has no suffix.
pub(super) fn column(base: &str, locale: Locale) -> String {
    if locale == Locale::default() {
        base.to_owned()
    } else {
        format!("{base}:{locale}")
    }
}

/// All columns in the order of exports.
pub(super) fn columns() -> Vec<String> {
    let mut columns = Vec::new();
    let mut add = |names: &[&str]| columns.extend(names.iter().map(|name| (*name).to_owned()));
    add(&[
        "type",
        "external_id",
        "slug",
        "status",
        "category",
        "category_id",
        "parent",
        "position",
        "brand",
        "tags",
        "created_at",
        "sold",
    ]);
    add(&[
        "sku",
        "gtin",
        "price",
        "compare_at",
        "stock",
        "backorder",
        "weight_g",
        "variant_image",
        "image",
    ]);
    for number in 1..=OPTIONS_MAX {
        for field in ["code", "value_code", "swatch"] {
            columns.push(format!("option{number}_{field}"));
        }
        for locale in Locale::ALL {
            columns.push(column(&format!("option{number}_name"), locale));
            columns.push(column(&format!("option{number}_value"), locale));
        }
    }
    for base in TEXTS {
        columns.extend(Locale::ALL.map(|locale| column(base, locale)));
    }
    columns
}

/// Reads the file, product by product.
pub(super) fn read(source: &Source, validator: &mut RowValidator<'_, '_>) -> Flow {
    let mut sheet = Sheet::new(open(&source.path)?)?;
    sheet.require("external_id")?;
    let reading = CsvReader {
        folder: Folder::new(source.media_folder()),
        attributes: attribute_columns(sheet.columns())?,
        currency: validator.currency(),
    };
    let mut group: Vec<SheetRow> = Vec::new();
    while let Some(row) = sheet.next()? {
        let row = match row {
            Ok(row) => row.unescaped(),
            Err((line, fault)) => {
                validator.fault(line, fault)?;
                continue;
            }
        };
        let continues = match group.first() {
            Some(first) => {
                let id = row.get("external_id");
                row.get("type") != "category" && (id.is_empty() || id == first.get("external_id"))
            }
            None => false,
        };
        if !continues {
            reading.finish(&mut group, validator)?;
        }
        match row.get("type") {
            "category" => reading.category(&row, validator)?,
            "" | "product" if group.len() < ROWS_MAX => group.push(row),
            "" | "product" => {
                let reason = format!("more than {ROWS_MAX} rows of one product");
                validator.fault(row.line, Fault::variant("", reason))?;
            }
            _ => {
                let reason = "must be product, category or empty";
                validator.fault(row.line, Fault::row("type", reason))?;
            }
        }
    }
    reading.finish(&mut group, validator)
}

/// The attributes that have a column of their own: name, language, column.
type AttributeColumns = Vec<(String, Vec<(Locale, String)>)>;

/// Checks the header. An unknown column is an error, because it is most likely misspelt.
fn attribute_columns(heading: &Columns) -> Result<AttributeColumns, Error> {
    let known = columns();
    let mut attributes = AttributeColumns::new();
    let mut names: Vec<_> = heading.iter().collect();
    names.sort_by_key(|(_, place)| **place);
    for (name, _) in names {
        let Some(attribute) = name.strip_prefix(ATTRIBUTE) else {
            if known.contains(name) {
                continue;
            }
            let reason = format!("unknown column {name:?}");
            return Err(Error::Broken { line: 1, reason });
        };
        let (attribute, locale) = match attribute.rsplit_once(':') {
            Some((attribute, code)) if Locale::from_code(code).is_some() => {
                (attribute, Locale::from_code(code).unwrap_or_default())
            }
            _ => (attribute, Locale::default()),
        };
        let column = (locale, name.clone());
        match attributes.iter_mut().find(|(known, _)| known == attribute) {
            Some((_, columns)) => columns.push(column),
            None => attributes.push((attribute.to_owned(), vec![column])),
        }
    }
    Ok(attributes)
}

/// The context of all rows.
struct CsvReader {
    folder: Folder,
    attributes: AttributeColumns,
    currency: Currency,
}

impl CsvReader {
    fn category(&self, row: &SheetRow, validator: &mut RowValidator<'_, '_>) -> Flow {
        let image = self.image(row);
        let position = row.integer("position");
        let mut warnings = Warnings::default();
        let category = NewCategory {
            external_id: row.get("external_id").to_owned(),
            slug: row.filled("slug").map(str::to_owned),
            parent: row.filled("parent").map(str::to_owned),
            position: warnings.or_warn(position).unwrap_or(UNPOSITIONED),
            names: texts(row, "name"),
            descriptions: texts(row, "description"),
            image: warnings.or_warn(image),
        };
        for warning in warnings.0 {
            validator.fault(row.line, warning)?;
        }
        validator.category(row.line, category).map(|_| ())
    }

    /// Converts a group of rows into a product.
    fn finish(&self, group: &mut Vec<SheetRow>, validator: &mut RowValidator<'_, '_>) -> Flow {
        let rows = std::mem::take(group);
        let Some(first) = rows.first() else {
            return Ok(());
        };
        for row in &rows[1..] {
            for column in ["name", "slug", "status", "category", "category_id", "brand"] {
                if !row.get(column).is_empty() && row.get(column) != first.get(column) {
                    let reason = "differs from the product's first row";
                    validator.fault(row.line, Fault::field(column, reason))?;
                }
            }
        }
        let category = match self.category_of(first, validator)? {
            Ok(category) => category,
            Err(fault) => return validator.fault(first.line, fault),
        };
        let mut faults = Vec::new();
        let product = self.product(&rows, category, &mut faults);
        for (line, fault) in faults {
            validator.fault(line, fault)?;
        }
        match product {
            Ok((product, lines)) => validator.product(first.line, product, Some(&lines)),
            Err(fault) => validator.fault(first.line, fault),
        }
    }

    /// The product's category, given as a path or an external id.
    fn category_of(
        &self,
        first: &SheetRow,
        validator: &mut RowValidator<'_, '_>,
    ) -> Flow<Result<Option<String>, Fault>> {
        match (first.filled("category"), first.filled("category_id")) {
            (Some(_), Some(_)) => {
                let reason = "set either category or category_id, not both";
                Ok(Err(Fault::row("category_id", reason)))
            }
            (Some(path), None) => {
                let names: Vec<_> = path
                    .split(PATH)
                    .map(|name| name.trim().to_owned())
                    .collect();
                validator.category_path(first.line, "", &names).map(Ok)
            }
            (None, id) => Ok(Ok(id.map(str::to_owned))),
        }
    }

    /// The product, and the lines of its variants.
    fn product(
        &self,
        rows: &[SheetRow],
        category: Option<String>,
        faults: &mut Vec<(u64, Fault)>,
    ) -> Result<(NewProduct, Vec<u64>), Fault> {
        let first = &rows[0];
        let external_id = first.get("external_id").to_owned();
        let mut options = read_options(first)?;
        let mut variants = Vec::new();
        let mut lines = Vec::new();
        for row in rows {
            let mut warnings = Warnings::default();
            match self.variant(row, &external_id, &mut options, &mut warnings) {
                Ok(Some(variant)) => {
                    variants.push(variant);
                    lines.push(row.line);
                }
                Ok(None) => {}
                Err(fault) => warnings.add(fault.skipping(Skipped::Variant)),
            }
            faults.extend(warnings.0.into_iter().map(|fault| (row.line, fault)));
        }
        let mut product = NewProduct {
            slug: first.filled("slug").map(str::to_owned),
            status: status(first)?,
            category,
            brand: first.filled("brand").map(str::to_owned),
            names: texts(first, "name"),
            descriptions: texts(first, "description"),
            attributes: self.read_attributes(rows),
            options,
            variants,
            images: Vec::new(),
            tags: split_tags(first.get("tags")),
            created_at: None,
            sold: 0,
            external_id,
        };
        let mut warnings = Warnings::default();
        product.sold = warnings.or_warn(first.integer("sold")).unwrap_or_default();
        product.created_at = first.filled("created_at").and_then(|text| {
            let time = text
                .parse()
                .map_err(|error: shared::time::InvalidTimestamp| {
                    Fault::field("created_at", error.to_string())
                });
            warnings.or_warn(time.map(Some))
        });
        faults.extend(warnings.0.into_iter().map(|fault| (first.line, fault)));
        self.read_images(rows, &mut product, faults);
        Ok((product, lines))
    }

    /// The variant of a row. A row without cells of a variant has none; it only adds a picture, an
    /// attribute or an option value.
    fn variant(
        &self,
        row: &SheetRow,
        external_id: &str,
        options: &mut [NewOption],
        warnings: &mut Warnings,
    ) -> Result<Option<NewVariant>, Fault> {
        const OWN: [&str; 8] = [
            "sku",
            "gtin",
            "price",
            "compare_at",
            "stock",
            "backorder",
            "weight_g",
            "variant_image",
        ];
        let choices = read_choices(row, options);
        if OWN.iter().all(|column| row.get(column).is_empty()) {
            return Ok(None);
        }
        let price = row
            .filled("price")
            .ok_or_else(|| Fault::variant("price", "missing"))?;
        let compare_at = row.filled("compare_at");
        let compare_at = compare_at
            .map(|text| money::price("compare_at", text, self.currency))
            .transpose();
        let image = row.count("variant_image").and_then(|number| match number {
            Some(0) => Err(Fault::field("variant_image", "pictures are counted from 1")),
            Some(number) => Ok(Some(number - 1)),
            None => Ok(None),
        });
        Ok(Some(NewVariant {
            sku: match row.filled("sku") {
                Some(sku) => sku.to_owned(),
                None => sku::derive(external_id, &choices),
            },
            gtin: row.filled("gtin").map(str::to_owned),
            options: choices,
            price: money::price("price", price, self.currency)?,
            compare_at: warnings.or_warn(compare_at),
            stock: row.integer("stock")?,
            backorder: warnings.or_warn(row.flag("backorder")).unwrap_or(false),
            weight_g: warnings.or_warn(row.count("weight_g")),
            image: warnings.or_warn(image),
        }))
    }

    /// The pictures: one for each row.
    fn read_images(
        &self,
        rows: &[SheetRow],
        product: &mut NewProduct,
        faults: &mut Vec<(u64, Fault)>,
    ) {
        let mut images = Vec::new();
        for row in rows {
            match self.image(row) {
                Ok(None) => {}
                Ok(image) => images.push(image),
                Err(fault) => {
                    images.push(None);
                    faults.push((row.line, fault));
                }
            }
        }
        let mut misplaced = Vec::new();
        place_images(product, images, &mut misplaced);
        faults.extend(misplaced.into_iter().map(|fault| (rows[0].line, fault)));
    }

    fn image(&self, row: &SheetRow) -> Result<Option<NewImage>, Fault> {
        let Some(src) = row.filled("image") else {
            return Ok(None);
        };
        let source = self.folder.own_source(src);
        let source = source.map_err(|reason| Fault::field("image", reason))?;
        Ok(Some(NewImage {
            source,
            alts: texts(row, "image_alt"),
        }))
    }

    /// The attributes: one for each row, and those that have columns of their own.
    fn read_attributes(&self, rows: &[SheetRow]) -> Vec<NewAttribute> {
        let of_rows = rows.iter().map(|row| NewAttribute {
            names: texts(row, "attribute_name"),
            values: texts(row, "attribute_value"),
        });
        let of_columns = self.attributes.iter().map(|(name, columns)| {
            let cells = columns
                .iter()
                .map(|(locale, column)| (*locale, rows[0].get(column)));
            let values = cells.filter(|(_, text)| !text.is_empty());
            NewAttribute {
                names: Texts::from([(Locale::default(), name.trim().to_owned())]),
                values: values
                    .map(|(locale, text)| (locale, text.to_owned()))
                    .collect(),
            }
        });
        // An empty cell means that the product does not have this attribute.
        let of_columns = of_columns.filter(|attribute| !attribute.values.is_empty());
        let of_rows = of_rows.filter(|it| !it.names.is_empty() || !it.values.is_empty());
        of_rows.chain(of_columns).collect()
    }
}

/// The options in the product's first row. An option requires the one before it.
fn read_options(first: &SheetRow) -> Result<Vec<NewOption>, Fault> {
    let mut options = Vec::new();
    for number in 1..=OPTIONS_MAX {
        let column = format!("option{number}_name");
        let names = texts(first, &column);
        if names.is_empty() {
            continue;
        }
        if options.len() + 1 != number {
            return Err(Fault::row(column, "no option precedes it"));
        }
        let code = first
            .filled(&format!("option{number}_code"))
            .map(str::to_owned);
        options.push(options::option(code, names, &options));
    }
    Ok(options)
}

/// The option values of a row. New values are added to the options.
fn read_choices(row: &SheetRow, options: &mut [NewOption]) -> Vec<(String, String)> {
    let mut choices = Vec::new();
    for (option, number) in options.iter_mut().zip(1..) {
        let choice = options::OptionChoice {
            code: row
                .filled(&format!("option{number}_value_code"))
                .map(str::to_owned),
            names: texts(row, &format!("option{number}_value")),
            swatch: row
                .filled(&format!("option{number}_swatch"))
                .map(str::to_owned),
        };
        if choice.code.is_some() || !choice.names.is_empty() {
            choices.push((option.code.clone(), options::choose(option, choice)));
        }
    }
    choices
}

fn status(row: &SheetRow) -> Result<Status, Fault> {
    let Some(name) = row.filled("status") else {
        return Ok(Status::default());
    };
    let unknown = || Fault::row("status", "must be active, draft or archived");
    Status::from_name(name).ok_or_else(unknown)
}

/// A text in each language that has a column.
fn texts(row: &SheetRow, base: &str) -> Texts {
    let cells = Locale::ALL.map(|locale| (locale, row.get(&column(base, locale)).to_owned()));
    cells
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

/// Splits the tags of a cell, which are separated by `|`; `\|` and `\\` are escape sequences.
pub(super) fn split_tags(cell: &str) -> Vec<String> {
    let mut tags = vec![String::new()];
    let mut letters = cell.chars();
    while let Some(letter) = letters.next() {
        let tag = match letter {
            '|' => {
                tags.push(String::new());
                continue;
            }
            '\\' => letters.next(),
            other => Some(other),
        };
        if let (Some(last), Some(letter)) = (tags.last_mut(), tag) {
            last.push(letter);
        }
    }
    let tags = tags.iter().map(|tag| tag.trim().to_owned());
    tags.filter(|tag| !tag.is_empty()).collect()
}

/// Joins tags into a cell, as the inverse of [`split_tags`].
pub(super) fn join_tags(tags: &[String]) -> String {
    let escaped = tags
        .iter()
        .map(|tag| tag.replace('\\', "\\\\").replace('|', "\\|"));
    escaped.collect::<Vec<_>>().join("|")
}
