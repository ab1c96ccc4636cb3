//! Validates the rows of every format: each by itself ([`super::check`]) and against the rows
//! before it.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    ops::ControlFlow,
};

use shared::{locale::Locale, money::Currency};

use super::{
    BadRow, Emit, Error, LocatedRow, Row, Skipped,
    check::{
        CATEGORY_DEPTH_MAX, EXTERNAL_ID_MAX, NAME_MAX, check_category, check_line, check_product,
        repeated,
    },
    check_variant,
    error::{Fault, Warnings},
};
use crate::catalog::model::{NewCategory, NewProduct, Texts, UNPOSITIONED};

/// Why reading stops early.
pub(super) enum Stop {
    /// The receiver of the rows wants no more.
    Cancelled,
    /// The file cannot be read further.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Continues or stops.
pub(super) type Flow<T = ()> = Result<T, Stop>;

/// Validates rows and hands valid ones and faults to the receiver.
pub(super) struct RowValidator<'a, 'b> {
    currency: Currency,
    emit: &'a mut Emit<'b>,
    /// The depth of each category by the hash of its external id; 1 is the top. The hash keys are
    /// random, so no file can be crafted to collide.
    depths: HashMap<u64, u8>,
    products: HashSet<u64>,
    skus: HashSet<u64>,
    hashes: RandomState,
}

impl<'a, 'b> RowValidator<'a, 'b> {
    pub(super) fn new(currency: Currency, emit: &'a mut Emit<'b>) -> Self {
        Self {
            currency,
            emit,
            depths: HashMap::new(),
            products: HashSet::new(),
            skus: HashSet::new(),
            hashes: RandomState::new(),
        }
    }

    /// The currency of the shop.
    pub(super) fn currency(&self) -> Currency {
        self.currency
    }

    /// Reports a fault.
    pub(super) fn fault(&mut self, line: u64, fault: Fault) -> Flow {
        self.emit_row(Err(fault.at(line)))
    }

    /// Whether a category with this external id was accepted.
    pub(super) fn has_category(&self, external_id: &str) -> bool {
        self.depths.contains_key(&self.hashes.hash_one(external_id))
    }

    /// Accepts a category or reports its faults. True if it was accepted.
    pub(super) fn category(&mut self, line: u64, mut category: NewCategory) -> Flow<bool> {
        let mut faults = Vec::new();
        check_category(&mut category, &mut faults);
        let hash = self.hashes.hash_one(&category.external_id);
        let depth = self.depth_below(category.parent.as_deref());
        if self.depths.contains_key(&hash) {
            faults.push(Fault::row("external_id", repeated(&category.external_id)));
        }
        if category.parent.as_ref() == Some(&category.external_id) {
            faults.push(Fault::row("parent", "a category cannot be below itself"));
        }
        if usize::from(depth) > CATEGORY_DEPTH_MAX {
            faults.push(Fault::row("parent", too_deep()));
        }
        if self.report(line, faults)? {
            return Ok(false);
        }
        self.depths.insert(hash, depth);
        self.emit_row(Ok(LocatedRow {
            line,
            row: Row::Category(category),
        }))?;
        Ok(true)
    }

    /// The external id of the category at the end of a path of names. Creates the category and its
    /// ancestors where necessary. The id consists of `prefix` and the names, so it is the same in
    /// every file. Reports a fault and returns None if the path is invalid.
    pub(super) fn category_path(
        &mut self,
        line: u64,
        prefix: &str,
        names: &[String],
    ) -> Flow<Option<String>> {
        if names.len() > CATEGORY_DEPTH_MAX {
            self.fault(line, Fault::field("category", too_deep()))?;
            return Ok(None);
        }
        let mut parent: Option<String> = None;
        for end in 1..=names.len() {
            let external_id = path_id(prefix, &names[..end]);
            if !self.has_category(&external_id) {
                let name = &names[end - 1];
                let mut faults = Vec::new();
                check_line("category", name, NAME_MAX, Skipped::Field, &mut faults);
                if !faults.is_empty() {
                    self.report(line, faults)?;
                    return Ok(None);
                }
                let category = NewCategory {
                    external_id: external_id.clone(),
                    parent,
                    names: Texts::from([(Locale::En, name.clone())]),
                    position: UNPOSITIONED,
                    ..NewCategory::default()
                };
                if !self.category(line, category)? {
                    return Ok(None);
                }
            }
            parent = Some(external_id);
        }
        Ok(parent)
    }

    /// Accepts a product or reports its faults. `variant_lines` are the lines of its variants, if
    /// they have lines of their own.
    pub(super) fn product(
        &mut self,
        line: u64,
        mut product: NewProduct,
        variant_lines: Option<&[u64]>,
    ) -> Flow {
        let mut faults = Vec::new();
        check_product(&mut product, &mut faults);
        let hash = self.hashes.hash_one(&product.external_id);
        if self.products.contains(&hash) {
            faults.push(Fault::row("external_id", repeated(&product.external_id)));
        }
        if self.report(line, faults)? {
            return Ok(());
        }
        self.check_variants(line, &mut product, variant_lines)?;
        if product.variants.is_empty() {
            return self.fault(line, Fault::row("variants", "no variant can be sold"));
        }
        self.products.insert(hash);
        let skus = product
            .variants
            .iter()
            .map(|variant| self.hashes.hash_one(&variant.sku));
        self.skus.extend(skus);
        self.emit_row(Ok(LocatedRow {
            line,
            row: Row::Product(product),
        }))
    }

    /// Accepts the product that a format has read from a row, or reports its fault, with the
    /// warnings.
    pub(super) fn product_or_fault(
        &mut self,
        line: u64,
        warnings: Warnings,
        product: Result<NewProduct, Fault>,
    ) -> Flow {
        self.report(line, warnings.0)?;
        match product {
            Ok(product) => self.product(line, product, None),
            Err(fault) => self.fault(line, fault),
        }
    }

    /// Reports the faults of the variants and removes those that cannot be sold.
    fn check_variants(
        &mut self,
        line: u64,
        product: &mut NewProduct,
        lines: Option<&[u64]>,
    ) -> Flow {
        let mut skus = HashSet::new();
        let mut choices = HashSet::new();
        let mut kept = Vec::with_capacity(product.variants.len());
        for (index, mut variant) in std::mem::take(&mut product.variants)
            .into_iter()
            .enumerate()
        {
            let (at, prefix) = match lines.and_then(|lines| lines.get(index)) {
                Some(own) => (*own, String::new()),
                None => (line, format!("variants[{index}].")),
            };
            let mut faults = check_variant::check(&mut variant, product, self.currency);
            if self.skus.contains(&self.hashes.hash_one(&variant.sku))
                || skus.contains(&variant.sku)
            {
                faults.push(Fault::variant("sku", repeated(&variant.sku)));
            }
            if choices.contains(&variant.options) {
                faults.push(Fault::variant(
                    "options",
                    "another variant has the same option values",
                ));
            }
            let skipped = faults.iter().any(|fault| fault.skipped != Skipped::Field);
            for fault in faults {
                let field = format!("{prefix}{}", fault.field);
                self.fault(at, Fault { field, ..fault })?;
            }
            if !skipped {
                skus.insert(variant.sku.clone());
                choices.insert(variant.options.clone());
                kept.push(variant);
            }
        }
        product.variants = kept;
        Ok(())
    }

    /// Reports faults. True if one of them skips the row.
    fn report(&mut self, line: u64, faults: Vec<Fault>) -> Flow<bool> {
        let mut skipped = false;
        for fault in faults {
            skipped |= fault.skipped == Skipped::Row;
            self.fault(line, fault)?;
        }
        Ok(skipped)
    }

    fn depth_below(&self, parent: Option<&str>) -> u8 {
        // A parent that is not in the file is in the shop, which checks the depth when it saves.
        let above = parent.and_then(|id| self.depths.get(&self.hashes.hash_one(id)));
        above.map_or(1, |depth| depth.saturating_add(1))
    }

    fn emit_row(&mut self, row: Result<LocatedRow, BadRow>) -> Flow {
        match (self.emit)(row) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Cancelled),
        }
    }
}

/// The external id of the category at this path.
fn path_id(prefix: &str, names: &[String]) -> String {
    let id = format!("{prefix}{}", names.join(" > "));
    if id.chars().count() <= EXTERNAL_ID_MAX {
        return id;
    }
    format!("{prefix}{}", &blake3::hash(id.as_bytes()).to_hex()[..32])
}

fn too_deep() -> String {
    format!("more than {CATEGORY_DEPTH_MAX} levels of categories")
}
