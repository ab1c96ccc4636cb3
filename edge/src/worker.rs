//! The adapter between the runtime and the core: it holds the state of this isolate, and carries
//! out what a plan says.

mod bridge;
mod client_request;
mod client_response;
mod fetch;
mod fetch_error;
mod operations;
mod origin_client;
mod origin_response;
mod second_level;
mod settings;

use std::{
    cell::{OnceCell, RefCell},
    rc::Rc,
};

use shared::cache_key::{self, Audience};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use worker::{Context, Date, js_sys::futures::JsFuture, worker_sys};

use crate::core::{
    circuit_breaker::{CircuitBreakers, FAILURES_MIN},
    collapsed_forwarding::{CollapseRole, CollapsedForwarding, FetchResult},
    generated_body::{self, GeneratedBody},
    invalidation,
    memory_store::MemoryStore,
    metrics::{Counters, OriginEvent, RequestOutcome},
    plan::{self, ForwardReason, HitResponse, Plan},
    request_url::UrlForm,
    revalidation_backoff::RevalidationBackoff,
    stored_response::{Millis, StoredResponse},
    upload::{self, UploadDecision},
};

use bridge::{JsRequest, Upload, Waiter};
use client_request::ClientRequest;
use fetch_error::{FetchError, UploadFault};
use origin_client::OriginClient;
use settings::Settings;

thread_local! {
    static SETTINGS: OnceCell<Rc<Settings>> = const { OnceCell::new() };
    static STORE: RefCell<Option<MemoryStore>> = const { RefCell::new(None) };
    static COLLAPSED_FETCHES: RefCell<CollapsedForwarding<Waiter>> = RefCell::default();
    /// Background revalidations: at most one per key runs at a time.
    static REVALIDATIONS: RefCell<CollapsedForwarding<()>> = RefCell::default();
    /// The keys whose last background revalidation failed.
    static REVALIDATION_BACKOFF: RefCell<RevalidationBackoff> = RefCell::default();
    static BREAKERS: RefCell<Option<CircuitBreakers>> = const { RefCell::new(None) };
    static COUNTERS: RefCell<Counters> = RefCell::default();
}

/// Handles one client request.
#[derive(Clone)]
struct RequestHandler {
    settings: Rc<Settings>,
    origin: OriginClient,
    client_request: Rc<ClientRequest>,
    context: Rc<Context>,
    /// The same context as a JavaScript value.
    raw_context: JsValue,
}

/// Handles a request. Returns the response itself if it is in memory, and a promise of it
/// otherwise. `fields` holds names and values by turns, each on a line; `now` is Unix time in
/// milliseconds.
#[wasm_bindgen]
pub fn handle(
    incoming: JsRequest,
    method: String,
    url: String,
    fields: &str,
    now: f64,
    env: &JsValue,
    context: worker_sys::Context,
) -> JsValue {
    let settings = settings(env);
    let client_request = ClientRequest::read(method, url, fields, now as Millis);
    operations::log_counters_periodically(client_request.received_at);
    let raw_context = AsRef::<JsValue>::as_ref(&context).clone();
    let context = Rc::new(Context::new(context));
    let handler = RequestHandler {
        raw_context,
        origin: OriginClient::new(env, &settings, &context),
        settings,
        client_request: Rc::new(client_request),
        context,
    };
    handler.respond(incoming)
}

impl RequestHandler {
    fn respond(self, incoming: JsRequest) -> JsValue {
        let client_request = Rc::clone(&self.client_request);
        if let Some(js_response) = self.early_response(&incoming) {
            return js_response;
        }
        if client_request.path().starts_with(shared::edge::OWN) {
            return promise_of(async move { operations::handle(&self, &incoming).await });
        }
        if cache_key::is_for_operators(client_request.path()) {
            return self.respond_with(
                404,
                generated_body::not_found(client_request.path()),
                "fwd=bypass",
            );
        }
        if client_request.target.audience == Audience::Private {
            return promise_of(async move { self.forward(&incoming, "personal").await });
        }
        let headers = &client_request.cache_request.headers;
        let (stored, has_variants) =
            with_store(|store| store.find(&client_request.target.key, headers));
        let plan = plan::plan(
            &client_request.cache_request,
            stored.as_deref(),
            has_variants,
            client_request.received_at,
        );
        let old = stored
            .as_deref()
            .is_some_and(|response| self.is_due_for_second_level(response));
        match plan {
            Plan::Serve(_) | Plan::ServeAndRevalidate(_) if old => {
                self.fetch(stored, ForwardReason::Stale)
            }
            Plan::Serve(hit) => self.serve(stored, hit, RequestOutcome::Hit, ""),
            Plan::ServeAndRevalidate(hit) => {
                self.revalidate_in_background(stored.clone());
                self.serve(stored, hit, RequestOutcome::Stale, "; detail=renewing")
            }
            Plan::Bypass(reason) => {
                promise_of(async move { self.forward(&incoming, reason).await })
            }
            Plan::Fetch(reason) => self.fetch(stored, reason),
            Plan::GatewayTimeout => self.respond_with(
                504,
                generated_body::only_if_cached(client_request.path()),
                "fwd=request",
            ),
        }
    }

    /// The response to a request that is rejected or redirected before the cache is consulted.
    fn early_response(&self, incoming: &JsRequest) -> Option<JsValue> {
        let (client_request, path) = (&self.client_request, self.client_request.path());
        let method = client_request.cache_request.method.as_str();
        Some(match &client_request.url_form {
            UrlForm::Equivalent(other) if matches!(method, "GET" | "HEAD") => {
                self.count_outcome(RequestOutcome::Generated);
                client_response::redirect(&self.settings, client_request, other)
            }
            UrlForm::Equivalent(_) | UrlForm::Ambiguous => {
                self.reject(400, generated_body::bad_request(path))
            }
            UrlForm::Canonical if upload::is_forbidden_method(method) => {
                self.reject(405, generated_body::method_not_allowed(path))
            }
            UrlForm::Canonical => match self.decide_upload(incoming) {
                UploadDecision::TooLarge => {
                    let (handler, body) = (self.clone(), incoming.body());
                    promise_of(async move {
                        // Clients read the response only after they have sent the whole body.
                        let _ = JsFuture::from(Upload::drain(&body)).await;
                        handler.reject(
                            413,
                            generated_body::too_large(handler.client_request.path()),
                        )
                    })
                }
                UploadDecision::NoBody | UploadDecision::Take { .. } => return None,
            },
        })
    }

    fn reject(&self, status: u16, body: GeneratedBody) -> JsValue {
        self.respond_with(status, body, "fwd=request; detail=client-fault")
    }

    fn decide_upload(&self, incoming: &JsRequest) -> UploadDecision {
        let body = incoming.body();
        let present = !(body.is_null() || body.is_undefined());
        let cache_request = &self.client_request.cache_request;
        upload::decide(
            &cache_request.method,
            &cache_request.headers,
            present,
            self.settings.upload_bytes_max,
        )
    }

    /// Receives the request body from the client.
    async fn receive_upload(&self, incoming: &JsRequest) -> Result<Option<Upload>, FetchError> {
        let UploadDecision::Take { buffer_max, max } = self.decide_upload(incoming) else {
            return Ok(None);
        };
        let limit_ms = self.settings.upload_timeout_ms;
        let taken = Upload::receive(&incoming.body(), buffer_max as f64, max as f64, limit_ms);
        let upload = JsFuture::from(taken).await.map_err(|error| {
            count_event(OriginEvent::ClientFault);
            FetchError::Client(UploadFault::from_js(&error).unwrap_or(UploadFault::Aborted))
        })?;
        let upload: Upload = upload.unchecked_into();
        Ok((upload.received_length() > 0.0).then_some(upload))
    }

    /// The response to a request that bypasses the cache and failed.
    fn respond_to_failure(&self, error: FetchError) -> JsValue {
        let path = self.client_request.path();
        let (status, body) = match error {
            FetchError::Client(UploadFault::TooSlow) => {
                (408, generated_body::request_timeout(path))
            }
            FetchError::Client(UploadFault::TooLarge) => (413, generated_body::too_large(path)),
            FetchError::Client(_) => (400, generated_body::bad_request(path)),
            _ => (503, generated_body::unavailable(path)),
        };
        let cache_status = format!("fwd=bypass; detail={}", error.detail());
        client_response::generated(
            &self.settings,
            &self.client_request,
            status,
            body,
            &cache_status,
        )
    }

    fn serve(
        &self,
        stored: Option<Rc<StoredResponse>>,
        hit: HitResponse,
        outcome: RequestOutcome,
        detail: &str,
    ) -> JsValue {
        let Some(response) = stored else {
            let body = generated_body::unavailable(self.client_request.path());
            return self.respond_with(503, body, "fwd=miss");
        };
        self.count_outcome(outcome);
        // The runtime's clock only advances with I/O. A request that waited needs the current time.
        let now = if outcome == RequestOutcome::Hit {
            self.client_request.received_at
        } else {
            now()
        };
        let status = format!("hit; ttl={}{detail}", response.ttl(now));
        client_response::from_cache(
            &self.settings,
            &self.client_request,
            &response,
            hit,
            now,
            &status,
        )
    }

    fn respond_with(&self, status: u16, body: GeneratedBody, cache_status: &str) -> JsValue {
        self.count_outcome(RequestOutcome::Generated);
        client_response::generated(
            &self.settings,
            &self.client_request,
            status,
            body,
            cache_status,
        )
    }

    fn count_outcome(&self, outcome: RequestOutcome) {
        let class = self.client_request.target.class;
        COUNTERS.with_borrow_mut(|counters| counters.count_request(class, outcome));
    }

    /// Revalidates a stored response in the background, unless a revalidation is running already.
    fn revalidate_in_background(&self, stored: Option<Rc<StoredResponse>>) {
        let collapse_key = self.client_request.collapse_key();
        let now_ms = self.client_request.received_at;
        let may_revalidate = REVALIDATION_BACKOFF
            .with_borrow(|backoff| backoff.may_revalidate(&collapse_key, now_ms));
        if !may_revalidate {
            return;
        }
        let role = REVALIDATIONS
            .with_borrow_mut(|revalidations| revalidations.join(&collapse_key, now_ms));
        if let CollapseRole::Lead(ticket) = role {
            let handler = self.clone();
            self.context.wait_until(async move {
                let result = handler.revalidate(stored.as_deref()).await;
                REVALIDATION_BACKOFF.with_borrow_mut(|backoff| match result {
                    FetchResult::Failed => backoff.record_failure(&collapse_key, now()),
                    _ => backoff.record_success(&collapse_key),
                });
                REVALIDATIONS
                    .with_borrow_mut(|revalidations| revalidations.complete(ticket, result, now()));
            });
        }
    }

    /// Forwards a request and relays the response, without using the cache. A successful unsafe
    /// request invalidates the stored responses for its target (RFC 9111 §4.4).
    async fn forward(&self, incoming: &JsRequest, reason: &str) -> JsValue {
        self.count_outcome(RequestOutcome::Bypass);
        let fetched = match self.receive_upload(incoming).await {
            Ok(upload) => self.origin.forward(&self.client_request, upload).await,
            Err(error) => Err(error),
        };
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(error) => return self.respond_to_failure(error),
        };
        if !plan::is_safe(&self.client_request.cache_request.method) {
            let keys = invalidation::invalidated_keys(
                &self.client_request.url,
                fetched.status,
                &fetched.headers,
            );
            for key in &keys {
                with_store(|store| store.invalidate(key, now()));
            }
            self.delete_second_level(&keys).await;
        }
        let kind = if reason == "method" {
            "method"
        } else {
            "bypass"
        };
        let status = format!("fwd={kind}; fwd-status={}; detail={reason}", fetched.status);
        fetched.relay(&self.settings, &self.client_request, &status)
    }
}

fn settings(env: &JsValue) -> Rc<Settings> {
    SETTINGS.with(|settings| Rc::clone(settings.get_or_init(|| Rc::new(Settings::read(env)))))
}

/// Runs a closure on the store, which is created once the settings are known.
fn with_store<T>(work: impl FnOnce(&mut MemoryStore) -> T) -> T {
    STORE.with_borrow_mut(|store| {
        let bytes = SETTINGS.with(|settings| settings.get().map_or(0, |it| it.memory_bytes_max));
        work(store.get_or_insert_with(|| MemoryStore::new(bytes)))
    })
}

/// Runs a closure on the breakers, which are created once the settings are known.
fn with_breakers<T>(work: impl FnOnce(&mut CircuitBreakers) -> T) -> T {
    BREAKERS.with_borrow_mut(|breakers| {
        let (restart_ms, failures_min) = SETTINGS.with(|settings| {
            let settings = settings.get();
            settings.map_or((0, FAILURES_MIN), |it| (it.restart_ms, it.breaker_failures))
        });
        work(breakers.get_or_insert_with(|| CircuitBreakers::new(restart_ms, failures_min)))
    })
}

fn count_event(event: OriginEvent) {
    COUNTERS.with_borrow_mut(|counters| counters.count_event(event));
}

fn now() -> Millis {
    Date::now().as_millis()
}

/// Turns a future of a response into a JavaScript promise.
fn promise_of(response: impl Future<Output = JsValue> + 'static) -> JsValue {
    worker::wasm_bindgen_futures::future_to_promise(async move { Ok(response.await) }).into()
}
