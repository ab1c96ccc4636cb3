//! Product lists: statements that differ only in sort order, direction and the filter by brand.
//! Each reads one range of one index, so every page costs the same (keyset pagination).

use crate::db::CatalogReader;
use shared::{
    catalog::{Availability, BRANDS_MAX, ProductCard, ProductList, Sort},
    cursor::{Cursor, Direction},
    id::{BrandId, CategoryId, ProductId},
    locale::Locale,
};

use super::{
    Error,
    product_card::{self, product_card},
    store,
};

/// Filters, order and page of a product list.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// The category, with its descendants; [`super::WHOLE_SHOP`] is the whole shop.
    pub category: CategoryId,
    /// Only these brands; all when empty.
    pub brands: Vec<BrandId>,
    /// The lowest price, in minor units.
    pub price_min: i64,
    /// The highest price, in minor units.
    pub price_max: i64,
    /// Only these; all when empty.
    pub availability: Vec<Availability>,
    /// The sort order.
    pub sort: Sort,
    /// Where the page begins or ends.
    pub cursor: Option<Cursor>,
    /// The page size.
    pub limit: u32,
    /// The number of products to skip from the beginning or the cursor.
    pub skip: u32,
}

impl ListQuery {
    /// The first page of a category.
    pub fn of(category: CategoryId, sort: Sort, limit: u32) -> Self {
        Self {
            category,
            brands: Vec::new(),
            price_min: 0,
            price_max: i64::MAX,
            availability: Vec::new(),
            sort,
            cursor: None,
            limit,
            skip: 0,
        }
    }
}

/// A statement for one sort order and direction. The unary plus before the price keeps the engines
/// from choosing the price index for an unselective range and then sorting a whole category.
macro_rules! statement {
    ($column:literal, $beyond:literal, $direction:literal, $brands:literal) => {
        concat!(
            "select group_concat(",
            product_card!(
                "coalesce((select t.name
                             from product_texts t
                            where t.product_id = p.id
                              and t.locale = ?),
                          (select t.name
                             from product_texts t
                            where t.product_id = p.id
                              and t.locale = 'en'))"
            ),
            ")
               from (select product_id, availability, ",
            $column,
            " as sort_key
                       from product_listings
                      where category_id = ?
                        and ",
            $column,
            " ",
            $beyond,
            "= ?
                        and (",
            $column,
            " ",
            $beyond,
            " ? or product_id ",
            $beyond,
            " ?)
                        and +price_minor >= ?
                        and +price_minor <= ?
                        and +availability in (?, ?, ?, ?)",
            $brands,
            "
                      order by ",
            $column,
            " ",
            $direction,
            ", product_id ",
            $direction,
            "
                      limit ?
                     offset ?) l
               join products p on p.id = l.product_id
               left join brands b on b.id = p.brand_id"
        )
    };
}

/// The four statements of a sort column: ascending and descending, with and without brands.
macro_rules! statements {
    ($column:literal) => {
        Statements {
            up: [
                statement!($column, ">", "asc", ""),
                statement!(
                    $column,
                    ">",
                    "asc",
                    " and brand_id in (?, ?, ?, ?, ?, ?, ?, ?)"
                ),
            ],
            down: [
                statement!($column, "<", "desc", ""),
                statement!(
                    $column,
                    "<",
                    "desc",
                    " and brand_id in (?, ?, ?, ?, ?, ?, ?, ?)"
                ),
            ],
        }
    };
}

struct Statements {
    up: [&'static str; 2],
    down: [&'static str; 2],
}

const BY_TIME: Statements = statements!("created_at");
const BY_PRICE: Statements = statements!("price_minor");
const BY_SOLD: Statements = statements!("sold");

/// The statements of a sort order, and whether it is ascending.
const fn order(sort: Sort) -> (&'static Statements, bool) {
    match sort {
        Sort::Newest => (&BY_TIME, false),
        Sort::PriceUp => (&BY_PRICE, true),
        Sort::PriceDown => (&BY_PRICE, false),
        Sort::BestSelling => (&BY_SOLD, false),
    }
}

/// The number of a sort order in cursors. Search by relevance is 4.
pub(super) const fn number(sort: Sort) -> u8 {
    match sort {
        Sort::Newest => 0,
        Sort::PriceUp => 1,
        Sort::PriceDown => 2,
        Sort::BestSelling => 3,
    }
}

/// A page of products.
pub async fn list(
    reader: &mut CatalogReader,
    listing: &ListQuery,
    locale: Locale,
) -> Result<ProductList, Error> {
    if listing
        .cursor
        .is_some_and(|cursor| cursor.order != number(listing.sort))
    {
        return Err(Error::Invalid(
            "cursor",
            "the cursor belongs to a list with another sort order",
        ));
    }
    let rows = rows(reader, listing, locale).await?;
    Ok(page(
        rows,
        number(listing.sort),
        listing.cursor,
        listing.limit,
    ))
}

/// A page made of its rows, of which one more than `limit` was request_cursor for.
pub(super) fn page(
    mut rows: Vec<ListedProduct>,
    order: u8,
    request_cursor: Option<Cursor>,
    limit: u32,
) -> ProductList {
    let wanted = limit as usize;
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let before = request_cursor.is_some_and(|cursor| cursor.direction == Direction::Before);
    if before {
        rows.reverse();
    }
    let cursor = |direction, row: Option<&ListedProduct>| {
        row.map(|row| Cursor {
            order,
            direction,
            key: row.key,
            id: row.card.id.get(),
        })
    };
    // The row of the cursor itself lies on the other side, so there is a page in that direction.
    let (has_previous, has_next) = if before {
        (more, true)
    } else {
        (request_cursor.is_some(), more)
    };
    ProductList {
        next: has_next
            .then(|| cursor(Direction::After, rows.last()))
            .flatten(),
        previous: has_previous
            .then(|| cursor(Direction::Before, rows.first()))
            .flatten(),
        items: rows.into_iter().map(|row| row.card).collect(),
    }
}

/// A product card with its sort key in a list.
pub(super) struct ListedProduct {
    pub(super) key: i64,
    pub(super) card: ProductCard,
}

async fn rows(
    reader: &mut CatalogReader,
    listing: &ListQuery,
    locale: Locale,
) -> Result<Vec<ListedProduct>, Error> {
    let (statements, rising) = order(listing.sort);
    let upwards = match listing.cursor.map(|cursor| cursor.direction) {
        None | Some(Direction::After) => rising,
        Some(Direction::Before) => !rising,
    };
    let start = if upwards {
        (i64::MIN, i64::MIN)
    } else {
        (i64::MAX, i64::MAX)
    };
    let (key, id) = listing
        .cursor
        .map_or(start, |cursor| (cursor.key, cursor.id));
    let by_brand = !listing.brands.is_empty();
    let statement = if upwards {
        statements.up
    } else {
        statements.down
    }[usize::from(by_brand)];
    let mut query = sqlx::query_scalar(statement)
        .bind(locale.code())
        .bind(listing.category.get())
        .bind(key)
        .bind(key)
        .bind(id)
        .bind(listing.price_min)
        .bind(listing.price_max);
    for number in availability(&listing.availability) {
        query = query.bind(number);
    }
    if by_brand {
        // Unused parameters are -1: no brand has that id, and products without a brand have 0.
        for index in 0..BRANDS_MAX {
            query = query.bind(listing.brands.get(index).map_or(-1, |brand| brand.get()));
        }
    }
    let query = query
        .bind(i64::from(listing.limit) + 1)
        .bind(i64::from(listing.skip));
    // `group_concat` returns null for no rows.
    let text: Option<String> = query.fetch_one(reader.conn()).await?;
    let mut rows = product_card::parse_all(&text.unwrap_or_default(), locale)?;
    rows.sort_unstable_by_key(|row| (row.key, row.card.id));
    if !upwards {
        rows.reverse();
    }
    Ok(rows)
}

/// The four availability parameters of a statement: the selected ones, or all.
pub(super) fn availability(wanted: &[Availability]) -> [i64; 4] {
    let is_wanted = |it| wanted.is_empty() || wanted.contains(&it);
    Availability::ALL.map(|it| {
        if is_wanted(it) {
            store::availability_number(it)
        } else {
            -1
        }
    })
}

/// Other products of a category, the best-selling first.
pub async fn list_related(
    reader: &mut CatalogReader,
    category: CategoryId,
    product: ProductId,
    limit: u32,
    locale: Locale,
) -> Result<Vec<ProductCard>, Error> {
    let listing = ListQuery::of(category, Sort::BestSelling, limit + 1);
    let mut items = list(reader, &listing, locale).await?.items;
    items.retain(|card| card.id != product);
    items.truncate(limit as usize);
    Ok(items)
}
