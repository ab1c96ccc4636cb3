//! The search page.

use axum::extract::{OriginalUri, RawQuery, State};
use shared::{
    catalog::{LIMIT_DEFAULT, Sort},
    locale::Locale,
    page::{FilterCounts, SearchPage, search_path},
    search::normal_query,
};

use crate::{
    app::App,
    catalog::{self, ListQuery, Search, WHOLE_SHOP},
    web::{Answer, HandlerResult},
};

use super::{filter, shell};

/// The number of best-selling products shown with an empty result.
const HOT: u32 = 4;

pub(super) async fn show_search(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    let (locale, _) = Locale::split(uri.path());
    let query = query.as_deref().unwrap_or_default();
    let q = words(query);
    let mut filter = filter::parse(query);
    // Search results have cursors instead of numbered pages.
    filter.page = None;
    let mut listing = ListQuery::of(WHOLE_SHOP, Sort::default(), LIMIT_DEFAULT);
    let wrong = filter::narrow(&mut listing, &mut filter, app.config.currency);
    let search = Search {
        q: &q,
        brands: &filter.brand,
        sort: filter.sort,
        locale,
        facets: true,
        first_page_only: false,
    };
    let found = match search.run(&app, listing.clone()).await {
        // The cursor belongs to another sort order: show the first page.
        Err(catalog::Error::Invalid("cursor", _)) => {
            listing.cursor = None;
            let found = search.run(&app, listing).await;
            filter.cursor = None;
            found?
        }
        found => found?,
    };
    let hot = if found.list.list.items.is_empty() {
        catalog::list_hot_products(&app, Some(HOT), locale)
            .await?
            .items
    } else {
        Vec::new()
    };
    let meant = found.list.corrected.as_deref().unwrap_or(&q);
    let counts = filter.narrows().then_some(FilterCounts {
        total: found.list.total,
        brands: found.brand_counts,
    });
    let page = SearchPage {
        categories: catalog::matching_categories(&app, meant, locale).await?,
        facets: found.facets.into(),
        found: found.list,
        filter,
        wrong,
        currency: app.config.currency,
        hot,
        counts,
        q,
    };
    let tree = catalog::tree(&app).await?;
    // The number of such pages is unbounded, so search engines must not index them.
    let mut shell = shell(
        &app,
        &tree,
        locale,
        search_path(&page.q, &page.filter),
        None,
    );
    shell.searched = Some(page.q.clone());
    let by_availability = !page.filter.availability.is_empty();
    let policy = catalog::search_policy(&page.found.list, by_availability);
    Ok(Answer::html(ui::search(&shell, &page), policy))
}

/// The normalized search query. One spelling per query means one cached page.
fn words(query: &str) -> String {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let typed = pairs.find(|(name, _)| name == "q");
    normal_query(&typed.map(|(_, typed)| typed).unwrap_or_default())
}
