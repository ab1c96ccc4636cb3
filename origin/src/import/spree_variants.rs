//! Groups the rows of a Spree product by variant, and reads its variants and options.

use shared::{locale::Locale, money::Currency};

use super::{
    error::{Fault, Warnings},
    money,
    options::{self, OptionChoice},
    sheet::SheetRow,
    sku, text, weight,
};
use crate::catalog::model::{NewOption, NewVariant, Texts};

/// The columns of pictures and of options are numbered from 1 to at most this.
const NUMBERED_MAX: usize = 50;
/// Spree's own limit is three. More are read, so that they are reported instead of ignored.
const OPTIONS_READ: usize = 5;

/// The rows of a product.
pub(super) struct ProductRows {
    pub(super) all: Vec<SheetRow>,
}

impl ProductRows {
    pub(super) fn new(all: Vec<SheetRow>) -> Self {
        Self { all }
    }

    /// The first non-empty cell in a column. Later rows of a product leave repeated cells empty.
    pub(super) fn cell(&self, column: &str) -> Option<&str> {
        self.all.iter().find_map(|row| row.filled(column))
    }
}

/// The options and variants that were read, and the line of each variant.
#[derive(Default)]
pub(super) struct ReadVariants {
    pub(super) options: Vec<NewOption>,
    pub(super) variants: Vec<NewVariant>,
    pub(super) lines: Vec<u64>,
}

/// The rows of one variant: one that describes it, and one for each currency.
struct VariantRows<'a> {
    key: String,
    rows: Vec<&'a SheetRow>,
}

impl<'a> VariantRows<'a> {
    fn cell(&self, column: &str) -> Option<&'a str> {
        self.rows.iter().find_map(|row| row.filled(column))
    }

    fn has_choices(&self) -> bool {
        self.cell("option1_value").is_some()
    }

    fn line(&self) -> u64 {
        self.rows.first().map_or(0, |row| row.line)
    }
}

/// The addresses of the pictures, each once, with their columns.
pub(super) fn picture_list(rows: &ProductRows) -> Vec<(String, String)> {
    let mut list: Vec<(String, String)> = Vec::new();
    for row in &rows.all {
        for (column, src) in row_pictures(row) {
            if list.iter().all(|(_, known)| known != src) {
                list.push((column, src.to_owned()));
            }
        }
    }
    list
}

fn row_pictures(row: &SheetRow) -> impl Iterator<Item = (String, &str)> {
    let columns = (1..=NUMBERED_MAX).map(|number| format!("image{number}_src"));
    columns.filter_map(|column| row.filled(&column).map(|src| (column.clone(), src)))
}

/// The options and variants of these rows.
pub(super) fn read(
    rows: &ProductRows,
    external_id: &str,
    pictures: &[(String, String)],
    currency: Currency,
    warnings: &mut Warnings,
) -> Result<ReadVariants, Fault> {
    let mut groups = group(rows);
    let own_price = groups.first().and_then(|own| priced(own, currency));
    if groups.iter().any(VariantRows::has_choices) {
        // The product's own row is no variant.
        groups.retain(VariantRows::has_choices);
    } else {
        groups.truncate(1);
    }
    let in_currency = |group: &VariantRows<'_>| priced(group, currency).or(own_price).is_some();
    if !groups.iter().any(in_currency) {
        return Err(Fault::row("price", format!("there is none in {currency}")));
    }
    let mut read = ReadVariants::default();
    for group in &groups {
        match variant(
            group,
            own_price,
            external_id,
            &mut read.options,
            currency,
            warnings,
        ) {
            Ok(mut variant) => {
                let shown = group.rows.iter().find_map(|row| row_pictures(row).next());
                let index = shown.and_then(|(_, src)| pictures.iter().position(|it| it.1 == src));
                if group.has_choices() {
                    variant.image = index.and_then(|index| u32::try_from(index).ok());
                }
                read.variants.push(variant);
                read.lines.push(group.line());
            }
            Err(fault) => warnings.add(Fault {
                reason: format!("{} (line {})", fault.reason, group.line()),
                ..fault
            }),
        }
    }
    if read.variants.is_empty() {
        return Err(Fault::row("price", "no variant can be sold"));
    }
    Ok(read)
}

/// Groups rows by variant: by their SKU, or by their option values if they have none.
fn group(rows: &ProductRows) -> Vec<VariantRows<'_>> {
    let mut groups: Vec<VariantRows<'_>> = Vec::new();
    for row in &rows.all {
        let key = match row.filled("sku") {
            Some(sku) => format!("sku {sku}"),
            None => {
                let choices = (1..=OPTIONS_READ).map(|n| row.get(&format!("option{n}_value")));
                choices.collect::<Vec<_>>().join("\u{1f}")
            }
        };
        match groups.iter_mut().find(|group| group.key == key) {
            Some(group) => group.rows.push(row),
            None => groups.push(VariantRows {
                key,
                rows: vec![row],
            }),
        }
    }
    groups
}

/// The row with the price in the shop's currency. A row without a currency has the shop's.
fn priced<'a>(group: &VariantRows<'a>, currency: Currency) -> Option<&'a SheetRow> {
    let in_currency = |row: &&&SheetRow| {
        let code = row.get("currency");
        code.is_empty() || code.eq_ignore_ascii_case(currency.code())
    };
    let mut rows = group.rows.iter().filter(in_currency);
    rows.find(|row| row.filled("price").is_some()).copied()
}

fn variant(
    group: &VariantRows<'_>,
    own_price: Option<&SheetRow>,
    external_id: &str,
    options: &mut Vec<NewOption>,
    currency: Currency,
    warnings: &mut Warnings,
) -> Result<NewVariant, Fault> {
    let row = priced(group, currency).or(own_price);
    let row = row.ok_or_else(|| Fault::variant("price", format!("there is none in {currency}")))?;
    let price = money::price("price", row.get("price"), currency)?;
    let compare_at = row.filled("compare_at_price");
    let compare_at = compare_at
        .map(|text| money::price("compare_at_price", text, currency))
        .transpose();
    let choices = read_choices(group, options);
    Ok(NewVariant {
        sku: match group.cell("sku") {
            Some(sku) => sku.to_owned(),
            None => sku::derive(external_id, &choices),
        },
        gtin: None,
        options: choices,
        price,
        // Spree writes 0 if there is no compare-at price.
        compare_at: warnings
            .or_warn(compare_at)
            .filter(|before| before.minor > 0),
        stock: read_stock(group)?,
        backorder: flag(group, "inventory_backorderable") == Some(true),
        weight_g: read_weight(group, warnings),
        image: None,
    })
}

/// The variant's option values. New options and values are added to `options`.
fn read_choices(group: &VariantRows<'_>, options: &mut Vec<NewOption>) -> Vec<(String, String)> {
    let mut choices = Vec::new();
    for number in 1..=OPTIONS_READ {
        let cell = |field: &str| {
            group
                .cell(&format!("option{number}_{field}"))
                .map(text::line)
        };
        let (Some(name), Some(value)) = (cell("name"), cell("value")) else {
            continue;
        };
        let known = options
            .iter()
            .position(|option| option.names.get(&Locale::En).is_some_and(|it| *it == name));
        let index = known.unwrap_or_else(|| {
            options.push(options::option(
                None,
                Texts::from([(Locale::En, name)]),
                options,
            ));
            options.len() - 1
        });
        let names = Texts::from([(Locale::En, value)]);
        let code = options::choose(
            &mut options[index],
            OptionChoice {
                names,
                ..OptionChoice::default()
            },
        );
        choices.push((options[index].code.clone(), code));
    }
    choices
}

fn flag(group: &VariantRows<'_>, column: &str) -> Option<bool> {
    group
        .cell(column)
        .map(|text| text::flag(text) == Some(true))
}

/// The stock; `None` if it is not tracked.
fn read_stock(group: &VariantRows<'_>) -> Result<Option<i64>, Fault> {
    let tracked = flag(group, "track_inventory");
    if tracked == Some(false) {
        return Ok(None);
    }
    let row = group
        .rows
        .iter()
        .find(|row| row.filled("inventory_count").is_some());
    let count = row.map(|row| row.integer("inventory_count")).transpose();
    let count = count
        .map_err(|fault| Fault::variant(fault.field, fault.reason))?
        .flatten();
    // A negative count means that the variant is oversold, so nothing is available.
    Ok(count.map(|count| count.max(0)).or(tracked.map(|_| 0)))
}

fn read_weight(group: &VariantRows<'_>, warnings: &mut Warnings) -> Option<u32> {
    let number = group.cell("weight")?;
    let unit = group.cell("weight_unit").unwrap_or("lb");
    let grams = weight::grams(number, unit);
    if grams.is_none() {
        warnings.add(Fault::field(
            "weight",
            format!("{number:?} {unit:?} is not a valid weight"),
        ));
    }
    grams.filter(|grams| *grams > 0)
}
