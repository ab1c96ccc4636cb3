//! The catalogue over HTTP.

use axum::{
    Router,
    extract::{FromRef, State},
};
use shared::{
    catalog::{CategoryTree, GetFacets, InLocale, ListHotProducts, ListProducts, ProductPath},
    endpoint::{
        GET_FACETS, GET_PRODUCT, LIST_CATEGORIES, LIST_HOT_PRODUCTS, LIST_PRODUCTS,
        LIST_SUGGESTIONS, SEARCH_PRODUCTS,
    },
    search::{ListSuggestions, SearchProducts},
};

use crate::{
    platform::Platform,
    web::{Answer, HandlerResult, Path, Query, RouterExt},
};

use super::Catalog;

/// The catalogue's endpoints.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Catalog: FromRef<S>,
    Platform: FromRef<S>,
{
    Router::new()
        .endpoint(&GET_PRODUCT, get_product)
        .endpoint(&LIST_PRODUCTS, list_products)
        .endpoint(&LIST_HOT_PRODUCTS, list_hot_products)
        .endpoint(&LIST_CATEGORIES, list_categories)
        .endpoint(&GET_FACETS, get_facets)
        .endpoint(&SEARCH_PRODUCTS, search_products)
        .endpoint(&LIST_SUGGESTIONS, list_suggestions)
        .merge(super::edit_web::routes())
}

async fn get_product(
    State(catalog): State<Catalog>,
    Path(path): Path<ProductPath>,
    Query(query): Query<InLocale>,
) -> HandlerResult {
    let product = super::find_product(&catalog, &path.product, query.locale).await?;
    Ok(Answer::json(&product, super::product_policy(&product)))
}

async fn list_products(
    State(catalog): State<Catalog>,
    Query(query): Query<ListProducts>,
) -> HandlerResult {
    let (list, category) = super::list_products(&catalog, &query).await?;
    let tree = super::tree(&catalog).await?;
    Ok(Answer::json(&list, super::list_policy(&tree, category)))
}

async fn list_hot_products(
    State(platform): State<Platform>,
    Query(query): Query<ListHotProducts>,
) -> HandlerResult {
    let list = super::list_hot_products(&platform, query.limit, query.locale).await?;
    Ok(Answer::json(&list, super::shop_policy()))
}

async fn list_categories(
    State(catalog): State<Catalog>,
    Query(query): Query<InLocale>,
) -> HandlerResult {
    let tree = super::tree(&catalog).await?;
    let answer = CategoryTree {
        categories: tree.top(query.locale).to_vec(),
    };
    Ok(Answer::json(&answer, super::shop_policy()))
}

async fn get_facets(
    State(catalog): State<Catalog>,
    Query(query): Query<GetFacets>,
) -> HandlerResult {
    let tree = super::tree(&catalog).await?;
    let category = match &query.category {
        Some(slug) => tree.find(slug).ok_or(super::Error::NoSuchCategory)?.id,
        None => super::WHOLE_SHOP,
    };
    let facets = super::facets(&catalog, &tree, category).await?;
    Ok(Answer::json(&*facets, super::list_policy(&tree, category)))
}

async fn search_products(
    State(catalog): State<Catalog>,
    Query(query): Query<SearchProducts>,
) -> HandlerResult {
    let (list, category) = super::search_products(&catalog, &query).await?;
    let policy = if category == super::WHOLE_SHOP {
        super::search_policy(&list.list, !query.availability.is_empty())
    } else {
        super::list_policy(&*super::tree(&catalog).await?, category)
    };
    Ok(Answer::json(&list, policy))
}

async fn list_suggestions(
    State(catalog): State<Catalog>,
    Query(query): Query<ListSuggestions>,
) -> HandlerResult {
    let suggestions = super::suggest(&catalog, &query).await?;
    Ok(Answer::json(&suggestions, super::suggestions_policy()))
}
