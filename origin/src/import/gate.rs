//! The gate that the rows of every format pass: each is checked by itself ([`super::check`]), and against
//! those before it.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    ops::ControlFlow,
};

use shared::{locale::Locale, money::Currency};

use super::{
    BadRow, Emit, Error, Located, Lost, Row,
    check::{
        CATEGORY_DEPTH_MAX, EXTERNAL_ID_MAX, NAME_MAX, check_category, check_line, check_product,
        repeated,
    },
    check_variant,
    error::{Fault, Notes},
};
use crate::catalog::model::{NewCategory, NewProduct, Texts, UNPLACED};

/// Why reading ends early.
pub(super) enum Stop {
    /// Who takes the rows wants no more.
    Asked,
    /// The file cannot be read further.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Goes on, or stops.
pub(super) type Flow<T = ()> = Result<T, Stop>;

/// Where all rows pass on their way out.
pub(super) struct Gate<'a, 'b> {
    currency: Currency,
    emit: &'a mut Emit<'b>,
    /// How deep each category lies, by the hash of its external id; 1 is the top. The hashes are
    /// keyed at random, so that no file can be made to collide.
    depths: HashMap<u64, u8>,
    products: HashSet<u64>,
    skus: HashSet<u64>,
    hashes: RandomState,
}

impl<'a, 'b> Gate<'a, 'b> {
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

    /// Reports something wrong.
    pub(super) fn fault(&mut self, line: u64, fault: Fault) -> Flow {
        self.hand(Err(fault.at(line)))
    }

    /// Whether a category with this external id has passed.
    pub(super) fn has_category(&self, external_id: &str) -> bool {
        self.depths.contains_key(&self.hashes.hash_one(external_id))
    }

    /// Lets a category pass, or reports why not. True when it passed.
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
        self.hand(Ok(Located {
            line,
            row: Row::Category(category),
        }))?;
        Ok(true)
    }

    /// The category at the end of a path of names, made together with those above it where they
    /// have not passed yet. Its external id is `prefix` and the names, so that it is the same one
    /// in every file. `None`, and a report, when the path cannot be used.
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
                check_line("category", name, NAME_MAX, Lost::Field, &mut faults);
                if !faults.is_empty() {
                    self.report(line, faults)?;
                    return Ok(None);
                }
                let category = NewCategory {
                    external_id: external_id.clone(),
                    parent,
                    names: Texts::from([(Locale::En, name.clone())]),
                    position: UNPLACED,
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

    /// Lets a product pass, or reports why not. `variant_lines` says where its variants were when
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
        self.hand(Ok(Located {
            line,
            row: Row::Product(product),
        }))
    }

    /// Lets pass what a format made of a row, and reports what it could not use.
    pub(super) fn made(
        &mut self,
        line: u64,
        notes: Notes,
        product: Result<NewProduct, Fault>,
    ) -> Flow {
        self.report(line, notes.0)?;
        match product {
            Ok(product) => self.product(line, product, None),
            Err(fault) => self.fault(line, fault),
        }
    }

    /// Keeps the variants that can be sold.
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
            let lost = faults.iter().any(|fault| fault.lost != Lost::Field);
            for fault in faults {
                let field = format!("{prefix}{}", fault.field);
                self.fault(at, Fault { field, ..fault })?;
            }
            if !lost {
                skus.insert(variant.sku.clone());
                choices.insert(variant.options.clone());
                kept.push(variant);
            }
        }
        product.variants = kept;
        Ok(())
    }

    /// Reports the faults; true when one of them loses the row.
    fn report(&mut self, line: u64, faults: Vec<Fault>) -> Flow<bool> {
        let mut lost = false;
        for fault in faults {
            lost |= fault.lost == Lost::Row;
            self.fault(line, fault)?;
        }
        Ok(lost)
    }

    fn depth_below(&self, parent: Option<&str>) -> u8 {
        // A parent that is not in the file is already in the shop; the shop knows how deep it is.
        let above = parent.and_then(|id| self.depths.get(&self.hashes.hash_one(id)));
        above.map_or(1, |depth| depth.saturating_add(1))
    }

    fn hand(&mut self, row: Result<Located, BadRow>) -> Flow {
        match (self.emit)(row) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Asked),
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
