//! Assembles a product of a Saleor dump.

use shared::{
    locale::Locale,
    money::{Currency, Money},
};

use super::{
    check::place_images,
    error::{Error, Fault, Skipped, Warnings},
    fields::Fields,
    money,
    pictures::{Photos, picture},
    row_validator::{Flow, RowValidator},
    saleor::PREFIX,
    saleor_tables::{Tables, description},
    spool::Entry,
    text,
};
use crate::catalog::{
    model::{ImageSource, NewAttribute, NewImage, NewProduct, NewVariant, Status, Texts},
    slug::is_slug,
};

/// The context of all products.
pub(super) struct Products<'a> {
    pub(super) tables: &'a Tables<'a>,
    pub(super) photos: Photos,
    /// The channel whose prices are used.
    pub(super) channel: Option<String>,
    pub(super) currency: Currency,
}

/// A fault of the row, or an error of the temporary file.
pub(super) enum RowError {
    Row(Fault),
    Spool(Error),
}

impl From<Fault> for RowError {
    fn from(fault: Fault) -> Self {
        Self::Row(fault)
    }
}

impl From<Error> for RowError {
    fn from(error: Error) -> Self {
        Self::Spool(error)
    }
}

impl Products<'_> {
    /// Reads and emits a product.
    pub(super) fn read(&self, entry: &Entry, validator: &mut RowValidator<'_, '_>) -> Flow {
        let mut warnings = Warnings::default();
        let made = match entry.fields() {
            Ok(row) => self.product(&row, &mut warnings),
            Err(fault) => Err(fault.into()),
        };
        for fault in warnings.0 {
            validator.fault(entry.line, fault)?;
        }
        match made {
            Ok((mut product, lines)) => {
                if product
                    .category
                    .as_ref()
                    .is_some_and(|id| !validator.has_category(id))
                {
                    product.category = None;
                    let fault = Fault::field("category", "no such category");
                    validator.fault(entry.line, fault)?;
                }
                validator.product(entry.line, product, Some(&lines))
            }
            Err(RowError::Row(fault)) => validator.fault(entry.line, fault),
            Err(RowError::Spool(error)) => Err(error.into()),
        }
    }

    fn product(
        &self,
        row: &Fields<'_>,
        warnings: &mut Warnings,
    ) -> Result<(NewProduct, Vec<u64>), RowError> {
        let pk = row.filled("pk")?.unwrap_or_default();
        let name = row
            .filled("name")?
            .ok_or_else(|| row.fault("name", "missing"))?;
        let listing = self.listing("productlisting", &pk)?;
        let Some(listing) = listing else {
            let reason = format!("no channel in {} lists it", self.currency);
            return Err(Fault::row("price", reason).into());
        };
        let published = listing.fields()?.flag("is_published").unwrap_or_default();
        let mut names = Texts::from([(Locale::En, text::line(&name))]);
        let mut descriptions = Texts::from([(Locale::En, description(row, warnings))]);
        let translations = self.tables.spool.below(&["producttranslation", &pk])?;
        self.tables
            .translate(&translations, &mut names, &mut descriptions, warnings);
        let facts = self.facts(&pk, warnings)?;
        let choosing = self.variants(&pk, row, facts, warnings)?;
        let mut product = NewProduct {
            external_id: format!("{PREFIX}{pk}"),
            slug: warnings
                .or_warn(row.filled("slug"))
                .filter(|slug| is_slug(slug)),
            status: if published == Some(false) {
                Status::Draft
            } else {
                Status::Active
            },
            category: warnings
                .or_warn(row.filled("category"))
                .map(|pk| format!("{PREFIX}{pk}")),
            brand: choosing.brand,
            names,
            descriptions,
            attributes: choosing.attributes,
            options: choosing.options,
            variants: choosing.variants,
            images: Vec::new(),
            tags: self.collections(&pk)?,
            created_at: created_at(row, warnings),
            sold: 0,
        };
        let images = self.images(&pk, &name, warnings)?;
        place_images(&mut product, images, &mut warnings.0);
        Ok((product, choosing.lines))
    }

    /// The channel's row below a product or a variant.
    pub(super) fn listing(&self, table: &str, pk: &str) -> Result<Option<Entry>, RowError> {
        let listings = self.tables.spool.below(&[table, pk])?;
        Ok(listings.into_iter().find(|entry| {
            let Ok(row) = entry.fields() else {
                return false;
            };
            let field = |name| row.filled(name).ok().flatten();
            match &self.channel {
                Some(channel) => field("channel").as_ref() == Some(channel),
                None => field("currency").as_deref() == Some(self.currency.code()),
            }
        }))
    }

    /// The product's pictures, in Saleor's order.
    fn images(
        &self,
        pk: &str,
        name: &str,
        warnings: &mut Warnings,
    ) -> Result<Vec<Option<NewImage>>, RowError> {
        let mut images = Vec::new();
        for entry in self.tables.spool.below(&["media", pk])? {
            let row = entry.fields()?;
            if warnings
                .or_warn(row.filled("type"))
                .is_some_and(|kind| kind != "IMAGE")
            {
                continue;
            }
            let stored = warnings.or_warn(row.filled("image"));
            let address = warnings.or_warn(row.filled("external_url"));
            let source = match (stored, address) {
                (Some(stored), _) => self.photos.find(&stored, name).map(ImageSource::File),
                (None, Some(url)) => Ok(ImageSource::Remote(url)),
                (None, None) => continue,
            };
            match source {
                Ok(source) => {
                    let alt = warnings
                        .or_warn(row.filled("alt"))
                        .map(|alt| text::line(&alt));
                    let alts = alt.map(|alt| (Locale::En, alt)).into_iter().collect();
                    images.push(Some(NewImage {
                        alts,
                        ..picture(source)
                    }));
                }
                Err(reason) => {
                    let reason = format!("{reason} (line {})", entry.line);
                    warnings.add(Fault::field("image", reason));
                }
            }
        }
        Ok(images)
    }

    /// The names of the collections that the product is in.
    fn collections(&self, pk: &str) -> Result<Vec<String>, RowError> {
        let mut names = Vec::new();
        for entry in self.tables.spool.below(&["collected", pk])? {
            let Ok(Some(collection)) = entry.fields()?.filled("collection") else {
                continue;
            };
            if let Some(entry) = self.tables.spool.get(&["collection", &collection])? {
                let name = entry.fields()?.filled("name").ok().flatten();
                names.extend(name.map(|name| text::line(&name)));
            }
        }
        Ok(names)
    }

    /// The price of a variant, and the one before a reduction.
    pub(super) fn price(
        &self,
        pk: &str,
        warnings: &mut Warnings,
    ) -> Result<(Money, Option<Money>), RowError> {
        let none = || Fault::variant("price", format!("there is none in {}", self.currency));
        let listing = self.listing("variantlisting", pk)?.ok_or_else(none)?;
        let row = listing.fields()?;
        if row
            .filled("currency")?
            .is_some_and(|code| code != self.currency.code())
        {
            return Err(none().into());
        }
        let full = row.filled("price_amount")?.ok_or_else(none)?;
        let full = money::price("price_amount", &full, self.currency)?;
        let reduced = row.filled("discounted_price_amount").and_then(|text| {
            let text =
                text.map(|text| money::price("discounted_price_amount", &text, self.currency));
            text.transpose()
        });
        Ok(match warnings.or_warn(reduced) {
            Some(reduced) if reduced.minor < full.minor => (reduced, Some(full)),
            _ => (full, None),
        })
    }

    /// The unallocated stock in all warehouses.
    pub(super) fn stock(&self, pk: &str, row: &Fields<'_>) -> Result<Option<i64>, RowError> {
        if row.flag("track_inventory")? == Some(false) {
            return Ok(None);
        }
        let mut sum: i64 = 0;
        for entry in self.tables.spool.below(&["stock", pk])? {
            let stock = entry.fields()?;
            let field = |name| match stock.integer(name) {
                Ok(number) => Ok(number.unwrap_or_default()),
                Err(fault) => Err(Fault::variant("stock", fault.reason)),
            };
            let free = field("quantity")?.saturating_sub(field("quantity_allocated")?);
            sum = sum.saturating_add(free.max(0));
        }
        Ok(Some(sum))
    }
}

/// The parts of a product that come from its variants and attributes.
#[derive(Default)]
pub(super) struct VariantOptions {
    pub(super) brand: Option<String>,
    pub(super) attributes: Vec<NewAttribute>,
    pub(super) options: Vec<crate::catalog::model::NewOption>,
    pub(super) variants: Vec<NewVariant>,
    pub(super) lines: Vec<u64>,
}

fn created_at(row: &Fields<'_>, warnings: &mut Warnings) -> Option<shared::time::Timestamp> {
    let text = warnings.or_warn(row.filled("created_at"))?;
    let time = text
        .parse()
        .map_err(|error: shared::time::InvalidTimestamp| {
            row.fault("created_at", &error.to_string())
                .skipping(Skipped::Field)
        });
    warnings.or_warn(time.map(Some))
}
