//! Attributes, options and variants of a Saleor product.

use shared::locale::Locale;

use super::{
    error::{Fault, Skipped, Warnings},
    fields::Fields,
    options::{self, OptionChoice},
    saleor::PREFIX,
    saleor_product::{Products, RowError, VariantOptions},
    spool::Entry,
    text, weight,
};
use crate::catalog::model::{NewAttribute, NewOption, NewVariant, Texts};

/// An attribute's value as the shop shows it.
struct AttributeValue {
    attribute: String,
    slug: String,
    name: String,
    value: String,
    value_slug: String,
    swatch: Option<String>,
    order: i64,
}

/// A variant before the options of its product are known.
struct SaleorVariant {
    line: u64,
    name: String,
    variant: NewVariant,
    chosen: Vec<AttributeValue>,
}

impl Products<'_> {
    /// The product's own attributes, the brand among them.
    pub(super) fn facts(
        &self,
        pk: &str,
        warnings: &mut Warnings,
    ) -> Result<VariantOptions, RowError> {
        let spool = self.tables.spool;
        let mut assigned = spool.below(&["productvalue", pk])?;
        for entry in spool.below(&["assigned", pk])? {
            let own = entry.fields()?.filled("pk")?.unwrap_or_default();
            assigned.extend(spool.below(&["assignedvalue", &own])?);
        }
        let mut choosing = VariantOptions::default();
        for entry in &assigned {
            let Some(fact) = self.fact(entry, warnings)? else {
                continue;
            };
            if fact.slug == "brand" && choosing.brand.is_none() {
                choosing.brand = Some(fact.value);
            } else {
                add_fact(&mut choosing.attributes, &fact);
            }
        }
        Ok(choosing)
    }

    /// The variants, and the options that they choose from.
    pub(super) fn variants(
        &self,
        pk: &str,
        product: &Fields<'_>,
        mut choosing: VariantOptions,
        warnings: &mut Warnings,
    ) -> Result<VariantOptions, RowError> {
        let mut drafts = Vec::new();
        for entry in self.tables.spool.below(&["variant", pk])? {
            match self.draft(&entry, product, &mut choosing, warnings) {
                Ok(draft) => drafts.push(draft),
                Err(RowError::Row(fault)) => {
                    let reason = format!("{} (line {})", fault.reason, entry.line);
                    warnings.add(Fault {
                        reason,
                        skipped: Skipped::Variant,
                        ..fault
                    });
                }
                Err(failed) => return Err(failed),
            }
        }
        if drafts.is_empty() {
            return Err(Fault::row("variants", "no variant can be sold").into());
        }
        choosing.options = put_choices(&mut drafts);
        for draft in drafts {
            choosing.lines.push(draft.line);
            choosing.variants.push(draft.variant);
        }
        Ok(choosing)
    }

    fn draft(
        &self,
        entry: &Entry,
        product: &Fields<'_>,
        choosing: &mut VariantOptions,
        warnings: &mut Warnings,
    ) -> Result<SaleorVariant, RowError> {
        let row = entry.fields()?;
        let pk = row.filled("pk")?.unwrap_or_default();
        let (price, compare_at) = self.price(&pk, warnings)?;
        let sku = row
            .filled("sku")?
            .unwrap_or_else(|| format!("{PREFIX}{pk}"));
        let name = warnings
            .or_warn(row.filled("name"))
            .unwrap_or_else(|| sku.clone());
        let mut chosen = Vec::new();
        for assigned in self.tables.spool.below(&["assigned to variant", &pk])? {
            let assigned = assigned.fields()?;
            let (own, to) = (assigned.filled("pk")?, assigned.filled("assignment")?);
            let selects = self.selects(&to.unwrap_or_default())?;
            for value in self
                .tables
                .spool
                .below(&["variantvalue", &own.unwrap_or_default()])?
            {
                match self.fact(&value, warnings)? {
                    Some(fact) if selects => chosen.push(fact),
                    Some(fact) => add_fact(&mut choosing.attributes, &fact),
                    None => {}
                }
            }
        }
        let variant = NewVariant {
            sku,
            gtin: None,
            options: Vec::new(),
            price,
            compare_at,
            stock: self.stock(&pk, &row)?,
            backorder: false,
            weight_g: self.weight(&row, product, warnings)?,
            image: None,
        };
        Ok(SaleorVariant {
            line: entry.line,
            name: text::line(&name),
            variant,
            chosen,
        })
    }

    /// Whether the attribute of this assignment selects variants.
    fn selects(&self, assignment: &str) -> Result<bool, RowError> {
        let Some(entry) = self.tables.spool.get(&["attributevariant", assignment])? else {
            return Ok(false);
        };
        Ok(entry.fields()?.flag("variant_selection")? == Some(true))
    }

    /// The assigned value, with its attribute.
    fn fact(
        &self,
        assigned: &Entry,
        warnings: &mut Warnings,
    ) -> Result<Option<AttributeValue>, RowError> {
        let spool = self.tables.spool;
        let Some(pk) = warnings.or_warn(assigned.fields()?.filled("value")) else {
            return Ok(None);
        };
        let Some(value) = spool.get(&["value", &pk])? else {
            return Ok(None);
        };
        let value = value.fields()?;
        let Some(pk) = warnings.or_warn(value.filled("attribute")) else {
            return Ok(None);
        };
        let Some(attribute) = spool.get(&["attribute", &pk])? else {
            return Ok(None);
        };
        let attribute = attribute.fields()?;
        if warnings.or_warn(attribute.flag("visible_in_storefront")) == Some(false) {
            return Ok(None);
        }
        let mut cell = |row: &Fields<'_>, name: &str| warnings.or_warn(row.filled(name));
        let (Some(name), Some(shown)) = (cell(&attribute, "name"), shown(&value)) else {
            return Ok(None);
        };
        Ok(Some(AttributeValue {
            slug: cell(&attribute, "slug").unwrap_or_default(),
            name: text::line(&name),
            value: text::line(&shown),
            value_slug: cell(&value, "slug").unwrap_or_default(),
            swatch: cell(&value, "value").filter(|colour| colour.starts_with('#')),
            order: value
                .integer("sort_order")
                .ok()
                .flatten()
                .unwrap_or_default(),
            attribute: pk,
        }))
    }

    /// The weight of the variant, or else of the product or its type. Zero counts as unknown.
    fn weight(
        &self,
        row: &Fields<'_>,
        product: &Fields<'_>,
        warnings: &mut Warnings,
    ) -> Result<Option<u32>, RowError> {
        let mut text = warnings
            .or_warn(row.filled("weight"))
            .or(warnings.or_warn(product.filled("weight")));
        if text.is_none()
            && let Some(pk) = warnings.or_warn(product.filled("product_type"))
            && let Some(entry) = self.tables.spool.get(&["producttype", &pk])?
        {
            text = warnings.or_warn(entry.fields()?.filled("weight"));
        }
        let Some(text) = text else { return Ok(None) };
        let (number, unit) = text.split_once(':').unwrap_or((&text, "kg"));
        let grams = weight::grams(number, unit);
        if grams.is_none() {
            warnings.add(Fault::field(
                "weight",
                format!("{text:?} is not a valid weight"),
            ));
        }
        Ok(grams.filter(|grams| *grams > 0))
    }
}

/// The display text of a value: its name, or yes or no.
fn shown(value: &Fields<'_>) -> Option<String> {
    match value.flag("boolean").ok().flatten() {
        Some(true) => Some("Yes".to_owned()),
        Some(false) => Some("No".to_owned()),
        None => value.filled("name").ok().flatten(),
    }
}

/// Adds a value; several values of one attribute are joined.
fn add_fact(attributes: &mut Vec<NewAttribute>, fact: &AttributeValue) {
    let english = |text: &str| Texts::from([(Locale::En, text.to_owned())]);
    let names = english(&fact.name);
    match attributes
        .iter_mut()
        .find(|attribute| attribute.names == names)
    {
        Some(known) => {
            let values = known.values.entry(Locale::En).or_default();
            if !values.split(", ").any(|value| value == fact.value) {
                values.push_str(&format!(", {}", fact.value));
            }
        }
        None => attributes.push(NewAttribute {
            names,
            values: english(&fact.value),
        }),
    }
}

/// Derives options from the variants' values. Variants with equal values are distinguished by their
/// names instead.
fn put_choices(drafts: &mut [SaleorVariant]) -> Vec<NewOption> {
    let mut options: Vec<NewOption> = Vec::new();
    let mut attributes: Vec<String> = Vec::new();
    let mut orders: Vec<Vec<(String, i64)>> = Vec::new();
    for draft in drafts.iter_mut() {
        for fact in std::mem::take(&mut draft.chosen) {
            let known = attributes
                .iter()
                .position(|attribute| *attribute == fact.attribute);
            let place = known.unwrap_or_else(|| {
                let names = Texts::from([(Locale::En, fact.name.clone())]);
                let code = Some(fact.slug.clone()).filter(|slug| !slug.is_empty());
                options.push(options::option(code, names, &options));
                attributes.push(fact.attribute.clone());
                orders.push(Vec::new());
                options.len() - 1
            });
            let choice = OptionChoice {
                code: Some(fact.value_slug).filter(|slug| !slug.is_empty()),
                names: Texts::from([(Locale::En, fact.value)]),
                swatch: fact.swatch,
            };
            let code = options::choose(&mut options[place], choice);
            orders[place].push((code.clone(), fact.order));
            draft
                .variant
                .options
                .push((options[place].code.clone(), code));
        }
    }
    for (option, order) in options.iter_mut().zip(&orders) {
        let place = |code: &str| order.iter().find(|(known, _)| known == code).map(|it| it.1);
        option.values.sort_by_key(|value| place(&value.code));
    }
    if are_distinct(drafts, options.len()) {
        return options;
    }
    name_choices(drafts)
}

fn are_distinct(drafts: &[SaleorVariant], count: usize) -> bool {
    let choices = |draft: &SaleorVariant| {
        let mut choices = draft.variant.options.clone();
        choices.sort();
        choices
    };
    let all: std::collections::HashSet<_> = drafts.iter().map(choices).collect();
    all.len() == drafts.len()
        && drafts
            .iter()
            .all(|draft| draft.variant.options.len() == count)
}

/// Creates a single option whose values are the names of the variants.
fn name_choices(drafts: &mut [SaleorVariant]) -> Vec<NewOption> {
    let names = Texts::from([(Locale::En, "Variant".to_owned())]);
    let mut option = options::option(None, names, &[]);
    for draft in drafts.iter_mut() {
        let taken = |name: &str| {
            option
                .values
                .iter()
                .any(|value| value.names.values().any(|it| it == name))
        };
        let name = if taken(&draft.name) {
            &draft.variant.sku
        } else {
            &draft.name
        };
        let names = Texts::from([(Locale::En, name.clone())]);
        let code = options::choose(
            &mut option,
            OptionChoice {
                names,
                ..OptionChoice::default()
            },
        );
        draft.variant.options = vec![(option.code.clone(), code)];
    }
    vec![option]
}
