//! Searching. The words of a product are written in the transaction that saves it (`index`); those of
//! categories are in the tree, which is in memory, so that a category is renamed without touching its
//! products. A search is some index ranges of bounded length (`find`), whatever is typed.
//!
//! What must stay true: an active product has its words in every language, and no other has any.

mod find;
mod index;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use shared::{
    catalog::{CategoryRef, Facets, LIMIT_DEFAULT, ProductList, Sort},
    id::CategoryId,
    locale::Locale,
    search::{
        ListSuggestions, QUERY_MAX, SUGGESTED_CATEGORIES, SUGGESTED_PRODUCTS, SearchList,
        SearchProducts, SuggestedProduct, Suggestions, TOTAL_MAX, normal_query,
    },
};

use crate::{
    app::App,
    db::{CatalogReader, Rows},
};

use super::{Category, Error, Listing, Tree, WHOLE_SHOP, limit, list, price, tree};
use find::{Hunt, Slot};
use index::known_terms;
use words::{Term, loose_terms_of, one_slip_from, runs_of, terms_of};

pub use index::rebuild_search;
pub(super) use index::{Subject, save_words};
pub(super) use words::words_of;

/// The number of the order by fitness in cursors; the others have those of lists.
const BY_FITNESS: u8 = 4;
/// How many products of a word are looked at, the best ones first. Where more have it, `more` is said of
/// what is found.
const CANDIDATES: i64 = 4_000;
/// The same where the products must have other words too, which the best ones may not have.
const CANDIDATES_OF_SEVERAL: i64 = 10_000;
/// The same for suggestions, of which a few are enough.
const CANDIDATES_TO_SUGGEST: i64 = 1_500;
/// The most categories that one word stands for; they are the widest.
const CATEGORIES_MAX: usize = 4;

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Found {
    /// The page.
    pub list: SearchList,
    /// What it can be narrowed by, where that was asked for.
    pub facets: Facets,
    /// How many products of each brand, by its slug, fit prices and availabilities.
    pub fitting: BTreeMap<String, u64>,
}

/// A page of what is found, as the API asks for it, with the category it is of.
pub async fn search_products(
    app: &App,
    asked: &SearchProducts,
) -> Result<(SearchList, CategoryId), Error> {
    check(&asked.q)?;
    let tree = tree(app).await?;
    let category = match &asked.category {
        Some(slug) => tree.find(slug).ok_or(Error::NoSuchCategory)?.id,
        None => WHOLE_SHOP,
    };
    let limit = limit(asked.limit, LIMIT_DEFAULT)?;
    let mut listing = Listing::of(category, Sort::default(), limit);
    listing.price_min = price(asked.price_min, "price_min", 0)?;
    listing.price_max = price(asked.price_max, "price_max", i64::MAX)?;
    listing.availability = asked.availability.clone();
    listing.cursor = asked.cursor;
    let search = Search {
        q: &asked.q,
        brands: &asked.brand,
        sort: asked.sort,
        locale: asked.locale,
        facets: false,
        few: false,
    };
    Ok((search.run(app, listing).await?.list, category))
}

/// Products and categories for what is typed so far.
pub async fn suggest(app: &App, asked: &ListSuggestions) -> Result<Suggestions, Error> {
    check(&asked.q)?;
    let listing = Listing::of(WHOLE_SHOP, Sort::default(), SUGGESTED_PRODUCTS);
    let search = Search {
        q: &asked.q,
        brands: &[],
        sort: None,
        locale: asked.locale,
        facets: false,
        few: true,
    };
    let found = search.run(app, listing).await?.list;
    let products = found.list.items.into_iter().map(|card| SuggestedProduct {
        image: card.image.as_ref().map(|it| it.smallest().to_owned()),
        slug: card.slug,
        name: card.name,
        price: card.price,
    });
    let words = found.corrected.as_deref().unwrap_or(&asked.q);
    Ok(Suggestions {
        products: products.collect(),
        categories: fitting_categories(app, words, asked.locale).await?,
    })
}

fn check(q: &str) -> Result<(), Error> {
    if q.chars().count() > QUERY_MAX {
        return Err(Error::Invalid("q", "q must have at most 100 characters"));
    }
    Ok(())
}

/// The categories whose names have all the words, the widest first.
pub async fn fitting_categories(
    app: &App,
    q: &str,
    locale: Locale,
) -> Result<Vec<CategoryRef>, Error> {
    let terms = terms_of(&runs_of(&normal_query(q)));
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let tree = tree(app).await?;
    let fits = |words: &BTreeSet<String>| {
        let mut terms = terms.iter();
        terms.all(|term| words.iter().any(|word| term.fits(word)))
    };
    let fitting = tree.named(locale, fits).into_iter();
    let shown = fitting
        .filter(|it| it.product_count > 0)
        .take(SUGGESTED_CATEGORIES);
    Ok(shown.map(|it| it.reference(locale)).collect())
}

/// What is searched, beside what lists are narrowed by.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// What was typed.
    pub q: &'a str,
    /// The slugs of brands; a slug that no brand has finds nothing.
    pub brands: &'a [String],
    /// In which order; what fits best comes first when absent.
    pub sort: Option<Sort>,
    /// The language.
    pub locale: Locale,
    /// Whether it is asked what the list can be narrowed by.
    pub facets: bool,
    /// Whether a few of the best are enough, and how many there are is not asked.
    pub few: bool,
}

impl Search<'_> {
    /// What is found, narrowed like this; the listing's own order is not looked at. Where nothing is
    /// written as it was typed, mistyped words are mended, and the characters of scripts without
    /// spaces may stand in any order.
    pub async fn run(self, app: &App, mut listing: Listing) -> Result<Found, Error> {
        let order = self.sort.map_or(BY_FITNESS, list::number);
        if listing.cursor.is_some_and(|cursor| cursor.order != order) {
            return Err(Error::Invalid(
                "cursor",
                "the cursor belongs to a list with another sort order",
            ));
        }
        let tree = tree(app).await?;
        let mut reader = app.db.catalog().await?;
        super::narrow_to(&mut reader, &mut listing, self.brands).await?;
        let typed = runs_of(&normal_query(self.q));
        let terms = terms_of(&typed);
        let place = (app, &*tree, &listing);
        let (found, wanting) = match self.attempt(&mut reader, place, &terms).await? {
            Attempt::Found(found) if found.list.total > 0 => return Ok(found),
            Attempt::Found(found) => (found, Vec::new()),
            Attempt::Wanting(words) => (Found::nothing(), words),
        };
        let Some(mended) = mend(&mut reader, self.locale, &typed, &wanting).await? else {
            return Ok(found);
        };
        let looser = loose_terms_of(&mended);
        if looser == terms {
            return Ok(found);
        }
        match self.attempt(&mut reader, place, &looser).await? {
            Attempt::Found(mut other) if other.list.total > 0 => {
                other.list.corrected = (mended != typed).then(|| mended.join(" "));
                Ok(other)
            }
            _ => Ok(found),
        }
    }

    /// What is found by these words.
    async fn attempt(
        self,
        reader: &mut CatalogReader,
        (app, tree, listing): (&App, &Tree, &Listing),
        terms: &[Term],
    ) -> Result<Attempt, Error> {
        let slots: Vec<Slot> = terms
            .iter()
            .map(|term| slot(tree, self.locale, term))
            .collect();
        let candidates = match slots.len() {
            _ if self.few => CANDIDATES_TO_SUGGEST,
            0 | 1 => CANDIDATES,
            _ => CANDIDATES_OF_SEVERAL,
        };
        let mut counts = Vec::with_capacity(slots.len());
        for slot in &slots {
            counts.push(find::count(reader, self.locale, slot, candidates + 1).await?);
        }
        let wanting = terms.iter().zip(&counts).filter(|(_, count)| **count == 0);
        let wanting: Vec<Term> = wanting.map(|(term, _)| term.clone()).collect();
        if !wanting.is_empty() {
            return Ok(Attempt::Wanting(wanting));
        }
        let fewest = (0..slots.len()).min_by_key(|index| counts[*index]);
        let Some(first) = fewest else {
            return Ok(Attempt::Found(Found::nothing()));
        };
        let hunt = Hunt {
            locale: self.locale,
            slots,
            first,
            candidates,
        };
        let mut found = self.gather(reader, (app, listing), &hunt).await?;
        found.list.more |= found.list.total > 0 && counts[first] > candidates;
        Ok(Attempt::Found(found))
    }

    async fn gather(
        self,
        reader: &mut CatalogReader,
        (app, listing): (&App, &Listing),
        hunt: &Hunt,
    ) -> Result<Found, Error> {
        let mut found = Found::nothing();
        if self.facets {
            let currency = app.config.currency;
            (found.facets, found.fitting) = find::facets(reader, hunt, listing, currency).await?;
        }
        // Brands were asked for, and there are none of these names.
        if self.brands.is_empty() || !listing.brands.is_empty() {
            let (places, total) = find::list(reader, hunt, listing, self.sort).await?;
            let order = self.sort.map_or(BY_FITNESS, list::number);
            let total = u64::try_from(total).unwrap_or(0);
            found.list = SearchList {
                list: list::page(places, order, listing.cursor, listing.limit),
                total: total.min(TOTAL_MAX),
                more: total > TOTAL_MAX,
                corrected: None,
            };
        }
        Ok(found)
    }
}

/// How searching for some words ended.
enum Attempt {
    /// All of them are written somewhere; no product may have them all.
    Found(Found),
    /// These are written nowhere.
    Wanting(Vec<Term>),
}

impl Found {
    fn nothing() -> Self {
        Self {
            list: SearchList {
                list: ProductList {
                    items: Vec::new(),
                    next: None,
                    previous: None,
                },
                total: 0,
                more: false,
                corrected: None,
            },
            facets: Facets {
                product_count: 0,
                brands: Vec::new(),
                price: None,
            },
            fitting: BTreeMap::new(),
        }
    }
}

/// A word with the categories that it stands for; those below one of them are in it.
fn slot(tree: &Tree, locale: Locale, term: &Term) -> Slot {
    let named = tree.named(locale, |words| words.iter().any(|word| term.fits(word)));
    let within =
        |it: &Category, other: &Category| it.id != other.id && tree.lies_in(it.id, other.id);
    let widest = named
        .iter()
        .filter(|it| !named.iter().any(|other| within(it, other)));
    Slot {
        term: term.clone(),
        categories: widest.take(CATEGORIES_MAX).map(|it| it.id).collect(),
    }
}

/// The words that were typed, with those that are written nowhere replaced by the best ones that are
/// one slip away. Nothing where one cannot be mended.
async fn mend(
    reader: &mut CatalogReader,
    locale: Locale,
    typed: &[String],
    wanting: &[Term],
) -> Result<Option<Vec<String>>, Error> {
    let mut mended = typed.to_vec();
    for term in wanting {
        if !typed.contains(&term.word) {
            // It is a part of something longer, which is searched more loosely.
            continue;
        }
        let mut meant = Vec::new();
        for chunk in one_slip_from(&term.word).chunks(Rows::MAX) {
            meant.extend(known_terms(reader.conn(), locale, chunk).await?);
        }
        let Some(best) = find::best_word(reader, locale, &meant).await? else {
            return Ok(None);
        };
        for it in mended.iter_mut().filter(|it| **it == term.word) {
            best.clone_into(it);
        }
    }
    Ok(Some(mended))
}
