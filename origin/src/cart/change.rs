//! Changes of carts. Changes that arrive at the same time are committed as one batch.

use std::collections::{BTreeMap, HashMap, HashSet};

use shared::{
    address::Address,
    cart::{COUPONS_MAX, Cart, LINES_MAX, NOTE_MAX, UpdateCart},
    id::{CartId, VariantId},
    locale::Locale,
    time::Timestamp,
};

use crate::{
    batcher::commit_batch,
    catalog, coupons,
    db::Tx,
    email::EmailAddress,
    inventory::{self, StockMovements},
    limits::Network,
    platform::Platform,
};

use super::{
    Carts, Error, PricingSnapshot, StoredCart, StoredCartLine,
    holds::{self, HoldTimer},
    load_pricing_snapshot,
    merge::merge,
    store::{bump_versions, list_by_token, save, save_lines},
    view::show,
};

/// A change of a cart.
#[derive(Clone, Debug)]
pub enum CartChange {
    /// Creates the cart.
    Create,
    /// Adds units of a sku.
    Add(String, i64),
    /// Sets the quantity of a sku; 0 removes the line.
    Set(String, i64),
    /// Removes all lines.
    Clear,
    /// Updates note, e-mail, address, shipping method or coupons.
    Update(Box<UpdateCart>),
    /// Begins checkout: reserves the lines for a limited time, counted for the client's network, if
    /// known.
    Hold(Network),
    /// Leaves checkout and releases the holds.
    Release,
    /// Moves the contents of the cart with this token into this one.
    Merge(String),
}

/// A change, as a job of a batch.
#[derive(Clone, Debug)]
pub struct CartJob {
    pub(super) token: String,
    if_match: Option<i64>,
    change: CartChange,
    locale: Locale,
}

/// Changes a cart and returns it. `if_match` is the version that the client has seen.
pub async fn change_cart(
    carts: &Carts,
    token: Option<&str>,
    if_match: Option<i64>,
    change: CartChange,
    locale: Locale,
) -> Result<Cart, Error> {
    let change = validated(change, carts.config.buying.limit_line_units)?;
    let token = match token {
        Some(token) => token.to_owned(),
        None => crate::secret::token(),
    };
    let job = CartJob {
        token,
        if_match,
        change,
        locale,
    };
    let work = |jobs: Vec<CartJob>| {
        let carts = carts.clone();
        async move {
            let committed =
                commit_batch(&jobs, || try_commit(&carts, &jobs), Error::is_conflict).await;
            committed.unwrap_or_else(|failed| failed)
        }
    };
    carts.batcher.submit(job, work).await?
}

/// Validates what can be checked without reading the cart.
fn validated(change: CartChange, units_max: i64) -> Result<CartChange, Error> {
    let quantity = |quantity: i64, least: i64| {
        if (least..=units_max).contains(&quantity) {
            Ok(())
        } else {
            let why = format!("quantity must be a whole number from {least} to {units_max}.");
            Err(Error::field("quantity", why))
        }
    };
    match change {
        CartChange::Add(sku, count) => quantity(count, 1).map(|()| CartChange::Add(sku, count)),
        CartChange::Set(sku, count) => quantity(count, 0).map(|()| CartChange::Set(sku, count)),
        CartChange::Update(update) => {
            validated_update(*update).map(|it| CartChange::Update(Box::new(it)))
        }
        CartChange::Create
        | CartChange::Clear
        | CartChange::Hold(_)
        | CartChange::Release
        | CartChange::Merge(_) => Ok(change),
    }
}

fn validated_update(mut update: UpdateCart) -> Result<UpdateCart, Error> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, why: &str| faults.push((field.to_owned(), why.to_owned()));
    if let Some(note) = &mut update.note {
        *note = note.trim().to_owned();
        if note.chars().count() > NOTE_MAX {
            let why = format!("note must have at most {NOTE_MAX} characters.");
            fault("note", &why);
        }
    }
    if let Some(email) = &mut update.email {
        match EmailAddress::parse(email) {
            Ok(address) => *email = address.into(),
            Err(why) => fault("email", &why.to_string()),
        }
    }
    if let Some(address) = &mut update.shipping_address {
        *address = Address::normalized(address);
        for (field, why) in address.validate() {
            fault(&format!("shipping_address.{field}"), why);
        }
    }
    if update
        .shipping_method
        .as_ref()
        .is_some_and(|it| it.len() > 64)
    {
        fault("shipping_method", "No shipping method has this code.");
    }
    if let Some(codes) = &mut update.coupons {
        for code in codes.iter_mut() {
            *code = coupons::normalize_code(code);
        }
        let mut seen = HashSet::new();
        codes.retain(|code| seen.insert(code.clone()));
        if codes.len() > COUPONS_MAX {
            let why = format!("coupons must name at most {COUPONS_MAX} codes.");
            fault("coupons", &why);
        }
        if codes.iter().any(|it| !coupons::has_code_length(it)) {
            fault("coupons", "No coupon has this code.");
        }
    }
    if faults.is_empty() {
        Ok(update)
    } else {
        Err(Error::Invalid(faults))
    }
}

type ChangeCartResult = Result<Cart, Error>;

/// Commits a batch, retrying on conflicts; its jobs are applied in the order of their arrival.
async fn try_commit(carts: &Carts, jobs: &[CartJob]) -> Result<Vec<ChangeCartResult>, Error> {
    let now = carts.clock.now();
    let mut tx = carts.db.write().await?;
    let lock = tx.dialect().for_update();
    let mut tokens: Vec<&str> = jobs
        .iter()
        .filter(|job| !matches!(job.change, CartChange::Create))
        .flat_map(|job| [Some(job.token.as_str()), job.from()])
        .flatten()
        .collect();
    tokens.sort_unstable();
    tokens.dedup();
    let mut by_token = list_by_token(tx.conn(), &tokens, lock).await?;
    let mut skus: Vec<&str> = jobs.iter().filter_map(|job| job.sku()).collect();
    skus.sort_unstable();
    skus.dedup();
    let holding = by_token.values().any(|cart| cart.hold.is_some())
        || jobs
            .iter()
            .any(|job| matches!(job.change, CartChange::Hold(_)));
    let lock = if holding { lock } else { "" };
    let mut snapshot = load_pricing_snapshot(
        tx.conn(),
        &carts.presentations,
        by_token.values(),
        &skus,
        lock,
    )
    .await?;
    let levels = if holding {
        snapshot.levels.clone()
    } else {
        HashMap::new()
    };
    let mut held = holds::NetworkHolds::load(carts, &mut tx, &by_token, jobs).await?;
    let timer = HoldTimer {
        now,
        hold_ms: carts.config.hold_ms,
    };
    let units_max = carts.config.buying.limit_line_units;
    let mut changed = ChangedCarts::default();
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        if let CartChange::Create = job.change {
            let cart = new_cart(carts, job, now);
            changed.whole(&cart);
            by_token.insert(job.token.clone(), cart);
        }
        let outcome = match &job.change {
            CartChange::Merge(from) => {
                let known = (&snapshot, units_max);
                merge(&mut by_token, job, from, known, &mut changed)
            }
            _ => match by_token.get_mut(&job.token) {
                Some(cart) => apply(cart, job, (&snapshot, units_max), &mut changed),
                None => Err(Error::NoSuchCart),
            },
        };
        if outcome.is_ok()
            && let Some(cart) = by_token.get_mut(&job.token)
        {
            let before = cart.hold;
            timer.renew(cart, &job.change);
            held.record(cart, &job.change);
            if cart.hold != before {
                changed.whole(cart);
            }
        }
        outcomes.push(outcome);
    }
    let moves = StockMovements {
        holds: holds::renew_holds(changed.carts(&by_token), &mut snapshot, &mut held),
        ..StockMovements::default()
    };
    changed.write(&mut tx, now, &by_token).await?;
    if !moves.holds.is_empty() {
        let moved = inventory::move_stock(&mut tx, carts.context(), &levels, &moves).await?;
        catalog::update_availability(&mut tx, &moved.availability_changed, carts.context()).await?;
    }
    held.write(&mut tx).await?;
    // Coupons that this batch added are not in the snapshot yet.
    let named = jobs.iter().any(CartJob::names_coupons);
    if named {
        snapshot = load_pricing_snapshot(
            tx.conn(),
            &carts.presentations,
            by_token.values(),
            &skus,
            "",
        )
        .await?;
    }
    tx.commit().await?;
    count_changes(carts, jobs, &outcomes, &by_token, now);
    let answers = jobs.iter().zip(outcomes).map(|(job, outcome)| {
        outcome?;
        let cart = by_token.get(&job.token).ok_or(Error::NoSuchCart)?;
        Ok(show(carts, cart, &snapshot, job.locale))
    });
    Ok(answers.collect())
}

/// Counts new carts and checkouts that were begun.
fn count_changes(
    platform: &Platform,
    jobs: &[CartJob],
    outcomes: &[Result<(), Error>],
    carts: &HashMap<String, StoredCart>,
    now: Timestamp,
) {
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let begun = carts.get(&job.token).and_then(|cart| cart.hold);
        match &job.change {
            _ if outcome.is_err() => {}
            CartChange::Create => {
                platform.metrics.business.carts.inc();
            }
            CartChange::Hold(_) if begun.is_some_and(|it| it.since == now) => {
                platform.metrics.business.checkouts.inc();
            }
            _ => {}
        }
    }
}

impl CartJob {
    fn sku(&self) -> Option<&str> {
        match &self.change {
            CartChange::Add(sku, _) | CartChange::Set(sku, _) => Some(sku),
            _ => None,
        }
    }

    /// The token of the cart to merge from.
    fn from(&self) -> Option<&str> {
        match &self.change {
            CartChange::Merge(from) => Some(from),
            _ => None,
        }
    }

    /// The network that holds are counted for when checkout begins.
    pub(super) fn network(&self) -> Option<&str> {
        match &self.change {
            CartChange::Hold(network) => network.holder(),
            _ => None,
        }
    }

    fn names_coupons(&self) -> bool {
        matches!(&self.change, CartChange::Update(update) if update.coupons.is_some())
    }
}

fn new_cart(platform: &Platform, job: &CartJob, now: Timestamp) -> StoredCart {
    StoredCart {
        id: CartId::new(platform.ids.next(now)),
        token: job.token.clone(),
        version: 0,
        note: String::new(),
        email: None,
        shipping_address: None,
        shipping_method: None,
        coupons: Vec::new(),
        hold: None,
        order: None,
        user: None,
        created_at: now,
        lines: Vec::new(),
    }
}

/// The carts and lines that a batch has to write.
#[derive(Default)]
pub(super) struct ChangedCarts {
    carts: HashMap<String, ChangedPart>,
    pub(super) lines: HashSet<(CartId, VariantId)>,
}

/// The changed part of a cart, besides its lines.
enum ChangedPart {
    /// Only its version, by this increment.
    Version(i64),
    /// Other fields, too.
    Whole,
}

impl ChangedCarts {
    fn version(&mut self, cart: &StoredCart) {
        let before = self.carts.entry(cart.token.clone());
        let extent = before.or_insert(ChangedPart::Version(0));
        if let ChangedPart::Version(by) = extent {
            *by += 1;
        }
    }

    pub(super) fn whole(&mut self, cart: &StoredCart) {
        self.carts.insert(cart.token.clone(), ChangedPart::Whole);
    }

    /// The changed carts in the order of their ids.
    fn carts<'c>(&self, carts: &'c HashMap<String, StoredCart>) -> Vec<&'c StoredCart> {
        let mut changed: Vec<&StoredCart> =
            self.carts.keys().filter_map(|it| carts.get(it)).collect();
        changed.sort_unstable_by_key(|cart| cart.id);
        changed
    }

    async fn write(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        carts: &HashMap<String, StoredCart>,
    ) -> Result<(), Error> {
        let changed = self.carts(carts);
        let mut lines = Vec::new();
        let mut gone = self.lines.clone();
        for cart in &changed {
            for line in &cart.lines {
                if gone.remove(&(cart.id, line.variant)) {
                    lines.push((cart.id, *line));
                }
            }
        }
        lines.sort_unstable_by_key(|(cart, line)| (*cart, line.variant));
        let mut gone: Vec<_> = gone.into_iter().collect();
        gone.sort_unstable();
        let (mut whole, mut bumped) = (Vec::new(), BTreeMap::<i64, Vec<CartId>>::new());
        for cart in changed {
            match self.carts.get(&cart.token) {
                Some(ChangedPart::Version(by)) => bumped.entry(*by).or_default().push(cart.id),
                _ => whole.push(cart),
            }
        }
        bump_versions(tx, now, &bumped).await?;
        save(tx, now, &whole).await?;
        save_lines(tx, &lines, &gone).await
    }
}

fn apply(
    cart: &mut StoredCart,
    job: &CartJob,
    known: (&PricingSnapshot, i64),
    changed: &mut ChangedCarts,
) -> Result<(), Error> {
    check_changeable(cart, job)?;
    match &job.change {
        CartChange::Create | CartChange::Hold(_) | CartChange::Release | CartChange::Merge(_) => {}
        CartChange::Add(sku, count) => {
            set_quantity(cart, sku, known, changed, |before| before + count)?;
        }
        CartChange::Set(sku, count) => set_quantity(cart, sku, known, changed, |_| *count)?,
        CartChange::Clear => {
            let lines = cart.lines.drain(..).map(|line| (cart.id, line.variant));
            changed.lines.extend(lines);
        }
        CartChange::Update(update) => {
            let update = (**update).clone();
            cart.note = update
                .note
                .unwrap_or_else(|| std::mem::take(&mut cart.note));
            cart.email = update.email.or(cart.email.take());
            cart.shipping_address = update.shipping_address.or(cart.shipping_address.take());
            cart.shipping_method = update.shipping_method.or(cart.shipping_method.take());
            cart.coupons = update
                .coupons
                .unwrap_or_else(|| std::mem::take(&mut cart.coupons));
        }
    }
    cart.version += 1;
    match &job.change {
        CartChange::Add(..) | CartChange::Set(..) | CartChange::Clear => changed.version(cart),
        _ => changed.whole(cart),
    }
    Ok(())
}

/// Checks that the cart is no order yet and still has the version that the client has seen.
pub(super) fn check_changeable(cart: &StoredCart, job: &CartJob) -> Result<(), Error> {
    if cart.order.is_some() {
        return Err(Error::Ordered);
    }
    if job.if_match.is_some_and(|version| version != cart.version) {
        return Err(Error::Stale);
    }
    Ok(())
}

fn set_quantity(
    cart: &mut StoredCart,
    sku: &str,
    (snapshot, units_max): (&PricingSnapshot, i64),
    changed: &mut ChangedCarts,
    quantity: impl FnOnce(i64) -> i64,
) -> Result<(), Error> {
    let unknown = || Error::field("sku", "No variant has this sku.");
    let variant = *snapshot.skus.get(sku).ok_or_else(unknown)?;
    let index = cart.lines.iter().position(|line| line.variant == variant);
    let before = index.map_or(0, |index| cart.lines[index].quantity);
    let quantity = quantity(before);
    if quantity > units_max {
        let why = format!("A cart may hold at most {units_max} units of one item.");
        return Err(Error::field("quantity", why));
    }
    if quantity == 0 {
        if let Some(index) = index {
            cart.lines.remove(index);
            changed.lines.insert((cart.id, variant));
        }
        return Ok(());
    }
    // The quantity of a discontinued variant may still be lowered.
    let offer = snapshot.offers.get(&variant).filter(|offer| offer.active);
    if offer.is_none() && quantity > before {
        return Err(unknown());
    }
    let line = match index {
        Some(index) => &mut cart.lines[index],
        None if cart.lines.len() == LINES_MAX => {
            let why = format!("A cart may hold at most {LINES_MAX} different items.");
            return Err(Error::field("sku", why));
        }
        None => {
            let position = cart.lines.last().map_or(0, |line| line.position + 1);
            cart.lines.push(StoredCartLine {
                variant,
                quantity,
                price_minor: 0,
                position,
            });
            let last = cart.lines.len() - 1;
            &mut cart.lines[last]
        }
    };
    line.quantity = quantity;
    if let Some(offer) = offer {
        line.price_minor = offer.price.minor;
    }
    changed.lines.insert((cart.id, variant));
    Ok(())
}
