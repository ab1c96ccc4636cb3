//! All SQL that searches. A statement is put together from fixed parts, one for each word; every value
//! is bound. Whatever is searched, it reads the beginnings of index ranges: the best products of the word
//! that fewest have, up to a limit, and for each of them, by its id, whether it has the other words.

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
        Error, Listing,
        card::{self, card},
        list::{self, Place},
        store,
    },
    db::{self, CatalogReader, Rows},
};

use super::{index::SOLD_MAX, words::Term};

/// How much it says that a product lies in a category with this word in its name.
const CATEGORY: i64 = 2;
/// How much more a whole word says than one that only begins like this.
const WHOLE: i64 = 1;
/// Behind everything that begins with a word: no word has this character.
const BEHIND: char = '\u{10ffff}';
/// How many brands a filter offers.
const FACET_BRANDS_MAX: usize = 40;

/// A word that is looked for, with the categories that have it in their names.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) term: Term,
    pub(super) categories: Vec<CategoryId>,
}

/// What is looked for, and with which of the words it begins.
#[derive(Clone, Debug)]
pub(super) struct Hunt {
    pub(super) locale: Locale,
    pub(super) slots: Vec<Slot>,
    pub(super) first: usize,
    /// How many products of that word are looked at.
    pub(super) candidates: i64,
}

impl Slot {
    /// The words that are meant themselves, each once.
    fn whole(&self) -> Vec<&str> {
        let typed = self.term.prefix && self.term.word != self.term.stem;
        let typed = typed.then_some(self.term.word.as_str());
        [self.term.stem.as_str()].into_iter().chain(typed).collect()
    }
}

type Query = QueryBuilder<Any>;

/// The products with one word, each with what that says, `most` at most: those with the word itself
/// first, then those with words that begin with it, then those in categories. Some may come more than
/// once.
fn push_found(query: &mut Query, locale: Locale, slot: &Slot, most: i64) {
    query.push("select product_id, weight, sold from (");
    push_arms(query, locale, slot, most);
    query.push(") arms limit ").push_bind(most);
}

fn push_arms(query: &mut Query, locale: Locale, slot: &Slot, most: i64) {
    let mut arms = 0;
    let mut next = |query: &mut Query| {
        query.push(if arms == 0 { "" } else { " union all " });
        arms += 1;
    };
    for word in slot.whole() {
        next(query);
        query
            .push("select product_id, weight + ")
            .push_bind(WHOLE)
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
            .push_bind(most)
            .push(") whole");
    }
    if slot.term.prefix {
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
            .push_bind(slot.term.word.clone())
            .push(" and word < ")
            .push_bind(format!("{}{BEHIND}", slot.term.word))
            .push(" order by word, weight desc, sold desc, product_id desc limit ")
            .push_bind(most)
            .push(") begun");
    }
    for category in &slot.categories {
        next(query);
        query
            .push("select product_id, ")
            .push_bind(CATEGORY)
            .push(
                " as weight, sold
                   from (select product_id, sold
                           from product_listings
                          where category_id = ",
            )
            .push_bind(category.get())
            .push(" order by sold desc, product_id desc limit ")
            .push_bind(most)
            .push(") listed");
    }
}

/// How many products have a word, as far as it is worth knowing; some are counted more than once.
pub(super) async fn count(
    reader: &mut CatalogReader,
    locale: Locale,
    slot: &Slot,
    enough: i64,
) -> Result<i64, db::Error> {
    let mut query = Query::new("select count(*) from (");
    push_found(&mut query, locale, slot, enough);
    query.push(") found");
    query.build_query_scalar().fetch_one(reader.conn()).await
}

/// What it says of the candidate `c` that it has this word; null when it does not.
fn push_weight(query: &mut Query, locale: Locale, slot: &Slot) {
    let whole = slot.whole();
    query.push("(select max(w.weight + case when w.word in ");
    Rows::push_list(query, whole.iter().copied());
    query
        .push(" then ")
        .push_bind(WHOLE)
        .push(
            " else 0 end)
               from search_words w
              where w.product_id = c.product_id
                and w.locale = ",
        )
        .push_bind(locale.code())
        .push(" and (w.word in ");
    Rows::push_list(query, whole.iter().copied());
    if slot.term.prefix {
        query
            .push(" or (w.word > ")
            .push_bind(slot.term.word.clone())
            .push(" and w.word < ")
            .push_bind(format!("{}{BEHIND}", slot.term.word))
            .push(")");
    }
    query.push("))");
}

/// The products that have all the words: `product_id`, `weight` and `sold`.
fn push_matches(query: &mut Query, hunt: &Hunt) {
    query.push(
        "select product_id, weight, sold
           from (select c.product_id, max(c.sold) as sold, max(c.weight)",
    );
    let others = hunt.slots.iter().enumerate();
    for (_, slot) in others.filter(|(index, _)| *index != hunt.first) {
        if slot.categories.is_empty() {
            query.push(" + ");
            push_weight(query, hunt.locale, slot);
            continue;
        }
        query.push(" + coalesce(");
        push_weight(query, hunt.locale, slot);
        query.push(", (select ").push_bind(CATEGORY).push(
            " from product_listings x
             where x.product_id = c.product_id
               and x.category_id in ",
        );
        Rows::push_list(query, slot.categories.iter().map(|it| it.get()));
        query.push(" limit 1))");
    }
    query.push(" as weight from (");
    let first = &hunt.slots[hunt.first];
    push_found(query, hunt.locale, first, hunt.candidates);
    query.push(") c group by c.product_id) matched where weight is not null");
}

/// The column by which an order goes, and whether its first row is the lowest.
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

/// A page of what is found, with one product more than it holds, and how many there are in all.
pub(super) async fn list(
    reader: &mut CatalogReader,
    hunt: &Hunt,
    listing: &Listing,
    sort: Option<Sort>,
) -> Result<(Vec<Place>, i64), Error> {
    let (key, rising) = order(sort);
    let before = listing.cursor.map(|it| it.direction) == Some(Direction::Before);
    let (beyond, direction, start) = if rising != before {
        (">", "asc", i64::MIN)
    } else {
        ("<", "desc", i64::MAX)
    };
    let (at, id) = listing.cursor.map_or((start, start), |it| (it.key, it.id));
    let mut query = Query::new(concat!(
        "select l.total, ",
        card!("coalesce(t.name, d.name)"),
        " as card
           from (select product_id, availability, sort_key, total
                   from (select l.product_id, l.availability, count(*) over () as total, "
    ));
    query.push(key).push(" as sort_key from (");
    push_matches(&mut query, hunt);
    // The join is crossed so that SQLite looks up what was found, and does not go through the list.
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
    query.push(") everything where sort_key ").push(beyond);
    query.push("= ").push_bind(at);
    query.push(" and (sort_key ").push(beyond).push(" ");
    query.push_bind(at).push(" or product_id ").push(beyond);
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
        .push_bind(hunt.locale.code())
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
    let places = rows.iter().map(|row| {
        let text: String = row.try_get("card")?;
        card::one(&text, hunt.locale)
    });
    Ok((places.collect::<Result<_, _>>()?, total))
}

/// What the products that are found can be narrowed by, and how many of each brand fit the listing's
/// prices and availabilities.
pub(super) async fn facets(
    reader: &mut CatalogReader,
    hunt: &Hunt,
    listing: &Listing,
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
    push_matches(&mut query, hunt);
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
    let mut fitting = BTreeMap::new();
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
            fitting.insert(slug.clone(), u64::try_from(count).unwrap_or(0));
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
    Ok((facets, fitting))
}

/// Of these words, the one that says most about a product that sold most.
pub(super) async fn best_word(
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
