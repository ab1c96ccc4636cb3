//! Changing stock by hand or by a warehouse's program. Changes that arrive together are written
//! together, each request whole or not at all.

use std::collections::{HashMap, HashSet};

use shared::{
    id::{LocationId, VariantId},
    problem::Problem,
    stock::{CHANGES_MAX, ChangeStock, ON_HAND_MAX, StockChange, StockLevel, StockLevels},
};

use crate::{
    accounts::Actor,
    app::App,
    audit::{self, Change},
    catalog, db,
};

use super::{
    Error, Movement, Moves, Shelf,
    store::{levels, locations, move_stock},
};

/// A request on its way.
#[derive(Clone, Debug)]
pub struct Job {
    actor: Actor,
    changes: Vec<StockChange>,
}

/// Changes stock, and says what there is then.
pub async fn change(app: &App, actor: Actor, request: ChangeStock) -> Result<StockLevels, Error> {
    let changes = checked(request.changes)?;
    let job = Job { actor, changes };
    let work = |jobs| {
        let app = app.clone();
        async move { together(&app, jobs).await }
    };
    app.desks.stock.ask(job, work).await?
}

/// What can be refused without looking at the stock.
fn checked(changes: Vec<StockChange>) -> Result<Vec<StockChange>, Error> {
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

type Answered = Result<StockLevels, Error>;

async fn together(app: &App, jobs: Vec<Job>) -> Vec<Answered> {
    match db::retry_on_conflict(|| in_one(app, &jobs), Error::is_conflict).await {
        Ok(answers) => answers,
        Err(error) => {
            let problem = Box::new(Problem::from(error));
            jobs.iter()
                .map(|_| Err(Error::NotWritten(problem.clone())))
                .collect()
        }
    }
}

async fn in_one(app: &App, jobs: &[Job]) -> Result<Vec<Answered>, Error> {
    let mut tx = app.db.write().await?;
    let changes = jobs.iter().flat_map(|job| &job.changes);
    let mut skus: Vec<&str> = changes.map(|it| it.sku.as_str()).collect();
    skus.sort_unstable();
    skus.dedup();
    let skus = catalog::find_skus(tx.conn(), &skus).await?;
    let locations = locations(tx.conn()).await?;
    let variants: Vec<VariantId> = skus.values().copied().collect();
    let lock = tx.dialect().for_update();
    let before = levels(tx.conn(), &variants, lock).await?;
    let mut shelves = before.clone();
    let mut moves = Moves::default();
    let mut answers = Vec::with_capacity(jobs.len());
    let mut notes = Vec::with_capacity(jobs.len());
    for job in jobs {
        // A request that fails half-way leaves nothing: it works on a copy of what it touches.
        let touches = job
            .changes
            .iter()
            .filter_map(|change| skus.get(&change.sku));
        let copies = touches.filter_map(|it| Some((*it, shelves.get(it)?.clone())));
        let mut draft = Draft {
            shelves: copies.collect(),
            movements: Vec::new(),
        };
        let answer = draft.apply(&job.changes, &skus, &locations);
        if let Ok(levels) = &answer {
            let change = Change::new("stock.change", subject(&job.changes));
            notes.push((&job.actor, change.from(&job.changes).to(levels)));
            moves.movements.append(&mut draft.movements);
            shelves.extend(draft.shelves);
        }
        answers.push(answer);
    }
    let moved = move_stock(&mut tx, app.context(), &before, &moves).await?;
    let notes: Vec<_> = notes
        .iter()
        .map(|(actor, change)| (*actor, change))
        .collect();
    audit::note_all(&mut tx, app.context(), &notes).await?;
    catalog::stock_changed(&mut tx, &moved.told, app.context()).await?;
    if moved.served {
        let now = levels(tx.conn(), &variants, "").await?;
        for level in answers.iter_mut().flatten().flat_map(|it| &mut it.levels) {
            let shelves = now.get(&skus[&level.sku]).into_iter().flatten();
            let mut here = shelves.filter(|it| it.location == locations[&level.location]);
            if let Some(shelf) = here.next() {
                (level.on_hand, level.version) = (shelf.on_hand, shelf.version);
            }
        }
    }
    tx.commit().await?;
    Ok(answers)
}

/// What a request is about, for the audit log: its sku, or how many there are.
fn subject(changes: &[StockChange]) -> String {
    match changes {
        [only] => format!("stock:{}", only.sku),
        many => format!("stock:{} skus", many.len()),
    }
}

struct Draft {
    shelves: HashMap<VariantId, Vec<Shelf>>,
    movements: Vec<Movement>,
}

impl Draft {
    fn apply(
        &mut self,
        job: &[StockChange],
        skus: &HashMap<String, VariantId>,
        locations: &HashMap<String, LocationId>,
    ) -> Answered {
        let (mut wrong, mut different) = (Vec::new(), Vec::new());
        let mut levels = Vec::with_capacity(job.len());
        for (index, change) in job.iter().enumerate() {
            let field = |name: &str| format!("changes[{index}].{name}");
            let Some(variant) = skus.get(&change.sku) else {
                wrong.push((field("sku"), "No variant has this sku.".to_owned()));
                continue;
            };
            let Some(location) = locations.get(&change.location) else {
                wrong.push((field("location"), "No location has this code.".to_owned()));
                continue;
            };
            match self.change(*variant, *location, change) {
                Ok(shelf) => levels.push(StockLevel {
                    sku: change.sku.clone(),
                    location: change.location.clone(),
                    on_hand: shelf.on_hand,
                    held: shelf.held,
                    version: shelf.version,
                }),
                Err((name, why)) => different.push((field(name), why)),
            }
        }
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        if !different.is_empty() {
            return Err(Error::Conflict(different));
        }
        Ok(StockLevels { levels })
    }

    fn change(
        &mut self,
        variant: VariantId,
        location: LocationId,
        change: &StockChange,
    ) -> Result<Shelf, (&'static str, String)> {
        let shelves = self.shelves.entry(variant).or_default();
        let place = shelves.iter().position(|it| it.location == location);
        let place = place.unwrap_or_else(|| {
            shelves.push(Shelf::empty(location));
            shelves.len() - 1
        });
        let shelf = &mut shelves[place];
        if let Some(expected) = change.expected_version
            && expected != shelf.version
        {
            let why = format!("The current version is {}.", shelf.version);
            return Err(("expected_version", why));
        }
        let on_hand = match (change.on_hand, change.delta) {
            (Some(count), _) => count,
            (None, delta) => shelf.on_hand + delta.unwrap_or(0),
        };
        if on_hand < shelf.held || on_hand > ON_HAND_MAX {
            let why = format!(
                "{} units are on hand, of which {} are held for orders and carts.",
                shelf.on_hand, shelf.held
            );
            return Err(("delta", why));
        }
        let delta = on_hand - shelf.on_hand;
        if delta != 0 {
            (shelf.on_hand, shelf.version) = (on_hand, shelf.version + 1);
            self.movements.push(Movement {
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
        Ok(*shelf)
    }
}
