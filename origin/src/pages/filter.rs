//! The filter of a category page, parsed from a form or link. Parsing is lenient: invalid values
//! are ignored, and reported where the shopper can correct them.

use shared::{
    catalog::{Availability, BRANDS_MAX, Sort},
    cursor::Cursor,
    money::{Currency, Money},
    page::{CategoryFilter, PAGES_MAX, PRICE_RANGE},
};

use crate::catalog::ListQuery;

/// The longest accepted field.
const FIELD_MAX: usize = 120;

/// Parses a filter from a query. Unknown parameters are ignored.
pub fn parse(query: &str) -> CategoryFilter {
    let mut filter = CategoryFilter::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.trim();
        if value.is_empty() || value.len() > FIELD_MAX {
            continue;
        }
        match &*name {
            "brand" => filter.brand.push(value.to_owned()),
            "min" => value.clone_into(&mut filter.min),
            "max" => value.clone_into(&mut filter.max),
            "availability" => {
                let known = Availability::ALL
                    .into_iter()
                    .find(|it| it.as_str() == value);
                filter
                    .availability
                    .extend(known.filter(|it| !filter.availability.contains(it)));
            }
            "sort" => {
                let known = Sort::ALL.into_iter().find(|it| it.as_str() == value);
                filter.sort = known.or(filter.sort);
            }
            "page" => {
                let number = value.parse().ok();
                filter.page = number.filter(|number| (2..=PAGES_MAX).contains(number));
            }
            "cursor" => filter.cursor = value.parse::<Cursor>().ok(),
            _ => {}
        }
    }
    filter.brand.sort_unstable();
    filter.brand.dedup();
    filter.brand.truncate(BRANDS_MAX);
    if filter.cursor.is_some() {
        filter.page = None;
    }
    filter
}

/// Applies the filter to a list query and returns the invalid fields. Prices are normalized, so
/// that the page's links have one spelling.
pub fn narrow(
    listing: &mut ListQuery,
    filter: &mut CategoryFilter,
    currency: Currency,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut price = |field: &str, text: &mut String| {
        if text.is_empty() {
            return None;
        }
        let price = Money::parse_typed(text, currency);
        match price.ok().filter(|price| price.minor >= 0) {
            Some(price) => {
                let decimal = price.to_decimal();
                let whole = decimal.strip_suffix(".00").unwrap_or(&decimal);
                whole.clone_into(text);
                Some(price.minor)
            }
            None => {
                wrong.push(field.to_owned());
                None
            }
        }
    };
    let (mut min, mut max) = (price("min", &mut filter.min), price("max", &mut filter.max));
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        wrong.push(PRICE_RANGE.to_owned());
        (min, max) = (None, None);
    }
    listing.price_min = min.unwrap_or(0);
    listing.price_max = max.unwrap_or(i64::MAX);
    listing.availability = filter.availability.clone();
    listing.cursor = filter.cursor;
    listing.skip = filter.page.map_or(0, |page| (page - 1) * listing.limit);
    wrong
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::catalog::Sort;

    use super::*;
    use crate::catalog::WHOLE_SHOP;

    #[test]
    fn a_filter_is_parsed_and_has_a_canonical_query() {
        let query = "sort=price_up&brand=fjell&brand=ash&min=10&max=&availability=low&utm_x=1";
        let filter = parse(query);
        assert_eq!(
            filter.to_query(),
            "?availability=low&brand=ash&brand=fjell&min=10&sort=price_up"
        );
    }

    #[test]
    fn invalid_values_are_ignored() {
        let filter = parse("sort=up&availability=many&cursor=%FF&brand=");
        assert_eq!(filter, CategoryFilter::default());
    }

    #[test]
    fn page_numbers_range_from_two_to_the_maximum() {
        for (text, number, skip) in [
            ("1", None, 0),
            ("2", Some(2), 24),
            ("100", Some(100), 99 * 24),
            ("101", None, 0),
            ("-2", None, 0),
            ("x", None, 0),
        ] {
            let mut filter = parse(&format!("page={text}"));
            assert_eq!(filter.page, number, "{text}");
            let mut listing = ListQuery::of(WHOLE_SHOP, Sort::Newest, 24);
            narrow(&mut listing, &mut filter, Currency::USD);
            assert_eq!(listing.skip, skip, "{text}");
        }
    }

    #[test]
    fn an_invalid_price_is_reported() {
        let mut filter = parse("min=cheap&max=9.99");
        let mut listing = ListQuery::of(WHOLE_SHOP, Sort::Newest, 24);
        assert_eq!(narrow(&mut listing, &mut filter, Currency::USD), ["min"]);
        assert_eq!((listing.price_min, listing.price_max), (0, 999));
        assert_eq!(filter.min, "cheap", "the typed value is preserved");
    }

    #[test]
    fn typed_prices_are_normalized() {
        for (query, min, minor) in [
            ("min=10%2C50", "10.50", 1_050),
            ("min=%2420", "20", 2_000),
            ("min=US%24+20.00", "20", 2_000),
            ("min=%EF%BC%92%EF%BC%90", "20", 2_000),
        ] {
            let mut filter = parse(query);
            let mut listing = ListQuery::of(WHOLE_SHOP, Sort::Newest, 24);
            let wrong = narrow(&mut listing, &mut filter, Currency::USD);
            assert_eq!((wrong.len(), listing.price_min), (0, minor), "{query}");
            assert_eq!(filter.to_query(), format!("?min={min}"));
        }
    }

    #[test]
    fn a_minimum_above_the_maximum_is_reported_and_ignored() {
        let mut filter = parse("min=20&max=19.99");
        let mut listing = ListQuery::of(WHOLE_SHOP, Sort::Newest, 24);
        assert_eq!(
            narrow(&mut listing, &mut filter, Currency::USD),
            [PRICE_RANGE]
        );
        assert_eq!((listing.price_min, listing.price_max), (0, i64::MAX));
        let mut filter = parse("min=20&max=20.00");
        assert!(narrow(&mut listing, &mut filter, Currency::USD).is_empty());
        assert_eq!((listing.price_min, listing.price_max), (2_000, 2_000));
    }

    proptest! {
        #[test]
        fn queries_of_filters_round_trip(query in "[a-z=&0-9%+.]{0,80}") {
            let filter = parse(&query);
            let address = filter.to_query();
            let again = parse(address.strip_prefix('?').unwrap_or(""));
            prop_assert_eq!(again.to_query(), address);
        }
    }
}
