//! The adapter: translates between the runtime and the core. It holds the store of this isolate,
//! and does what a plan says.

mod message;
mod origin;

use std::{cell::RefCell, collections::HashSet, rc::Rc};

use wasm_bindgen::prelude::wasm_bindgen;
use worker::{Context, Date, Env, Response, event};

use crate::core::{
    entry::{Entry, Millis},
    key,
    plan::{self, Admission, Hit, Plan},
    store::Store,
    words,
};

use message::Asked;
use origin::{Fetched, Origin};

thread_local! {
    static STORE: RefCell<Store> = RefCell::new(Store::new(BYTES_MAX_DEFAULT));
    /// The keys that are being renewed: each once at a time.
    static RENEWING: RefCell<HashSet<String>> = RefCell::default();
}

/// Half of what Cloudflare gives an isolate, and room for a shop of some thousand pages.
const BYTES_MAX_DEFAULT: usize = 64 * 1_024 * 1_024;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = randomUUID)]
    fn random_uuid() -> String;
}

/// Answers a request.
#[event(fetch)]
async fn fetch(request: worker::Request, env: Env, context: Context) -> worker::Result<Response> {
    let asked = Asked::read(&request)?;
    if key::is_for_operators(&asked.path) {
        return message::words(&asked, 404, words::nothing_here(&asked.path), "fwd=bypass");
    }
    let origin = Origin::new(env);
    if key::is_personal(&asked.path) {
        return pass(&origin, &asked, request, "personal").await;
    }
    let now = now();
    let (stored, others) =
        STORE.with_borrow_mut(|store| store.find(&asked.key, &asked.request.headers));
    match plan::plan(&asked.request, stored.as_deref(), others, now) {
        Plan::Serve(hit) => serve(&asked, stored, hit, now, ""),
        Plan::ServeAndRenew(hit) => {
            if let Some(claim) = Claim::of(&asked.key) {
                let (asked, stored) = (asked.clone(), stored.clone());
                context.wait_until(async move {
                    renew(&origin, &asked, stored.as_deref()).await;
                    drop(claim);
                });
            }
            serve(&asked, stored, hit, now, "; detail=renewing")
        }
        Plan::Pass(why) => pass(&origin, &asked, request, why).await,
        Plan::Fetch(why) => fetched(&origin, &asked, stored, why.word()).await,
    }
}

fn serve(
    asked: &Asked,
    stored: Option<Rc<Entry>>,
    hit: Hit,
    now: Millis,
    detail: &str,
) -> worker::Result<Response> {
    let Some(entry) = stored else {
        return message::words(asked, 503, words::unavailable(&asked.path), "fwd=miss");
    };
    let status = format!("hit; ttl={}{detail}", entry.ttl(now));
    message::stored(asked, &entry, hit, now, &status)
}

/// Asks the origin for what a client waits for.
async fn fetched(
    origin: &Origin,
    asked: &Asked,
    stored: Option<Rc<Entry>>,
    why: &str,
) -> worker::Result<Response> {
    let fetched = origin.get(asked, stored.as_deref()).await;
    let now = now();
    let usable = stored.filter(|entry| entry.may_serve_on_error(now));
    match (fetched, usable) {
        (Err(_), Some(entry)) => {
            let hit = plan::hit(&asked.request, &entry);
            serve(asked, Some(entry), hit, now, "; detail=origin-unreachable")
        }
        (Ok(fetched), Some(entry)) if plan::is_failure(fetched.status) => {
            let hit = plan::hit(&asked.request, &entry);
            serve(asked, Some(entry), hit, now, "; detail=origin-failed")
        }
        (Err(error), None) => {
            worker::console_error!("the origin does not answer: {error}");
            let status = format!("fwd={why}; detail=origin-unreachable");
            message::words(asked, 503, words::unavailable(&asked.path), &status)
        }
        (Ok(fetched), stored) => keep_and_answer(origin, asked, fetched, stored, why).await,
    }
}

/// Stores what may be stored, and hands the answer on.
async fn keep_and_answer(
    origin: &Origin,
    asked: &Asked,
    fetched: Fetched,
    stored: Option<Rc<Entry>>,
    why: &str,
) -> worker::Result<Response> {
    let origin_status = fetched.status;
    let about = |rest: &str| format!("fwd={why}; fwd-status={origin_status}{rest}");
    if let (304, Some(entry)) = (fetched.status, &stored) {
        let entry = Rc::new(entry.freshen(&fetched.headers, now()));
        keep(&asked.key, Rc::clone(&entry));
        let hit = plan::hit(&asked.request, &entry);
        return message::stored(asked, &entry, hit, now(), &about("; stored"));
    }
    let terms = match plan::admit(&asked.as_get(), fetched.status, &fetched.headers) {
        Admission::Store(terms) if fetched.fits_into(origin.body_max()) => terms,
        Admission::Store(_) => return fetched.pass_on(asked, &about("; detail=too-large")),
        Admission::Leave(why_not) => {
            return fetched.pass_on(asked, &about(&format!("; detail=\"{why_not}\"")));
        }
    };
    let (status, headers) = (fetched.status, fetched.headers.clone());
    match fetched.body().await {
        Ok(body) => {
            let entry = Rc::new(terms.entry(status, &headers, body, now()));
            keep(&asked.key, Rc::clone(&entry));
            let hit = plan::hit(&asked.request, &entry);
            message::stored(asked, &entry, hit, now(), &about("; stored"))
        }
        Err(error) => {
            worker::console_error!("the origin's answer broke off: {error}");
            let page = words::unavailable(&asked.path);
            message::words(asked, 503, page, &about("; detail=broke-off"))
        }
    }
}

/// Renews an entry behind an answer. Whatever fails leaves the old one in its place.
async fn renew(origin: &Origin, asked: &Asked, stored: Option<&Entry>) {
    let asked = asked.unconditional();
    let Ok(fetched) = origin.get(&asked, stored).await else {
        return;
    };
    if let (304, Some(entry)) = (fetched.status, stored) {
        keep(&asked.key, Rc::new(entry.freshen(&fetched.headers, now())));
        return;
    }
    if plan::is_failure(fetched.status) {
        return;
    }
    match plan::admit(&asked.as_get(), fetched.status, &fetched.headers) {
        Admission::Store(terms) if fetched.fits_into(origin.body_max()) => {
            let (status, headers) = (fetched.status, fetched.headers.clone());
            if let Ok(body) = fetched.body().await {
                keep(
                    &asked.key,
                    Rc::new(terms.entry(status, &headers, body, now())),
                );
            }
        }
        // It may not be kept any more, so the old one may not be shown for longer either.
        _ => STORE.with_borrow_mut(|store| store.remove(&asked.key)),
    }
}

/// Hands a request on as it came, and its answer back. One that may have changed something makes
/// what is stored for its address invalid (RFC 9111 §4.4).
async fn pass(
    origin: &Origin,
    asked: &Asked,
    request: worker::Request,
    why: &str,
) -> worker::Result<Response> {
    let fetched = match origin.pass(asked, &request).await {
        Ok(fetched) => fetched,
        Err(error) => {
            worker::console_error!("the origin does not answer: {error}");
            let page = words::unavailable(&asked.path);
            return message::words(asked, 503, page, "fwd=bypass; detail=origin-unreachable");
        }
    };
    let safe = matches!(
        asked.request.method.as_str(),
        "GET" | "HEAD" | "OPTIONS" | "TRACE"
    );
    if !safe && fetched.status < 400 {
        STORE.with_borrow_mut(|store| store.remove(&asked.key));
    }
    let kind = if why == "method" { "method" } else { "bypass" };
    let status = format!("fwd={kind}; fwd-status={}; detail={why}", fetched.status);
    fetched.pass_on(asked, &status)
}

fn keep(key: &str, entry: Rc<Entry>) {
    STORE.with_borrow_mut(|store| store.put(key, entry));
}

fn now() -> Millis {
    Date::now().as_millis()
}

/// The right to renew a key; given back when it is done or given up.
struct Claim(String);

impl Claim {
    fn of(key: &str) -> Option<Self> {
        let first = RENEWING.with_borrow_mut(|keys| keys.insert(key.to_owned()));
        first.then(|| Self(key.to_owned()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        RENEWING.with_borrow_mut(|keys| keys.remove(&self.0));
    }
}
