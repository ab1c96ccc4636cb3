//! Search. The words of a product are indexed in the transaction that saves it (`index`). Those of
//! category names are matched in the tree in memory, so renaming a category does not touch its
//! products. A search reads a bounded number of index entries (`query`), whatever the input.
//!
//! Invariant: an active product is indexed in every language, any other is not indexed.

mod index;
mod query;
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
    db::{CatalogReader, Rows},
    platform::Platform,
};

use super::{Catalog, Category, Error, ListQuery, Tree, WHOLE_SHOP, limit, list, price, tree};
use index::find_indexed_terms;
use query::{QueryTerm, SearchQuery};
use words::{Term, loose_terms_of, runs_of, single_edits_of, terms_of};

pub use index::rebuild_search_index;
pub(super) use index::{SearchDocument, save_words};
pub(super) use words::words_of;

/// The number of the order by relevance in cursors. The others have the numbers of lists.
const BY_RELEVANCE: u8 = 4;
/// The most candidates of a term, the best first. If more products match, the result has `more`.
const CANDIDATES_MAX: i64 = 4_000;
/// The same with several terms, because the best candidates may not match the others.
const CANDIDATES_PER_TERM_MAX: i64 = 10_000;
/// The same for suggestions, which need only a few results.
const SUGGESTION_CANDIDATES_MAX: i64 = 1_500;
/// The most categories that one term matches by name, those with the most products.
const CATEGORIES_MAX: usize = 4;

/// The result of a search.
#[derive(Clone, Debug)]
pub struct SearchResult {
    /// The page of results.
    pub list: SearchList,
    /// The facets of the result, if they were requested.
    pub facets: Facets,
    /// The number of products by brand slug, under the filters by price and availability.
    pub brand_counts: BTreeMap<String, u64>,
}

/// A page of search results for an API request, with its category.
pub async fn search_products(
    catalog: &Catalog,
    request: &SearchProducts,
) -> Result<(SearchList, CategoryId), Error> {
    check(&request.q)?;
    let tree = tree(catalog).await?;
    let category = match &request.category {
        Some(slug) => tree.find(slug).ok_or(Error::NoSuchCategory)?.id,
        None => WHOLE_SHOP,
    };
    let limit = limit(request.limit, LIMIT_DEFAULT)?;
    let mut listing = ListQuery::of(category, Sort::default(), limit);
    listing.price_min = price(request.price_min, "price_min", 0)?;
    listing.price_max = price(request.price_max, "price_max", i64::MAX)?;
    listing.availability = request.availability.clone();
    listing.cursor = request.cursor;
    let search = Search {
        q: &request.q,
        brands: &request.brand,
        sort: request.sort,
        locale: request.locale,
        facets: false,
        first_page_only: false,
    };
    Ok((search.run(catalog, listing).await?.list, category))
}

/// Suggested products and categories for an incomplete query.
pub async fn suggest(catalog: &Catalog, request: &ListSuggestions) -> Result<Suggestions, Error> {
    check(&request.q)?;
    let listing = ListQuery::of(WHOLE_SHOP, Sort::default(), SUGGESTED_PRODUCTS);
    let search = Search {
        q: &request.q,
        brands: &[],
        sort: None,
        locale: request.locale,
        facets: false,
        first_page_only: true,
    };
    let found = search.run(catalog, listing).await?.list;
    let products = found.list.items.into_iter().map(|card| SuggestedProduct {
        image: card.image.as_ref().map(|it| it.smallest().to_owned()),
        slug: card.slug,
        name: card.name,
        price: card.price,
    });
    let words = found.corrected.as_deref().unwrap_or(&request.q);
    Ok(Suggestions {
        products: products.collect(),
        categories: matching_categories(catalog, words, request.locale).await?,
    })
}

fn check(q: &str) -> Result<(), Error> {
    if q.chars().count() > QUERY_MAX {
        return Err(Error::Invalid("q", "q must have at most 100 characters"));
    }
    Ok(())
}

/// The categories whose names match all terms, those with the most products first.
pub async fn matching_categories(
    catalog: &Catalog,
    q: &str,
    locale: Locale,
) -> Result<Vec<CategoryRef>, Error> {
    let terms = terms_of(&runs_of(&normal_query(q)));
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let tree = tree(catalog).await?;
    let matches = |words: &BTreeSet<String>| {
        let mut terms = terms.iter();
        terms.all(|term| words.iter().any(|word| term.matches(word)))
    };
    let matching = tree.named(locale, matches).into_iter();
    let shown = matching
        .filter(|it| it.product_count > 0)
        .take(SUGGESTED_CATEGORIES);
    Ok(shown.map(|it| it.reference(locale)).collect())
}

/// A search, in addition to the filters of a [`ListQuery`].
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// The query text.
    pub q: &'a str,
    /// Brand slugs to filter by. If none exists, nothing is found.
    pub brands: &'a [String],
    /// The sort order. By relevance if absent.
    pub sort: Option<Sort>,
    /// The language.
    pub locale: Locale,
    /// Whether to compute facets.
    pub facets: bool,
    /// Whether only a few results are needed and an exact total is not, so fewer candidates do.
    pub first_page_only: bool,
}

impl Search<'_> {
    /// Searches with the filters of `listing`, whose own sort order is ignored. If nothing matches,
    /// misspelled words are corrected, and the characters of scripts without spaces match in any
    /// order.
    pub async fn run(
        self,
        catalog: &Catalog,
        mut listing: ListQuery,
    ) -> Result<SearchResult, Error> {
        let order = self.sort.map_or(BY_RELEVANCE, list::number);
        if listing.cursor.is_some_and(|cursor| cursor.order != order) {
            return Err(Error::Invalid(
                "cursor",
                "the cursor belongs to a list with another sort order",
            ));
        }
        let tree = tree(catalog).await?;
        let mut reader = catalog.db.catalog().await?;
        super::narrow_to(&mut reader, &mut listing, self.brands).await?;
        let typed = runs_of(&normal_query(self.q));
        let terms = terms_of(&typed);
        let scope = (catalog, &*tree, &listing);
        let (found, missing) = match self.attempt(&mut reader, scope, &terms).await? {
            Attempt::Found(found) if found.list.total > 0 => return Ok(found),
            Attempt::Found(found) => (found, Vec::new()),
            Attempt::Missing(words) => (SearchResult::empty(), words),
        };
        let Some(corrected) = correct_spelling(&mut reader, self.locale, &typed, &missing).await?
        else {
            return Ok(found);
        };
        let loose_terms = loose_terms_of(&corrected);
        if loose_terms == terms {
            return Ok(found);
        }
        match self.attempt(&mut reader, scope, &loose_terms).await? {
            Attempt::Found(mut other) if other.list.total > 0 => {
                other.list.corrected = (corrected != typed).then(|| corrected.join(" "));
                Ok(other)
            }
            _ => Ok(found),
        }
    }

    /// Searches for these terms.
    async fn attempt(
        self,
        reader: &mut CatalogReader,
        (catalog, tree, listing): (&Catalog, &Tree, &ListQuery),
        terms: &[Term],
    ) -> Result<Attempt, Error> {
        let query_terms: Vec<QueryTerm> = terms
            .iter()
            .map(|term| query_term(tree, self.locale, term))
            .collect();
        let candidates = match query_terms.len() {
            _ if self.first_page_only => SUGGESTION_CANDIDATES_MAX,
            0 | 1 => CANDIDATES_MAX,
            _ => CANDIDATES_PER_TERM_MAX,
        };
        let mut counts = Vec::with_capacity(terms.len());
        for term in &query_terms {
            counts.push(query::count(reader, self.locale, term, candidates + 1).await?);
        }
        let missing = terms.iter().zip(&counts).filter(|(_, count)| **count == 0);
        let missing: Vec<Term> = missing.map(|(term, _)| term.clone()).collect();
        if !missing.is_empty() {
            return Ok(Attempt::Missing(missing));
        }
        let fewest = (0..query_terms.len()).min_by_key(|index| counts[*index]);
        let Some(first) = fewest else {
            return Ok(Attempt::Found(SearchResult::empty()));
        };
        let search = SearchQuery {
            locale: self.locale,
            terms: query_terms,
            first,
            candidates,
        };
        let mut found = self.fetch(reader, (catalog, listing), &search).await?;
        found.list.more |= found.list.total > 0 && counts[first] > candidates;
        Ok(Attempt::Found(found))
    }

    async fn fetch(
        self,
        reader: &mut CatalogReader,
        (platform, listing): (&Platform, &ListQuery),
        search: &SearchQuery,
    ) -> Result<SearchResult, Error> {
        let mut found = SearchResult::empty();
        if self.facets {
            let currency = platform.config.currency;
            (found.facets, found.brand_counts) =
                query::facets(reader, search, listing, currency).await?;
        }
        // With a filter of unknown brands, nothing is found.
        if self.brands.is_empty() || !listing.brands.is_empty() {
            let (products, total) = query::list(reader, search, listing, self.sort).await?;
            let order = self.sort.map_or(BY_RELEVANCE, list::number);
            let total = u64::try_from(total).unwrap_or(0);
            found.list = SearchList {
                list: list::page(products, order, listing.cursor, listing.limit),
                total: total.min(TOTAL_MAX),
                more: total > TOTAL_MAX,
                corrected: None,
            };
        }
        Ok(found)
    }
}

/// The outcome of one attempt to search.
enum Attempt {
    /// Every term is indexed, although perhaps no product has all of them.
    Found(SearchResult),
    /// These terms are not indexed.
    Missing(Vec<Term>),
}

impl SearchResult {
    fn empty() -> Self {
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
            brand_counts: BTreeMap::new(),
        }
    }
}

/// A term with the categories whose names match it, without their descendants.
fn query_term(tree: &Tree, locale: Locale, term: &Term) -> QueryTerm {
    let named = tree.named(locale, |words| words.iter().any(|word| term.matches(word)));
    let within =
        |it: &Category, other: &Category| it.id != other.id && tree.is_within(it.id, other.id);
    let widest = named
        .iter()
        .filter(|it| !named.iter().any(|other| within(it, other)));
    QueryTerm {
        spelling: term.clone(),
        categories: widest.take(CATEGORIES_MAX).map(|it| it.id).collect(),
    }
}

/// The runs of the query, with each missing word replaced by the best indexed word at an edit
/// distance of one. None if a word has no correction.
async fn correct_spelling(
    reader: &mut CatalogReader,
    locale: Locale,
    typed: &[String],
    missing: &[Term],
) -> Result<Option<Vec<String>>, Error> {
    let mut corrected = typed.to_vec();
    for term in missing {
        if !typed.contains(&term.word) {
            // The term is a part of a longer run, which the loose search handles.
            continue;
        }
        let mut candidates = Vec::new();
        for chunk in single_edits_of(&term.word).chunks(Rows::MAX) {
            candidates.extend(find_indexed_terms(reader.conn(), locale, chunk).await?);
        }
        let Some(best) = query::find_best_word(reader, locale, &candidates).await? else {
            return Ok(None);
        };
        for it in corrected.iter_mut().filter(|it| **it == term.word) {
            best.clone_into(it);
        }
    }
    Ok(Some(corrected))
}
