//! SQL of searches. A statement is built from fixed parts, one for each term; every value is bound.
//! It reads the beginnings of index ranges: the best products of the rarest term, up to a limit,
//! and for each of these candidates, by id, whether it matches the other terms.

use std::collections::BTreeMap;

use shared::{
    catalog::{BRANDS_MAX, BrandCount, Facets, PriceSpan, Sort},
    cursor::Direction,
    id::CategoryId,
    locale::Locale,
    money::{Currency, Money},
};
use sqlx::{Any, QueryBuilder, Row as _};

use crate::{
    catalog::{
        Error, ListQuery,
        list::{self, ListedProduct},
        product_card::{self, product_card},
        store,
    },
    db::{self, CatalogReader, Rows},
};

use super::{index::SOLD_MAX, words::Term};

/// The weight of a match in the name of a product's category.
const CATEGORY_WEIGHT: i64 = 2;
/// The additional weight of a whole word over a prefix.
const WHOLE_WORD_BONUS: i64 = 1;
/// Sorts after every word with a given prefix: no word contains this character.
const PREFIX_END: char = '\u{10ffff}';
/// The most brands in a filter.
const FACET_BRANDS_MAX: usize = 40;

/// A term of a search, with the categories whose names match it.
#[derive(Clone, Debug)]
pub(super) struct QueryTerm {
    pub(super) spelling: Term,
    pub(super) categories: Vec<CategoryId>,
}

/// The terms of a search; the candidates come from the term at index `first`.
#[derive(Clone, Debug)]
pub(super) struct SearchQuery {
    pub(super) locale: Locale,
    pub(super) terms: Vec<QueryTerm>,
    pub(super) first: usize,
    /// The most candidates.
    pub(super) candidates: i64,
}

impl QueryTerm {
    /// The index words that match exactly, each once.
    fn exact_words(&self) -> Vec<&str> {
        let typed = self.spelling.prefix && self.spelling.word != self.spelling.stem;
        let typed = typed.then_some(self.spelling.word.as_str());
        [self.spelling.stem.as_str()]
            .into_iter()
            .chain(typed)
            .collect()
    }
}

type Query = QueryBuilder<Any>;

/// Selects at most `limit` candidates of a term with their weights: first exact matches, then
/// prefix matches, then products of matching categories. A product may be selected more than once.
fn push_candidates(query: &mut Query, locale: Locale, term: &QueryTerm, limit: i64) {
    query.push("select product_id, weight, sold from (");
    push_candidate_ranges(query, locale, term, limit);
    query.push(") arms limit ").push_bind(limit);
}

fn push_candidate_ranges(query: &mut Query, locale: Locale, term: &QueryTerm, limit: i64) {
    let mut arms = 0;
    let mut next = |query: &mut Query| {
        query.push(if arms == 0 { "" } else { " union all " });
        arms += 1;
    };
    for word in term.exact_words() {
        next(query);
        query
            .push("select product_id, weight + ")
            .push_bind(WHOLE_WORD_BONUS)
            .push(
                " as weight, sold
                   from (select product_id, weight, sold
                           from search_words
                          where locale = ",
            )
            .push_bind(locale.code())
            .push(" and word = ")
            .push_bind(word.to_owned())
            .push(" order by weight desc, sold desc, product_id desc limit ")
            .push_bind(limit)
            .push(") whole");
    }
    if term.spelling.prefix {
        next(query);
        query
            .push(
                "select product_id, weight, sold
                   from (select product_id, weight, sold
                           from search_words
                          where locale = ",
            )
            .push_bind(locale.code())
            .push(" and word > ")
            .push_bind(term.spelling.word.clone())
            .push(" and word < ")
            .push_bind(format!("{}{PREFIX_END}", term.spelling.word))
            .push(" order by word, weight desc, sold desc, product_id desc limit ")
            .push_bind(limit)
            .push(") begun");
    }
    for category in &term.categories {
        next(query);
        query
            .push("select product_id, ")
            .push_bind(CATEGORY_WEIGHT)
            .push(
                " as weight, sold
                   from (select product_id, sold
                           from product_listings
                          where category_id = ",
            )
            .push_bind(category.get())
            .push(" order by sold desc, product_id desc limit ")
            .push_bind(limit)
            .push(") listed");
    }
}

/// The number of candidates of a term, up to `limit`. Duplicates are counted.
pub(super) async fn count(
    reader: &mut CatalogReader,
    locale: Locale,
    term: &QueryTerm,
    limit: i64,
) -> Result<i64, db::Error> {
    let mut query = Query::new("select count(*) from (");
    push_candidates(&mut query, locale, term, limit);
    query.push(") found");
    query.build_query_scalar().fetch_one(reader.conn()).await
}

/// The weight of this term for the candidate `c`; null if it does not match.
fn push_relevance(query: &mut Query, locale: Locale, term: &QueryTerm) {
    let exact_words = term.exact_words();
    query.push("(select max(w.weight + case when w.word in ");
    Rows::push_list(query, exact_words.iter().copied());
    query
        .push(" then ")
        .push_bind(WHOLE_WORD_BONUS)
        .push(
            " else 0 end)
               from search_words w
              where w.product_id = c.product_id
                and w.locale = ",
        )
        .push_bind(locale.code())
        .push(" and (w.word in ");
    Rows::push_list(query, exact_words.iter().copied());
    if term.spelling.prefix {
        query
            .push(" or (w.word > ")
            .push_bind(term.spelling.word.clone())
            .push(" and w.word < ")
            .push_bind(format!("{}{PREFIX_END}", term.spelling.word))
            .push(")");
    }
    query.push("))");
}

/// The products that match all terms: `product_id`, `weight` and `sold`.
fn push_matches(query: &mut Query, search: &SearchQuery) {
    query.push(
        "select product_id, weight, sold
           from (select c.product_id, max(c.sold) as sold, max(c.weight)",
    );
    let others = search.terms.iter().enumerate();
    for (_, term) in others.filter(|(index, _)| *index != search.first) {
        if term.categories.is_empty() {
            query.push(" + ");
            push_relevance(query, search.locale, term);
            continue;
        }
        query.push(" + coalesce(");
        push_relevance(query, search.locale, term);
        query.push(", (select ").push_bind(CATEGORY_WEIGHT).push(
            " from product_listings x
             where x.product_id = c.product_id
               and x.category_id in ",
        );
        Rows::push_list(query, term.categories.iter().map(|it| it.get()));
        query.push(" limit 1))");
    }
    query.push(" as weight from (");
    let first = &search.terms[search.first];
    push_candidates(query, search.locale, first, search.candidates);
    query.push(") c group by c.product_id) matched where weight is not null");
}

/// The sort expression of an order, and whether it is ascending.
const fn order(sort: Option<Sort>) -> (&'static str, bool) {
    match sort {
        None => ("m.weight * 1099511627776 + m.sold", false),
        Some(Sort::Newest) => ("l.created_at", false),
        Some(Sort::PriceUp) => ("l.price_minor", true),
        Some(Sort::PriceDown) => ("l.price_minor", false),
        Some(Sort::BestSelling) => ("l.sold", false),
    }
}

const _: () = assert!(SOLD_MAX == 1_099_511_627_776 - 1);

/// A page of results with one product more than its limit, and the total.
pub(super) async fn list(
    reader: &mut CatalogReader,
    search: &SearchQuery,
    listing: &ListQuery,
    sort: Option<Sort>,
) -> Result<(Vec<ListedProduct>, i64), Error> {
    let (key, rising) = order(sort);
    let before = listing.cursor.map(|it| it.direction) == Some(Direction::Before);
    let (comparison, direction, start) = if rising != before {
        (">", "asc", i64::MIN)
    } else {
        ("<", "desc", i64::MAX)
    };
    let (at, id) = listing.cursor.map_or((start, start), |it| (it.key, it.id));
    let mut query = Query::new(concat!(
        "select l.total, ",
        product_card!("coalesce(t.name, d.name)"),
        " as card
           from (select product_id, availability, sort_key, total
                   from (select l.product_id, l.availability, count(*) over () as total, "
    ));
    query.push(key).push(" as sort_key from (");
    push_matches(&mut query, search);
    // `cross join` makes SQLite look up the matches instead of scanning the listings.
    query
        .push(
            ") m
          cross join product_listings l on l.product_id = m.product_id
          where l.category_id = ",
        )
        .push_bind(listing.category.get())
        .push(" and l.price_minor >= ")
        .push_bind(listing.price_min)
        .push(" and l.price_minor <= ")
        .push_bind(listing.price_max)
        .push(" and l.availability in ");
    Rows::push_list(&mut query, list::availability(&listing.availability));
    if !listing.brands.is_empty() {
        query.push(" and l.brand_id in ");
        let brands = listing.brands.iter().take(BRANDS_MAX).map(|it| it.get());
        Rows::push_list(&mut query, brands);
    }
    query.push(") everything where sort_key ").push(comparison);
    query.push("= ").push_bind(at);
    query.push(" and (sort_key ").push(comparison).push(" ");
    query.push_bind(at).push(" or product_id ").push(comparison);
    query.push(" ").push_bind(id).push(") order by sort_key ");
    query.push(direction).push(", product_id ").push(direction);
    query
        .push(" limit ")
        .push_bind(i64::from(listing.limit) + 1)
        .push(
            ") l
           join products p on p.id = l.product_id
           left join brands b on b.id = p.brand_id
           left join product_texts t on t.product_id = p.id and t.locale = ",
        )
        .push_bind(search.locale.code())
        .push(
            " left join product_texts d on d.product_id = p.id and d.locale = 'en'
              order by l.sort_key ",
        );
    query
        .push(direction)
        .push(", l.product_id ")
        .push(direction);
    let rows = query.build().fetch_all(reader.conn()).await?;
    let total = match rows.first() {
        Some(row) => row.try_get("total")?,
        None => 0,
    };
    let products = rows.iter().map(|row| {
        let text: String = row.try_get("card")?;
        product_card::parse_one(&text, search.locale)
    });
    Ok((products.collect::<Result<_, _>>()?, total))
}

/// The facets of the result, and the number of products of each brand under the list's filters by
/// price and availability.
pub(super) async fn facets(
    reader: &mut CatalogReader,
    search: &SearchQuery,
    listing: &ListQuery,
    currency: Currency,
) -> Result<(Facets, BTreeMap<String, u64>), Error> {
    let mut query = Query::new(
        "select g.product_count, g.fitting, g.lowest, g.highest, b.slug, b.name
           from (select l.brand_id, count(*) as product_count, min(l.price_minor) as lowest,
                        max(l.price_minor) as highest,
                        cast(sum(case when l.price_minor >= ",
    );
    query
        .push_bind(listing.price_min)
        .push(" and l.price_minor <= ")
        .push_bind(listing.price_max)
        .push(" and l.availability in ");
    Rows::push_list(&mut query, list::availability(&listing.availability));
    query.push(" then 1 else 0 end) as signed) as fitting from (");
    push_matches(&mut query, search);
    query
        .push(
            ") m
          cross join product_listings l on l.product_id = m.product_id
          where l.category_id = ",
        )
        .push_bind(listing.category.get())
        .push(
            " group by l.brand_id) g
           left join brands b on b.id = g.brand_id
          order by g.product_count desc, b.name",
        );
    let mut facets = Facets {
        product_count: 0,
        brands: Vec::new(),
        price: None,
    };
    let mut brand_counts = BTreeMap::new();
    for row in query.build().fetch_all(reader.conn()).await? {
        let product_count = store::count(&row)?;
        let money =
            |column| -> Result<_, db::Error> { Ok(Money::new(row.try_get(column)?, currency)) };
        let (lowest, highest) = (money("lowest")?, money("highest")?);
        let span = facets.price.get_or_insert(PriceSpan {
            from: lowest,
            to: highest,
        });
        span.from.minor = span.from.minor.min(lowest.minor);
        span.to.minor = span.to.minor.max(highest.minor);
        facets.product_count += product_count;
        let slug: Option<String> = row.try_get("slug")?;
        if let Some(slug) = &slug {
            let count: i64 = row.try_get("fitting")?;
            brand_counts.insert(slug.clone(), u64::try_from(count).unwrap_or(0));
        }
        if let Some(slug) = slug.filter(|_| facets.brands.len() < FACET_BRANDS_MAX) {
            facets.brands.push(BrandCount {
                slug,
                name: row.try_get("name")?,
                product_count,
            });
        }
    }
    facets
        .brands
        .sort_by_cached_key(|brand| brand.name.to_lowercase());
    Ok((facets, brand_counts))
}

/// Of these words, the one with the highest weight, then with the most sold units.
pub(super) async fn find_best_word(
    reader: &mut CatalogReader,
    locale: Locale,
    words: &[String],
) -> Result<Option<String>, db::Error> {
    let mut best: Option<(i64, i64, String)> = None;
    for word in words {
        let statement = "
            select weight, sold
              from search_words
             where locale = ?
               and word = ?
             order by weight desc, sold desc, product_id desc
             limit 1";
        let row: Option<(i64, i64)> = sqlx::query_as(statement)
            .bind(locale.code())
            .bind(word)
            .fetch_optional(reader.conn())
            .await?;
        let found = row.map(|(weight, sold)| (weight, sold, word.clone()));
        best = best.max(found);
    }
    Ok(best.map(|(.., word)| word))
}
