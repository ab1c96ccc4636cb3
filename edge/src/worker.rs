//! The adapter: translates between the runtime and the core. It holds the state of this isolate, and
//! does what a plan says.

mod behind;
mod bridge;
mod fetch;
mod message;
mod operate;
mod origin;
mod settings;
mod silence;

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
};

use shared::key::{self, Whose};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use worker::{Context, Date, js_sys::futures::JsFuture, worker_sys};

use crate::core::{
    circuit_breaker::{CircuitBreakers, FAILURES_MIN},
    collapsed_forwarding::{CollapseRole, CollapsedForwarding, FetchResult},
    generated_body, invalidation,
    memory_store::MemoryStore,
    metrics::{Counters, OriginEvent, RequestOutcome},
    plan::{self, ForwardReason, HitResponse, Plan},
    request_url::UrlForm,
    revalidation_backoff::RevalidationBackoff,
    stored_response::{Millis, StoredResponse},
    upload::{self, UploadDecision},
};

use bridge::{Incoming, Upload, Waiting};
use message::Asked;
use origin::Origin;
use settings::Settings;
use silence::{Fault, Silence};

thread_local! {
    static SETTINGS: OnceCell<Rc<Settings>> = const { OnceCell::new() };
    static STORE: RefCell<Option<MemoryStore>> = const { RefCell::new(None) };
    static FLIGHTS: RefCell<CollapsedForwarding<Waiting>> = RefCell::default();
    /// The keys that are being renewed: each once at a time.
    static RENEWALS: RefCell<CollapsedForwarding<()>> = RefCell::default();
    /// The keys whose last renewal has failed.
    static UNRENEWED: RefCell<RevalidationBackoff> = RefCell::default();
    static BREAKERS: RefCell<Option<CircuitBreakers>> = const { RefCell::new(None) };
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
    let context = Rc::new(Context::new(context));
    let edge = Edge {
        raw_context,
        origin: Origin::new(env, &settings, &context),
        settings,
        asked: Rc::new(asked),
        context,
    };
    edge.answer(incoming)
}

impl Edge {
    fn answer(self, incoming: Incoming) -> JsValue {
        let asked = Rc::clone(&self.asked);
        if let Some(answer) = self.refused(&incoming) {
            return answer;
        }
        if asked.path().starts_with(shared::edge::OWN) {
            return promise(async move { operate::answer(&self, &incoming).await });
        }
        if key::is_for_operators(asked.path()) {
            return self.words(404, generated_body::not_found(asked.path()), "fwd=bypass");
        }
        if asked.target.whose == Whose::Somebodys {
            return promise(async move { self.pass(&incoming, "personal").await });
        }
        let headers = &asked.request.headers;
        let (stored, others) = with_store(|store| store.find(&asked.target.key, headers));
        let plan = plan::plan(&asked.request, stored.as_deref(), others, asked.at);
        let old = stored
            .as_deref()
            .is_some_and(|response| self.is_old_here(response));
        match plan {
            Plan::Serve(_) | Plan::ServeAndRevalidate(_) if old => {
                self.fetch(stored, ForwardReason::Stale)
            }
            Plan::Serve(hit) => self.serve(stored, hit, RequestOutcome::Hit, ""),
            Plan::ServeAndRevalidate(hit) => {
                self.renew_behind(stored.clone());
                self.serve(stored, hit, RequestOutcome::Stale, "; detail=renewing")
            }
            Plan::Bypass(why) => promise(async move { self.pass(&incoming, why).await }),
            Plan::Fetch(why) => self.fetch(stored, why),
            Plan::GatewayTimeout => self.words(
                504,
                generated_body::only_if_cached(asked.path()),
                "fwd=request",
            ),
        }
    }

    /// The answer to what goes no further as it is written.
    fn refused(&self, incoming: &Incoming) -> Option<JsValue> {
        let (asked, path) = (&self.asked, self.asked.path());
        let method = asked.request.method.as_str();
        Some(match &asked.form {
            UrlForm::Equivalent(other) if matches!(method, "GET" | "HEAD") => {
                self.count(RequestOutcome::Generated);
                message::moved(&self.settings, asked, other)
            }
            UrlForm::Equivalent(_) | UrlForm::Ambiguous => {
                self.refuse(400, generated_body::bad_request(path))
            }
            UrlForm::Canonical if upload::is_forbidden_method(method) => {
                self.refuse(405, generated_body::method_not_allowed(path))
            }
            UrlForm::Canonical => match self.decide_upload(incoming) {
                UploadDecision::TooLarge => {
                    let (edge, body) = (self.clone(), incoming.body());
                    promise(async move {
                        // The client gets to read the answer only when it has sent what it sends.
                        let _ = JsFuture::from(Upload::refuse(&body)).await;
                        edge.refuse(413, generated_body::too_large(edge.asked.path()))
                    })
                }
                UploadDecision::NoBody | UploadDecision::Take { .. } => return None,
            },
        })
    }

    fn refuse(&self, status: u16, words: generated_body::GeneratedBody) -> JsValue {
        self.words(status, words, "fwd=request; detail=client-fault")
    }

    fn decide_upload(&self, incoming: &Incoming) -> UploadDecision {
        let body = incoming.body();
        let present = !(body.is_null() || body.is_undefined());
        let asked = &self.asked.request;
        upload::decide(
            &asked.method,
            &asked.headers,
            present,
            self.settings.upload_max,
        )
    }

    /// Takes the body of a request from its client.
    async fn take_upload(&self, incoming: &Incoming) -> Result<Option<Upload>, Silence> {
        let UploadDecision::Take { buffer_max, max } = self.decide_upload(incoming) else {
            return Ok(None);
        };
        let limit_ms = self.settings.upload_timeout_ms;
        let taken = Upload::take(&incoming.body(), buffer_max as f64, max as f64, limit_ms);
        let upload = JsFuture::from(taken).await.map_err(|error| {
            count(OriginEvent::ClientFault);
            Silence::Faulty(Fault::of(&error).unwrap_or(Fault::Broken))
        })?;
        let upload: Upload = upload.unchecked_into();
        Ok((upload.size() > 0.0).then_some(upload))
    }

    /// Answers without the origin's answer, where nothing is stored.
    fn unanswered(&self, silence: Silence) -> JsValue {
        let path = self.asked.path();
        let (status, words) = match silence {
            Silence::Faulty(Fault::Slow) => (408, generated_body::request_timeout(path)),
            Silence::Faulty(Fault::Large) => (413, generated_body::too_large(path)),
            Silence::Faulty(_) => (400, generated_body::bad_request(path)),
            _ => (503, generated_body::unavailable(path)),
        };
        let status_line = format!("fwd=bypass; detail={}", silence.word());
        message::words(&self.settings, &self.asked, status, words, &status_line)
    }

    fn serve(
        &self,
        stored: Option<Rc<StoredResponse>>,
        hit: HitResponse,
        outcome: RequestOutcome,
        detail: &str,
    ) -> JsValue {
        let Some(response) = stored else {
            let words = generated_body::unavailable(self.asked.path());
            return self.words(503, words, "fwd=miss");
        };
        self.count(outcome);
        // The runtime's clock stands still until something comes in; what waited has its own time.
        let now = if outcome == RequestOutcome::Hit {
            self.asked.at
        } else {
            now()
        };
        let status = format!("hit; ttl={}{detail}", response.ttl(now));
        message::stored(&self.settings, &self.asked, &response, hit, now, &status)
    }

    fn words(
        &self,
        status: u16,
        words: generated_body::GeneratedBody,
        cache_status: &str,
    ) -> JsValue {
        self.count(RequestOutcome::Generated);
        message::words(&self.settings, &self.asked, status, words, cache_status)
    }

    fn count(&self, outcome: RequestOutcome) {
        let class = self.asked.target.class;
        COUNTERS.with_borrow_mut(|counters| counters.count_request(class, outcome));
    }

    /// Renews a response behind the answer, unless somebody does so already.
    fn renew_behind(&self, stored: Option<Rc<StoredResponse>>) {
        let flight = self.asked.flight();
        if !UNRENEWED.with_borrow(|failed| failed.may_revalidate(&flight, self.asked.at)) {
            return;
        }
        let role = RENEWALS.with_borrow_mut(|renewals| renewals.join(&flight, self.asked.at));
        if let CollapseRole::Lead(ticket) = role {
            let edge = self.clone();
            self.context.wait_until(async move {
                let result = edge.renew(stored.as_deref()).await;
                UNRENEWED.with_borrow_mut(|failed| match result {
                    FetchResult::Failed => failed.record_failure(&flight, now()),
                    _ => failed.record_success(&flight),
                });
                RENEWALS.with_borrow_mut(|renewals| renewals.complete(ticket, result, now()));
            });
        }
    }

    /// Hands a request on as it came, and its answer back. One that may have changed something makes
    /// what is stored for its address invalid (RFC 9111 §4.4).
    async fn pass(&self, incoming: &Incoming, why: &str) -> JsValue {
        self.count(RequestOutcome::Bypass);
        let fetched = match self.take_upload(incoming).await {
            Ok(upload) => self.origin.pass(&self.asked, upload).await,
            Err(silence) => Err(silence),
        };
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(silence) => return self.unanswered(silence),
        };
        if !plan::is_safe(&self.asked.request.method) {
            let keys =
                invalidation::invalidated_keys(&self.asked.url, fetched.status, &fetched.headers);
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
fn with_store<T>(work: impl FnOnce(&mut MemoryStore) -> T) -> T {
    STORE.with_borrow_mut(|store| {
        let bytes = SETTINGS.with(|settings| settings.get().map_or(0, |it| it.memory_max));
        work(store.get_or_insert_with(|| MemoryStore::new(bytes)))
    })
}

/// Does something with the breakers, which are made when the settings are known.
fn breakers<T>(work: impl FnOnce(&mut CircuitBreakers) -> T) -> T {
    BREAKERS.with_borrow_mut(|breakers| {
        let (restart_ms, failures_min) = SETTINGS.with(|settings| {
            let settings = settings.get();
            settings.map_or((0, FAILURES_MIN), |it| (it.restart_ms, it.breaker_failures))
        });
        work(breakers.get_or_insert_with(|| CircuitBreakers::new(restart_ms, failures_min)))
    })
}

fn count(event: OriginEvent) {
    COUNTERS.with_borrow_mut(|counters| counters.count_event(event));
}

fn now() -> Millis {
    Date::now().as_millis()
}

/// The promise of an answer.
fn promise(answer: impl Future<Output = JsValue> + 'static) -> JsValue {
    worker::wasm_bindgen_futures::future_to_promise(async move { Ok(answer.await) }).into()
}
