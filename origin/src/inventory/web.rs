//! Stock over HTTP, for those who run the shop.

use axum::{Router, extract::State};
use shared::{
    cache::CachePolicy,
    endpoint::{CHANGE_STOCK, GET_STOCK, LIST_LOCATIONS, SAVE_LOCATION},
    stock::{
        ChangeStock, GetStock, LocationPath, Locations, SaveLocation, StockLevel, StockLevels,
    },
};

use crate::{
    accounts::{RequireRight, Stock},
    app::App,
    catalog,
    web::{Answer, Answered, Json, Path, Query, RouterExt},
};

use super::{
    Error,
    store::{self, levels, locations},
};

/// The most skus that are asked for at once.
const SKUS_MAX: usize = 100;

/// The endpoints of the stock.
pub fn routes() -> Router<App> {
    Router::new()
        .endpoint(&CHANGE_STOCK, change_stock)
        .endpoint(&GET_STOCK, get_stock)
        .endpoint(&LIST_LOCATIONS, list_locations)
        .endpoint(&SAVE_LOCATION, save_location)
}

async fn change_stock(
    State(app): State<App>,
    may: RequireRight<Stock>,
    Json(request): Json<ChangeStock>,
) -> Answered {
    let levels = super::change(&app, may.actor, request).await?;
    Ok(Answer::json(&levels, CachePolicy::Private))
}

async fn get_stock(
    State(app): State<App>,
    _: RequireRight<Stock>,
    Query(query): Query<GetStock>,
) -> Answered {
    if query.sku.is_empty() || query.sku.len() > SKUS_MAX {
        let why = format!("sku must name 1 to {SKUS_MAX} skus.");
        return Err(Error::Invalid(vec![("sku".to_owned(), why)]).into());
    }
    Ok(Answer::json(
        &read(&app, &query).await?,
        CachePolicy::Private,
    ))
}

async fn read(app: &App, query: &GetStock) -> Result<StockLevels, Error> {
    let mut reader = app.db.read().await?;
    let asked: Vec<&str> = query.sku.iter().map(String::as_str).collect();
    let skus = catalog::find_skus(&mut reader, &asked).await?;
    let variants: Vec<_> = skus.values().copied().collect();
    let shelves = levels(&mut reader, &variants, "").await?;
    let codes = locations(&mut reader).await?;
    let code = |id| codes.iter().find(|(_, known)| **known == id);
    let mut found = Vec::new();
    for (sku, variant) in &skus {
        for shelf in shelves.get(variant).into_iter().flatten() {
            found.push(StockLevel {
                sku: sku.clone(),
                location: code(shelf.location)
                    .map(|(it, _)| it.clone())
                    .unwrap_or_default(),
                on_hand: shelf.on_hand,
                held: shelf.held,
                version: shelf.version,
            });
        }
    }
    found.sort_by(|one, other| (&one.sku, &one.location).cmp(&(&other.sku, &other.location)));
    Ok(StockLevels { levels: found })
}

async fn list_locations(State(app): State<App>, _: RequireRight<Stock>) -> Answered {
    let mut reader = app.db.read().await.map_err(Error::from)?;
    let locations = store::list_locations(&mut reader)
        .await
        .map_err(Error::from)?;
    Ok(Answer::json(&Locations { locations }, CachePolicy::Private))
}

async fn save_location(
    State(app): State<App>,
    may: RequireRight<Stock>,
    Path(path): Path<LocationPath>,
    Json(request): Json<SaveLocation>,
) -> Answered {
    let location = super::save_location(&app, &may.actor, path.location, &request).await?;
    Ok(Answer::json(&location, CachePolicy::Private))
}
