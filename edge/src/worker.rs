//! The adapter: translates between the runtime and the core. It holds the state of this isolate, and
//! does what a plan says.

mod behind;
mod bridge;
mod fetch;
mod message;
mod operate;
mod origin;
mod settings;

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
};

use shared::key::{self, Whose};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use worker::{Context, Date, worker_sys};

use crate::core::{
    breaker::Breaker,
    count::{Counters, Event, Outcome},
    entry::{Entry, Millis},
    flights::{Flights, Role},
    invalidate,
    plan::{self, Hit, Plan, Why},
    store::Store,
    words,
};

use bridge::{Incoming, Waiting};
use message::Asked;
use origin::Origin;
use settings::Settings;

thread_local! {
    static SETTINGS: OnceCell<Rc<Settings>> = const { OnceCell::new() };
    static STORE: RefCell<Option<Store>> = const { RefCell::new(None) };
    static FLIGHTS: RefCell<Flights<Waiting>> = RefCell::default();
    /// The keys that are being renewed: each once at a time.
    static RENEWALS: RefCell<Flights<()>> = RefCell::default();
    static BREAKER: RefCell<Breaker> = RefCell::default();
    static COUNTERS: RefCell<Counters> = RefCell::default();
}

/// What one request needs to be answered.
#[derive(Clone)]
struct Edge {
    settings: Rc<Settings>,
    origin: Origin,
    asked: Rc<Asked>,
    context: Rc<Context>,
    /// The same, as the runtime gave it.
    raw_context: JsValue,
}

/// Answers a request: with an answer when it is in memory, with the promise of one otherwise. `fields`
/// are lines, name and value by turns; `now` is in milliseconds.
#[wasm_bindgen]
pub fn handle(
    incoming: Incoming,
    method: String,
    url: String,
    fields: &str,
    now: f64,
    env: &JsValue,
    context: worker_sys::Context,
) -> JsValue {
    let settings = settings(env);
    let asked = Asked::read(method, url, fields, now as Millis);
    operate::log_now_and_then(asked.at);
    let raw_context = AsRef::<JsValue>::as_ref(&context).clone();
    let edge = Edge {
        raw_context,
        origin: Origin::new(env, &settings),
        settings,
        asked: Rc::new(asked),
        context: Rc::new(Context::new(context)),
    };
    edge.answer(incoming)
}

impl Edge {
    fn answer(self, incoming: Incoming) -> JsValue {
        let asked = Rc::clone(&self.asked);
        if asked.path().starts_with(shared::edge::OWN) {
            return promise(async move { operate::answer(&self, &incoming).await });
        }
        if key::is_for_operators(asked.path()) {
            return self.words(404, words::nothing_here(asked.path()), "fwd=bypass");
        }
        if asked.target.whose == Whose::Somebodys {
            return promise(async move { self.pass(&incoming, "personal").await });
        }
        let headers = &asked.request.headers;
        let (stored, others) = with_store(|store| store.find(&asked.target.key, headers));
        let plan = plan::plan(&asked.request, stored.as_deref(), others, asked.at);
        let old = stored
            .as_deref()
            .is_some_and(|entry| self.is_old_here(entry));
        match plan {
            Plan::Serve(_) | Plan::ServeAndRenew(_) if old => self.fetch(stored, Why::Stale),
            Plan::Serve(hit) => self.serve(stored, hit, Outcome::Hit, ""),
            Plan::ServeAndRenew(hit) => {
                self.renew_behind(stored.clone());
                self.serve(stored, hit, Outcome::Stale, "; detail=renewing")
            }
            Plan::Pass(why) => promise(async move { self.pass(&incoming, why).await }),
            Plan::Fetch(why) => self.fetch(stored, why),
            Plan::Refuse => self.words(504, words::not_stored(asked.path()), "fwd=request"),
        }
    }

    fn serve(
        &self,
        stored: Option<Rc<Entry>>,
        hit: Hit,
        outcome: Outcome,
        detail: &str,
    ) -> JsValue {
        let Some(entry) = stored else {
            let words = words::unavailable(self.asked.path());
            return self.words(503, words, "fwd=miss");
        };
        self.count(outcome);
        // The runtime's clock stands still until something comes in; what waited has its own time.
        let now = if outcome == Outcome::Hit {
            self.asked.at
        } else {
            now()
        };
        let status = format!("hit; ttl={}{detail}", entry.ttl(now));
        message::stored(&self.settings, &self.asked, &entry, hit, now, &status)
    }

    fn words(&self, status: u16, words: words::Words, cache_status: &str) -> JsValue {
        self.count(Outcome::Own);
        message::words(&self.settings, &self.asked, status, words, cache_status)
    }

    fn count(&self, outcome: Outcome) {
        let class = self.asked.target.class;
        COUNTERS.with_borrow_mut(|counters| counters.request(class, outcome));
    }

    /// Renews an entry behind the answer, unless somebody does so already.
    fn renew_behind(&self, stored: Option<Rc<Entry>>) {
        let flight = self.asked.flight();
        let role = RENEWALS.with_borrow_mut(|renewals| renewals.join(&flight, self.asked.at));
        if let Role::Lead(ticket) = role {
            let edge = self.clone();
            self.context.wait_until(async move {
                let landing = edge.renew(stored.as_deref()).await;
                RENEWALS.with_borrow_mut(|renewals| renewals.land(ticket, landing, now()));
            });
        }
    }

    /// Hands a request on as it came, and its answer back. One that may have changed something makes
    /// what is stored for its address invalid (RFC 9111 §4.4).
    async fn pass(&self, incoming: &Incoming, why: &str) -> JsValue {
        self.count(Outcome::Bypass);
        let body = incoming.body();
        let body = if body.is_undefined() {
            JsValue::NULL
        } else {
            body
        };
        let fetched = match self.origin.pass(&self.asked, body).await {
            Ok(fetched) => fetched,
            Err(silence) => {
                let status = format!("fwd=bypass; detail={}", silence.word());
                let words = words::unavailable(self.asked.path());
                return message::words(&self.settings, &self.asked, 503, words, &status);
            }
        };
        if !plan::is_safe(&self.asked.request.method) {
            let keys = invalidate::keys(&self.asked.url, fetched.status, &fetched.headers);
            for key in &keys {
                with_store(|store| store.invalidate(key, now()));
            }
            self.forget(&keys).await;
        }
        let kind = if why == "method" { "method" } else { "bypass" };
        let status = format!("fwd={kind}; fwd-status={}; detail={why}", fetched.status);
        fetched.pass_on(&self.settings, &self.asked, &status)
    }
}

fn settings(env: &JsValue) -> Rc<Settings> {
    SETTINGS.with(|settings| Rc::clone(settings.get_or_init(|| Rc::new(Settings::read(env)))))
}

/// Does something with the store, which is made when the settings are known.
fn with_store<T>(work: impl FnOnce(&mut Store) -> T) -> T {
    STORE.with_borrow_mut(|store| {
        let bytes = SETTINGS.with(|settings| settings.get().map_or(0, |it| it.memory_max));
        work(store.get_or_insert_with(|| Store::new(bytes)))
    })
}

fn count(event: Event) {
    COUNTERS.with_borrow_mut(|counters| counters.event(event));
}

fn now() -> Millis {
    Date::now().as_millis()
}

/// The promise of an answer.
fn promise(answer: impl Future<Output = JsValue> + 'static) -> JsValue {
    worker::wasm_bindgen_futures::future_to_promise(async move { Ok(answer.await) }).into()
}
