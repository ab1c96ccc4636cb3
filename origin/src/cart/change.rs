//! Changing carts. Changes that arrive together are written together.

use std::collections::{BTreeMap, HashMap, HashSet};

use shared::{
    address::Address,
    cart::{COUPONS_MAX, Cart, LINES_MAX, NOTE_MAX, UpdateCart},
    id::{CartId, VariantId},
    locale::Locale,
    problem::Problem,
    time::Timestamp,
};

use crate::{
    app::App,
    catalog, coupons,
    db::{self, Tx},
    email::EmailAddress,
    inventory::{self, Moves},
    limits::Network,
};

use super::{
    Error, Stored, StoredLine, Surroundings,
    hold::{self, Context},
    store::{load, raise, save, save_lines},
    surroundings,
    view::show,
};

/// What is to be done with a cart.
#[derive(Clone, Debug)]
pub enum Change {
    /// Make it.
    Create,
    /// More of a sku.
    Add(String, i64),
    /// So many of a sku.
    Set(String, i64),
    /// Nothing in it any more.
    Clear,
    /// What else an order needs.
    Update(Box<UpdateCart>),
    /// Keep what is in it for a while, for a client in this network, where that is known.
    Hold(Network),
    /// Do not keep it any more.
    Release,
    /// What is in the cart with this token comes into it.
    Merge(String),
}

/// A change on its way.
#[derive(Clone, Debug)]
pub struct Job {
    token: String,
    if_match: Option<i64>,
    change: Change,
    locale: Locale,
}

/// Changes a cart and shows it. `if_match` is the version that the shopper has seen.
pub async fn change(
    app: &App,
    token: Option<&str>,
    if_match: Option<i64>,
    change: Change,
    locale: Locale,
) -> Result<Cart, Error> {
    let change = checked(change, app.config.buying.limit_line_units)?;
    let token = match token {
        Some(token) => token.to_owned(),
        None => crate::secret::token(),
    };
    let job = Job {
        token,
        if_match,
        change,
        locale,
    };
    let work = |jobs| {
        let app = app.clone();
        async move { together(&app, jobs).await }
    };
    app.desks.carts.ask(job, work).await?
}

/// What can be refused without looking at the cart.
fn checked(change: Change, units_max: i64) -> Result<Change, Error> {
    let quantity = |quantity: i64, least: i64| {
        if (least..=units_max).contains(&quantity) {
            Ok(())
        } else {
            let why = format!("quantity must be a whole number from {least} to {units_max}.");
            Err(Error::field("quantity", why))
        }
    };
    match change {
        Change::Add(sku, count) => quantity(count, 1).map(|()| Change::Add(sku, count)),
        Change::Set(sku, count) => quantity(count, 0).map(|()| Change::Set(sku, count)),
        Change::Update(update) => checked_update(*update).map(|it| Change::Update(Box::new(it))),
        Change::Create | Change::Clear | Change::Hold(_) | Change::Release | Change::Merge(_) => {
            Ok(change)
        }
    }
}

fn checked_update(mut update: UpdateCart) -> Result<UpdateCart, Error> {
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
            *code = coupons::upper(code);
        }
        let mut seen = HashSet::new();
        codes.retain(|code| seen.insert(code.clone()));
        if codes.len() > COUPONS_MAX {
            let why = format!("coupons must name at most {COUPONS_MAX} codes.");
            fault("coupons", &why);
        }
        if codes.iter().any(|it| !coupons::may_be_code(it)) {
            fault("coupons", "No coupon has this code.");
        }
    }
    if faults.is_empty() {
        Ok(update)
    } else {
        Err(Error::Invalid(faults))
    }
}

type Answered = Result<Cart, Error>;

/// Does jobs in the order of their arrival, in one transaction.
async fn together(app: &App, jobs: Vec<Job>) -> Vec<Answered> {
    match db::retry_on_conflict(|| in_one(app, &jobs), Error::is_conflict).await {
        Ok(answers) => answers,
        Err(error) => {
            // All of them failed for the same reason, which is logged once.
            let problem = Box::new(Problem::from(error));
            jobs.iter()
                .map(|_| Err(Error::NotWritten(problem.clone())))
                .collect()
        }
    }
}

async fn in_one(app: &App, jobs: &[Job]) -> Result<Vec<Answered>, Error> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let lock = tx.dialect().for_update();
    let mut tokens: Vec<&str> = jobs
        .iter()
        .filter(|job| !matches!(job.change, Change::Create))
        .flat_map(|job| [Some(job.token.as_str()), job.from()])
        .flatten()
        .collect();
    tokens.sort_unstable();
    tokens.dedup();
    let mut carts = load(tx.conn(), &tokens, lock).await?;
    let mut skus: Vec<&str> = jobs.iter().filter_map(|job| job.sku()).collect();
    skus.sort_unstable();
    skus.dedup();
    let holding = carts.values().any(|cart| cart.hold.is_some())
        || jobs.iter().any(|job| matches!(job.change, Change::Hold(_)));
    let lock = if holding { lock } else { "" };
    let mut around = surroundings(tx.conn(), &app.showcase, carts.values(), &skus, lock).await?;
    let levels = if holding {
        around.shelves.clone()
    } else {
        HashMap::new()
    };
    let mut held = hold::Held::of(app, &mut tx, &carts, jobs).await?;
    let context = Context {
        now,
        hold_ms: app.config.hold_ms,
    };
    let units_max = app.config.buying.limit_line_units;
    let mut touched = Touched::default();
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        if let Change::Create = job.change {
            let cart = new_cart(app, job, now);
            touched.whole(&cart);
            carts.insert(job.token.clone(), cart);
        }
        let outcome = match &job.change {
            Change::Merge(from) => {
                let known = (&around, units_max);
                merge(&mut carts, job, from, known, &mut touched)
            }
            _ => match carts.get_mut(&job.token) {
                Some(cart) => apply(cart, job, (&around, units_max), &mut touched),
                None => Err(Error::NoSuchCart),
            },
        };
        if outcome.is_ok()
            && let Some(cart) = carts.get_mut(&job.token)
        {
            let before = cart.hold;
            context.renew(cart, &job.change);
            held.note(cart, &job.change);
            if cart.hold != before {
                touched.whole(cart);
            }
        }
        outcomes.push(outcome);
    }
    let moves = Moves {
        holds: hold::renewed(touched.carts(&carts), &mut around, &mut held),
        ..Moves::default()
    };
    touched.write(&mut tx, now, &carts).await?;
    if !moves.holds.is_empty() {
        let moved = inventory::move_stock(&mut tx, app.context(), &levels, &moves).await?;
        catalog::stock_changed(&mut tx, &moved.told, app.context()).await?;
    }
    held.write(&mut tx).await?;
    // A coupon that was named just now is not among those that were read before.
    let named = jobs.iter().any(Job::names_coupons);
    if named {
        around = surroundings(tx.conn(), &app.showcase, carts.values(), &skus, "").await?;
    }
    tx.commit().await?;
    for (job, outcome) in jobs.iter().zip(&outcomes) {
        let begun = carts.get(&job.token).and_then(|cart| cart.hold);
        match &job.change {
            _ if outcome.is_err() => {}
            Change::Create => {
                app.metrics.business.carts.inc();
            }
            Change::Hold(_) if begun.is_some_and(|it| it.since == now) => {
                app.metrics.business.checkouts.inc();
            }
            _ => {}
        }
    }
    let answers = jobs.iter().zip(outcomes).map(|(job, outcome)| {
        outcome?;
        let cart = carts.get(&job.token).ok_or(Error::NoSuchCart)?;
        Ok(show(app, cart, &around, job.locale))
    });
    Ok(answers.collect())
}

impl Job {
    fn sku(&self) -> Option<&str> {
        match &self.change {
            Change::Add(sku, _) | Change::Set(sku, _) => Some(sku),
            _ => None,
        }
    }

    /// The other cart that it is about.
    fn from(&self) -> Option<&str> {
        match &self.change {
            Change::Merge(from) => Some(from),
            _ => None,
        }
    }

    /// The network for which something is to be held from now on.
    pub(super) fn network(&self) -> Option<&str> {
        match &self.change {
            Change::Hold(network) => network.holder(),
            _ => None,
        }
    }

    fn names_coupons(&self) -> bool {
        matches!(&self.change, Change::Update(update) if update.coupons.is_some())
    }
}

fn new_cart(app: &App, job: &Job, now: Timestamp) -> Stored {
    Stored {
        id: CartId::new(app.ids.next(now)),
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

/// What a batch has changed.
#[derive(Default)]
struct Touched {
    carts: HashMap<String, Extent>,
    lines: HashSet<(CartId, VariantId)>,
}

/// How much of a cart has changed, its lines apart.
enum Extent {
    /// Only its version, by so much.
    Version(i64),
    /// More than that.
    Whole,
}

impl Touched {
    fn version(&mut self, cart: &Stored) {
        let before = self.carts.entry(cart.token.clone());
        let extent = before.or_insert(Extent::Version(0));
        if let Extent::Version(by) = extent {
            *by += 1;
        }
    }

    fn whole(&mut self, cart: &Stored) {
        self.carts.insert(cart.token.clone(), Extent::Whole);
    }

    /// The carts that have changed, in the order of their ids.
    fn carts<'c>(&self, carts: &'c HashMap<String, Stored>) -> Vec<&'c Stored> {
        let mut changed: Vec<&Stored> = self.carts.keys().filter_map(|it| carts.get(it)).collect();
        changed.sort_unstable_by_key(|cart| cart.id);
        changed
    }

    async fn write(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        carts: &HashMap<String, Stored>,
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
        let (mut whole, mut risen) = (Vec::new(), BTreeMap::<i64, Vec<CartId>>::new());
        for cart in changed {
            match self.carts.get(&cart.token) {
                Some(Extent::Version(by)) => risen.entry(*by).or_default().push(cart.id),
                _ => whole.push(cart),
            }
        }
        raise(tx, now, &risen).await?;
        save(tx, now, &whole).await?;
        save_lines(tx, &lines, &gone).await
    }
}

fn apply(
    cart: &mut Stored,
    job: &Job,
    known: (&Surroundings, i64),
    touched: &mut Touched,
) -> Result<(), Error> {
    changeable(cart, job)?;
    match &job.change {
        Change::Create | Change::Hold(_) | Change::Release | Change::Merge(_) => {}
        Change::Add(sku, count) => put(cart, sku, known, touched, |before| before + count)?,
        Change::Set(sku, count) => put(cart, sku, known, touched, |_| *count)?,
        Change::Clear => {
            let lines = cart.lines.drain(..).map(|line| (cart.id, line.variant));
            touched.lines.extend(lines);
        }
        Change::Update(update) => {
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
        Change::Add(..) | Change::Set(..) | Change::Clear => touched.version(cart),
        _ => touched.whole(cart),
    }
    Ok(())
}

/// Whether a cart may change as this job has seen it.
fn changeable(cart: &Stored, job: &Job) -> Result<(), Error> {
    if cart.order.is_some() {
        return Err(Error::Ordered);
    }
    if job.if_match.is_some_and(|version| version != cart.version) {
        return Err(Error::Stale);
    }
    Ok(())
}

/// Puts what is in the other cart into this one: the quantities add up, to what there is and to the
/// limit. What does not fit stays where it was.
fn merge(
    carts: &mut HashMap<String, Stored>,
    job: &Job,
    from: &str,
    known: (&Surroundings, i64),
    touched: &mut Touched,
) -> Result<(), Error> {
    let cart = carts.get(&job.token).ok_or(Error::NoSuchCart)?;
    changeable(cart, job)?;
    if from == job.token {
        return Ok(());
    }
    let unknown = || Error::field("from", "No cart has this token.");
    let user = cart.user;
    let mut other = carts.remove(from).ok_or_else(unknown)?;
    let somebodys = other.user.is_some() && other.user != user;
    let merged = match carts.get_mut(&job.token) {
        _ if somebodys => Err(unknown()),
        Some(cart) if other.order.is_none() => {
            pour(&mut other, cart, known, touched);
            for cart in [&mut other, cart] {
                cart.version += 1;
                touched.whole(cart);
            }
            Ok(())
        }
        _ => Err(Error::Ordered),
    };
    carts.insert(from.to_owned(), other);
    merged
}

fn pour(
    from: &mut Stored,
    into: &mut Stored,
    (around, units_max): (&Surroundings, i64),
    touched: &mut Touched,
) {
    for line in std::mem::take(&mut from.lines) {
        let place = into.lines.iter().position(|it| it.variant == line.variant);
        let before = place.map_or(0, |place| into.lines[place].quantity);
        let offer = around.offers.get(&line.variant);
        let available = offer.and_then(|offer| around.available(&[from.id, into.id], offer));
        let most = available.unwrap_or(units_max).min(units_max);
        // Nobody has fewer than in the fuller of the two.
        let quantity = (before + line.quantity)
            .min(most)
            .max(before)
            .max(line.quantity);
        match place {
            Some(place) => into.lines[place].quantity = quantity,
            None if into.lines.len() == LINES_MAX => {
                from.lines.push(line);
                continue;
            }
            None => {
                let position = into.lines.last().map_or(0, |it| it.position + 1);
                into.lines.push(StoredLine { position, ..line });
            }
        }
        touched.lines.insert((from.id, line.variant));
        touched.lines.insert((into.id, line.variant));
    }
    from.hold = None;
    if into.note.is_empty() {
        into.note = std::mem::take(&mut from.note);
    }
    into.email = into.email.take().or(from.email.take());
    into.shipping_address = into
        .shipping_address
        .take()
        .or(from.shipping_address.take());
    into.shipping_method = into.shipping_method.take().or(from.shipping_method.take());
    for code in std::mem::take(&mut from.coupons) {
        if into.coupons.len() < COUPONS_MAX && !into.coupons.contains(&code) {
            into.coupons.push(code);
        }
    }
}

fn put(
    cart: &mut Stored,
    sku: &str,
    (around, units_max): (&Surroundings, i64),
    touched: &mut Touched,
    quantity: impl FnOnce(i64) -> i64,
) -> Result<(), Error> {
    let unknown = || Error::field("sku", "No variant has this sku.");
    let variant = *around.skus.get(sku).ok_or_else(unknown)?;
    let place = cart.lines.iter().position(|line| line.variant == variant);
    let before = place.map_or(0, |place| cart.lines[place].quantity);
    let quantity = quantity(before);
    if quantity > units_max {
        let why = format!("A cart may hold at most {units_max} units of one item.");
        return Err(Error::field("quantity", why));
    }
    if quantity == 0 {
        if let Some(place) = place {
            cart.lines.remove(place);
            touched.lines.insert((cart.id, variant));
        }
        return Ok(());
    }
    // What is in the cart may be made fewer even when it is not sold any more.
    let offer = around.offers.get(&variant).filter(|offer| offer.active);
    if offer.is_none() && quantity > before {
        return Err(unknown());
    }
    let line = match place {
        Some(place) => &mut cart.lines[place],
        None if cart.lines.len() == LINES_MAX => {
            let why = format!("A cart may hold at most {LINES_MAX} different items.");
            return Err(Error::field("sku", why));
        }
        None => {
            let position = cart.lines.last().map_or(0, |line| line.position + 1);
            cart.lines.push(StoredLine {
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
    touched.lines.insert((cart.id, variant));
    Ok(())
}
