//! HTTP handlers of stock, for staff and warehouse systems.

use axum::{
    Router,
    extract::{FromRef, State},
};
use shared::{
    cache::CachePolicy,
    endpoint::{CHANGE_STOCK, GET_STOCK, LIST_LOCATIONS, SAVE_LOCATION},
    stock::{
        ChangeStock, GetStock, LocationPath, Locations, SaveLocation, StockLevel, StockLevels,
    },
};

use crate::{
    accounts::{RequireRight, StockRight},
    catalog,
    inventory::{self, find_location_ids, list_levels},
    platform::Platform,
    web::{Answer, HandlerResult, Json, Path, Query, RouterExt},
};

use super::{Error, Warehouse, locations};

/// The maximum number of skus per request.
const SKUS_MAX: usize = 100;

/// The routes of stock.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Warehouse: FromRef<S>,
    Platform: FromRef<S>,
{
    Router::new()
        .endpoint(&CHANGE_STOCK, change_stock)
        .endpoint(&GET_STOCK, get_stock)
        .endpoint(&LIST_LOCATIONS, list_locations)
        .endpoint(&SAVE_LOCATION, save_location)
}

async fn change_stock(
    State(warehouse): State<Warehouse>,
    authorized: RequireRight<StockRight>,
    Json(request): Json<ChangeStock>,
) -> HandlerResult {
    let levels = super::change_stock(&warehouse, authorized.actor, request).await?;
    Ok(Answer::json(&levels, CachePolicy::Private))
}

async fn get_stock(
    State(platform): State<Platform>,
    _: RequireRight<StockRight>,
    Query(query): Query<GetStock>,
) -> HandlerResult {
    if query.sku.is_empty() || query.sku.len() > SKUS_MAX {
        let why = format!("sku must name 1 to {SKUS_MAX} skus.");
        return Err(Error::Invalid(vec![("sku".to_owned(), why)]).into());
    }
    Ok(Answer::json(
        &read(&platform, &query).await?,
        CachePolicy::Private,
    ))
}

async fn read(platform: &Platform, query: &GetStock) -> Result<StockLevels, Error> {
    let mut reader = platform.db.read().await?;
    let asked: Vec<&str> = query.sku.iter().map(String::as_str).collect();
    let skus = catalog::find_skus(&mut reader, &asked).await?;
    let variants: Vec<_> = skus.values().copied().collect();
    let levels = list_levels(&mut reader, &variants, "").await?;
    let codes = find_location_ids(&mut reader).await?;
    let code = |id| codes.iter().find(|(_, known)| **known == id);
    let mut found = Vec::new();
    for (sku, variant) in &skus {
        for level in levels.get(variant).into_iter().flatten() {
            found.push(StockLevel {
                sku: sku.clone(),
                location: code(level.location)
                    .map(|(it, _)| it.clone())
                    .unwrap_or_default(),
                on_hand: level.on_hand,
                held: level.held,
                version: level.version,
            });
        }
    }
    found.sort_by(|one, other| (&one.sku, &one.location).cmp(&(&other.sku, &other.location)));
    Ok(StockLevels { levels: found })
}

async fn list_locations(
    State(platform): State<Platform>,
    _: RequireRight<StockRight>,
) -> HandlerResult {
    let mut reader = platform.db.read().await.map_err(Error::from)?;
    let locations = inventory::list_locations(&mut reader)
        .await
        .map_err(Error::from)?;
    Ok(Answer::json(&Locations { locations }, CachePolicy::Private))
}

async fn save_location(
    State(platform): State<Platform>,
    authorized: RequireRight<StockRight>,
    Path(path): Path<LocationPath>,
    Json(request): Json<SaveLocation>,
) -> HandlerResult {
    let location =
        locations::save_location(&platform, &authorized.actor, path.location, &request).await?;
    Ok(Answer::json(&location, CachePolicy::Private))
}
