//! Stock changes by staff and by warehouse systems. Requests that arrive at the same time are
//! committed as one batch; each request is applied completely or not at all.

use std::collections::{HashMap, HashSet};

use shared::{
    id::{LocationId, VariantId},
    stock::{CHANGES_MAX, ChangeStock, ON_HAND_MAX, StockChange, StockLevel, StockLevels},
};

use crate::{
    audit::{self, Actor, Change},
    batcher::commit_batch,
    catalog,
    inventory::{
        InventoryLevel, StockMovement, StockMovements, find_location_ids, list_levels, move_stock,
    },
    platform::Platform,
};

use super::{Error, Warehouse};

/// One request in a batch.
#[derive(Clone, Debug)]
pub struct StockJob {
    actor: Actor,
    changes: Vec<StockChange>,
}

/// Changes stock and returns the new levels.
pub async fn change_stock(
    warehouse: &Warehouse,
    actor: Actor,
    request: ChangeStock,
) -> Result<StockLevels, Error> {
    let changes = validated(request.changes)?;
    let job = StockJob { actor, changes };
    let work = |jobs: Vec<StockJob>| {
        let warehouse = warehouse.clone();
        async move {
            let committed =
                commit_batch(&jobs, || try_commit(&warehouse, &jobs), Error::is_conflict).await;
            committed.unwrap_or_else(|failed| failed)
        }
    };
    warehouse.batcher.submit(job, work).await?
}

/// Validates what can be checked without reading the stock.
fn validated(changes: Vec<StockChange>) -> Result<Vec<StockChange>, Error> {
    let mut faults = Vec::new();
    if changes.is_empty() || changes.len() > CHANGES_MAX {
        let why = format!("changes must have 1 to {CHANGES_MAX} entries.");
        faults.push(("changes".to_owned(), why));
    }
    let mut seen = HashSet::new();
    for (index, change) in changes.iter().enumerate() {
        let mut fault = |field: &str, why: &str| {
            faults.push((format!("changes[{index}].{field}"), why.to_owned()));
        };
        match (change.on_hand, change.delta) {
            (Some(count), None) if !(0..=ON_HAND_MAX).contains(&count) => {
                let why = format!("on_hand must be a whole number from 0 to {ON_HAND_MAX}.");
                fault("on_hand", &why);
            }
            (None, Some(delta)) if delta == 0 || delta.abs() > ON_HAND_MAX => {
                let why = format!("delta must be from -{ON_HAND_MAX} to {ON_HAND_MAX}, and not 0.");
                fault("delta", &why);
            }
            (Some(_), None) | (None, Some(_)) => {}
            _ => fault("on_hand", "Send either `on_hand` or `delta`."),
        }
        if !seen.insert((change.sku.as_str(), change.location.as_str())) {
            fault("sku", "The sku appears twice for this location.");
        }
    }
    if faults.is_empty() {
        Ok(changes)
    } else {
        Err(Error::Invalid(faults))
    }
}

type ChangeStockResult = Result<StockLevels, Error>;

async fn try_commit(
    platform: &Platform,
    jobs: &[StockJob],
) -> Result<Vec<ChangeStockResult>, Error> {
    let mut tx = platform.db.write().await?;
    let changes = jobs.iter().flat_map(|job| &job.changes);
    let mut skus: Vec<&str> = changes.map(|it| it.sku.as_str()).collect();
    skus.sort_unstable();
    skus.dedup();
    let skus = catalog::find_skus(tx.conn(), &skus).await?;
    let locations = find_location_ids(tx.conn()).await?;
    let variants: Vec<VariantId> = skus.values().copied().collect();
    let lock = tx.dialect().for_update();
    let before = list_levels(tx.conn(), &variants, lock).await?;
    let mut current = before.clone();
    let mut moves = StockMovements::default();
    let mut answers = Vec::with_capacity(jobs.len());
    let mut audited = Vec::with_capacity(jobs.len());
    for job in jobs {
        // A request that fails half-way must leave no trace, so it works on a copy of the levels it
        // touches.
        let touches = job
            .changes
            .iter()
            .filter_map(|change| skus.get(&change.sku));
        let copies = touches.filter_map(|it| Some((*it, current.get(it)?.clone())));
        let mut draft = StockDraft {
            levels: copies.collect(),
            movements: Vec::new(),
        };
        let answer = draft.apply(&job.changes, &skus, &locations);
        if let Ok(levels) = &answer {
            let change = Change::new("stock.change", subject(&job.changes));
            audited.push((&job.actor, change.from(&job.changes).to(levels)));
            moves.movements.append(&mut draft.movements);
            current.extend(draft.levels);
        }
        answers.push(answer);
    }
    let moved = move_stock(&mut tx, platform.context(), &before, &moves).await?;
    let audited: Vec<_> = audited
        .iter()
        .map(|(actor, change)| (*actor, change))
        .collect();
    audit::record_all(&mut tx, platform.context(), &audited).await?;
    catalog::update_availability(&mut tx, &moved.availability_changed, platform.context()).await?;
    if moved.backorders_filled {
        let now = list_levels(tx.conn(), &variants, "").await?;
        for level in answers.iter_mut().flatten().flat_map(|it| &mut it.levels) {
            let stored = now.get(&skus[&level.sku]).into_iter().flatten();
            let mut here = stored.filter(|it| it.location == locations[&level.location]);
            if let Some(stored) = here.next() {
                (level.on_hand, level.version) = (stored.on_hand, stored.version);
            }
        }
    }
    tx.commit().await?;
    Ok(answers)
}

/// The subject of the audit record: the sku, or the number of skus.
fn subject(changes: &[StockChange]) -> String {
    match changes {
        [only] => format!("stock:{}", only.sku),
        many => format!("stock:{} skus", many.len()),
    }
}

struct StockDraft {
    levels: HashMap<VariantId, Vec<InventoryLevel>>,
    movements: Vec<StockMovement>,
}

impl StockDraft {
    fn apply(
        &mut self,
        job: &[StockChange],
        skus: &HashMap<String, VariantId>,
        locations: &HashMap<String, LocationId>,
    ) -> ChangeStockResult {
        let (mut invalid, mut conflicts) = (Vec::new(), Vec::new());
        let mut levels = Vec::with_capacity(job.len());
        for (index, change) in job.iter().enumerate() {
            let field = |name: &str| format!("changes[{index}].{name}");
            let Some(variant) = skus.get(&change.sku) else {
                invalid.push((field("sku"), "No variant has this sku.".to_owned()));
                continue;
            };
            let Some(location) = locations.get(&change.location) else {
                invalid.push((field("location"), "No location has this code.".to_owned()));
                continue;
            };
            match self.change(*variant, *location, change) {
                Ok(level) => levels.push(StockLevel {
                    sku: change.sku.clone(),
                    location: change.location.clone(),
                    on_hand: level.on_hand,
                    held: level.held,
                    version: level.version,
                }),
                Err((name, why)) => conflicts.push((field(name), why)),
            }
        }
        if !invalid.is_empty() {
            return Err(Error::Invalid(invalid));
        }
        if !conflicts.is_empty() {
            return Err(Error::Conflict(conflicts));
        }
        Ok(StockLevels { levels })
    }

    fn change(
        &mut self,
        variant: VariantId,
        location: LocationId,
        change: &StockChange,
    ) -> Result<InventoryLevel, (&'static str, String)> {
        let levels = self.levels.entry(variant).or_default();
        let index = levels.iter().position(|it| it.location == location);
        let index = index.unwrap_or_else(|| {
            levels.push(InventoryLevel::empty(location));
            levels.len() - 1
        });
        let level = &mut levels[index];
        if let Some(expected) = change.expected_version
            && expected != level.version
        {
            let why = format!("The current version is {}.", level.version);
            return Err(("expected_version", why));
        }
        let on_hand = match (change.on_hand, change.delta) {
            (Some(count), _) => count,
            (None, delta) => level.on_hand + delta.unwrap_or(0),
        };
        if on_hand < level.held || on_hand > ON_HAND_MAX {
            let why = format!(
                "{} units are on hand, of which {} are held for orders and carts.",
                level.on_hand, level.held
            );
            return Err(("delta", why));
        }
        let delta = on_hand - level.on_hand;
        if delta != 0 {
            (level.on_hand, level.version) = (on_hand, level.version + 1);
            self.movements.push(StockMovement {
                variant,
                location,
                delta,
                reason: if change.on_hand.is_some() {
                    "count"
                } else {
                    "change"
                },
                order: None,
            });
        }
        Ok(*level)
    }
}
