//! The client of the origin, which is a service binding on workerd and a URL on Cloudflare.

use std::{cell::Cell, rc::Rc};

use shared::edge::{ADDRESS_HEADER, MIN_VERSION_HEADER, READY, signed_address};
use wasm_bindgen::{JsCast, JsValue};
use worker::{
    Context,
    js_sys::{Reflect, futures::JsFuture},
};

use crate::core::{
    circuit_breaker::{CircuitBreakers, OriginOutcome, PROBE_EVERY_MS, Permit, RequestKind},
    headers::Headers,
    metrics::OriginEvent,
    plan,
    stored_response::{Millis, StoredResponse},
};

use super::{
    bridge::{self, Exchange, Upload},
    client_request::ClientRequest,
    count_event,
    fetch_error::{FetchError, error_of_cloudflare_status, outcome_of_response},
    now,
    origin_response::{OriginResponse, cache_fill_kind},
    settings::Settings,
    with_breakers, with_store,
};

/// Asks the origin to name the content coding in `mallard-coding` instead of `Content-Encoding`, so
/// that the runtime does not decode the body. See docs/decisions/edge-compression.md.
const RAW_CODING_REQUEST_HEADER: &str = "mallard-raw";

/// The name of the service binding.
const SERVICE: &str = "ORIGIN";
/// The time limit of a probe. A healthy origin answers it at once.
const PROBE_MS: u32 = 2_000;
/// How many probes one task sends; Cloudflare cancels background work that runs for longer.
const PROBES_MAX: u32 = 80;
/// How often a waiting request checks whether the origin is back.
const POLL_EVERY_MS: u32 = 50;
/// The most requests that wait for a restarting origin.
const WAITING_REQUESTS_MAX: usize = 1_000;

/// Sends requests to the origin on behalf of one client request.
#[derive(Clone)]
pub struct OriginClient {
    settings: Rc<Settings>,
    env: JsValue,
    context: Rc<Context>,
}

/// A request to the origin.
struct OriginRequest<'q> {
    client_request: &'q Rc<ClientRequest>,
    method: &'q str,
    url: String,
    fields: String,
    upload: Option<Upload>,
    /// Whether the request fills the cache, and so carries nothing about the client.
    fills_cache: bool,
    /// Whether the request waits while the origin restarts, because nothing else can be served.
    waits_for_restart: bool,
}

impl OriginRequest<'_> {
    /// Whether the request can be sent twice without a second effect.
    fn is_repeatable(&self) -> bool {
        plan::is_safe(self.method) && self.upload.is_none()
    }

    /// The kind of the request, which selects its circuit breaker.
    fn kind(&self) -> RequestKind<'_> {
        match plan::is_safe(self.method) {
            true if self.fills_cache => cache_fill_kind(self.client_request),
            true => RequestKind::Safe,
            false => RequestKind::Unsafe,
        }
    }
}

impl OriginClient {
    /// Creates the client for one request.
    pub fn new(env: &JsValue, settings: &Rc<Settings>, context: &Rc<Context>) -> Self {
        Self {
            settings: Rc::clone(settings),
            env: env.clone(),
            context: Rc::clone(context),
        }
    }

    fn service(&self) -> JsValue {
        match self.settings.origin_url {
            Some(_) => JsValue::NULL,
            None => Reflect::get(&self.env, &SERVICE.into()).unwrap_or(JsValue::NULL),
        }
    }

    fn url(&self, target: &str) -> String {
        let base = self.settings.origin_url.as_deref();
        format!("{}{target}", base.unwrap_or("http://origin"))
    }

    /// Fetches a response that fills the cache, with the validators of the `stored` one. The
    /// client's preconditions, cookies and body are not sent, and a HEAD becomes a GET so that the
    /// next GET is a hit.
    pub async fn get(
        &self,
        client_request: &Rc<ClientRequest>,
        stored: Option<&StoredResponse>,
        waits_for_restart: bool,
    ) -> Result<OriginResponse, FetchError> {
        let mut headers = client_request.cacheable_request(stored).headers;
        for (name, value) in stored
            .map(StoredResponse::validation_fields)
            .unwrap_or_default()
        {
            headers.set(name, value);
        }
        let newest = with_store(|store| store.newest_version());
        if newest > 0 {
            headers.set(MIN_VERSION_HEADER, newest.to_string());
        }
        self.send_with_retries(&OriginRequest {
            client_request,
            method: "GET",
            url: self.url(&client_request.target.key),
            fields: self.fields(client_request, headers),
            upload: None,
            fills_cache: true,
            waits_for_restart,
        })
        .await
    }

    /// Forwards a client's request without using the cache.
    pub async fn forward(
        &self,
        client_request: &Rc<ClientRequest>,
        upload: Option<Upload>,
    ) -> Result<OriginResponse, FetchError> {
        let sent_upload = upload.clone();
        let fetched = self
            .send_with_retries(&OriginRequest {
                client_request,
                method: &client_request.cache_request.method,
                url: self.url(client_request.forwarded_target()),
                fields: self.fields(client_request, client_request.forwarded_headers()),
                upload,
                fills_cache: false,
                waits_for_restart: true,
            })
            .await;
        if let Some(sent_upload) = sent_upload {
            sent_upload.release();
        }
        fetched
    }

    /// Sends a request within what the circuit breakers permit. A request of which nothing was sent
    /// is repeated until the origin is back or the time limit is over; a repeatable one gets one
    /// retry.
    async fn send_with_retries(
        &self,
        request: &OriginRequest<'_>,
    ) -> Result<OriginResponse, FetchError> {
        let until = now() + self.settings.restart_ms;
        let mut tried = false;
        let mut failed = None;
        loop {
            if let Err(rejected) = self.await_permit(request, until).await {
                // The failure that led to the retry says more than the breaker that it opened.
                return Err(failed.unwrap_or(rejected));
            }
            let fetched = self.try_send(request).await;
            self.probe_in_background();
            let again = match fetched {
                Err(FetchError::ConnectionRefused) => now() < until,
                Err(FetchError::Unreachable) if !tried && request.is_repeatable() => {
                    tried = true;
                    self.may_retry(until).await
                }
                _ => false,
            };
            if !again {
                return fetched;
            }
            failed = fetched.err();
            count_event(OriginEvent::Retried);
            sleep(POLL_EVERY_MS).await;
        }
    }

    /// Whether a retry is allowed. While the origin is suspect this waits for the next probe;
    /// otherwise the retry budget decides.
    async fn may_retry(&self, until: Millis) -> bool {
        while with_breakers(|breakers| breakers.is_suspect()) && now() < until {
            sleep(POLL_EVERY_MS).await;
        }
        with_breakers(|breakers| !breakers.is_closed() || breakers.take_retry())
    }

    /// Waits until the circuit breaker permits the request, or fails if it does not in time.
    async fn await_permit(
        &self,
        request: &OriginRequest<'_>,
        until: Millis,
    ) -> Result<(), FetchError> {
        loop {
            self.probe_in_background();
            let permit = with_breakers(|breakers| breakers.permit(request.kind(), now()));
            let waits = request.waits_for_restart
                && now() < until
                && WAITING_REQUESTS.get() < WAITING_REQUESTS_MAX;
            match permit {
                Permit::Send => return Ok(()),
                Permit::Wait if waits => {}
                Permit::Wait | Permit::Reject => {
                    count_event(OriginEvent::Rejected);
                    return Err(FetchError::BreakerOpen);
                }
            }
            WAITING_REQUESTS.set(WAITING_REQUESTS.get() + 1);
            sleep(POLL_EVERY_MS).await;
            WAITING_REQUESTS.set(WAITING_REQUESTS.get().saturating_sub(1));
        }
    }

    /// Sends a request once. For an unsafe request without a body it cannot be known afterwards
    /// whether it was sent, so a probe checks the connection before.
    async fn try_send(&self, request: &OriginRequest<'_>) -> Result<OriginResponse, FetchError> {
        let bare = request.upload.is_none() && !plan::is_safe(request.method);
        if bare && self.probe().await == OriginOutcome::NoConnection {
            with_breakers(|breakers| {
                breakers.record(request.kind(), OriginOutcome::NoConnection, now());
            });
            return Err(FetchError::ConnectionRefused);
        }
        self.send(request).await
    }

    /// Starts probing the origin in the background if a breaker asks for it and no probe is
    /// running.
    fn probe_in_background(&self) {
        if !with_breakers(|breakers| breakers.begin_probe(now())) {
            return;
        }
        let origin = self.clone();
        self.context.wait_until(async move {
            for _ in 0..PROBES_MAX {
                let outcome = origin.probe().await;
                if !with_breakers(|breakers| breakers.record_probe(outcome, now())) {
                    // Requests whose clients disconnected never decrement the counter.
                    WAITING_REQUESTS.set(0);
                    return;
                }
                sleep(PROBE_EVERY_MS).await;
            }
            with_breakers(CircuitBreakers::end_probe);
        });
    }

    /// Probes the origin. A server that does not know the endpoint counts as healthy.
    async fn probe(&self) -> OriginOutcome {
        count_event(OriginEvent::Probed);
        let mut headers = Headers::new();
        self.sign(&mut headers, None);
        let limit_ms = PROBE_MS.min(self.settings.origin_timeout_ms);
        let pending = Exchange::send(
            &self.service(),
            &self.url(READY),
            "GET",
            &headers.to_lines(),
            None,
            NOT_DECLARED,
            limit_ms,
        );
        let failed = |error: &JsValue| FetchError::from_js(error).outcome();
        let exchange: Exchange = match JsFuture::from(pending).await {
            Ok(exchange) => exchange.unchecked_into(),
            Err(error) => return failed(&error).unwrap_or(OriginOutcome::NoConnection),
        };
        let headers = Headers::from_lines(&exchange.header_lines());
        let outcome =
            match error_of_cloudflare_status(exchange.status()).and_then(FetchError::outcome) {
                Some(outcome) => outcome,
                None => outcome_of_response(exchange.status(), &headers),
            };
        match JsFuture::from(exchange.read_body(limit_ms, PROBE_BYTES_MAX)).await {
            Ok(_) => outcome,
            Err(error) => failed(&error).unwrap_or(OriginOutcome::NoConnection),
        }
    }

    fn sign(&self, headers: &mut Headers, client_request: Option<&ClientRequest>) {
        if let Some(secret) = &self.settings.secret {
            let field = &self.settings.client_address_field;
            let address =
                client_request.and_then(|request| request.cache_request.headers.get(field));
            let seconds = i64::try_from(now() / 1_000).unwrap_or(0);
            headers.set(ADDRESS_HEADER, signed_address(secret, address, seconds));
        }
    }

    fn fields(&self, client_request: &ClientRequest, headers: Headers) -> String {
        let mut headers = headers.end_to_end();
        // The runtime sets the length of the body that it sends.
        headers.remove("content-length");
        headers.set("x-request-id", client_request.id.clone());
        headers.set("traceparent", client_request.trace_parent().to_string());
        headers.set(RAW_CODING_REQUEST_HEADER, "1");
        self.sign(&mut headers, Some(client_request));
        headers.to_lines()
    }

    async fn send(&self, request: &OriginRequest<'_>) -> Result<OriginResponse, FetchError> {
        let limit_ms = self.settings.origin_timeout_ms;
        let requested_at = now();
        count_event(OriginEvent::RequestSent);
        let declared = request
            .client_request
            .cache_request
            .headers
            .get("content-length");
        let declared = declared.and_then(|it| it.trim().parse().ok());
        let pending = Exchange::send(
            &self.service(),
            &request.url,
            request.method,
            &request.fields,
            request.upload.as_ref(),
            declared.unwrap_or(NOT_DECLARED),
            limit_ms,
        );
        let fetched = match JsFuture::from(pending).await {
            Ok(exchange) => {
                let client_request = Rc::clone(request.client_request);
                let exchange = exchange.unchecked_into();
                Ok(OriginResponse::from_exchange(
                    exchange,
                    requested_at,
                    limit_ms,
                    client_request,
                ))
            }
            Err(error) => Err(FetchError::from_js(&error)),
        };
        let fetched = fetched.and_then(|fetched| {
            let cloudflare = self.settings.origin_url.is_some();
            match error_of_cloudflare_status(fetched.status).filter(|_| cloudflare) {
                None => Ok(fetched),
                // A body that was partly streamed cannot be sent again.
                Some(_) if request.upload.as_ref().is_some_and(|it| !it.is_complete()) => {
                    Err(FetchError::Unreachable)
                }
                Some(error) => Err(error),
            }
        });
        let outcome = match &fetched {
            Ok(fetched) => Some(outcome_of_response(fetched.status, &fetched.headers)),
            Err(error) => error.outcome(),
        };
        match &fetched {
            Ok(fetched) if outcome == Some(OriginOutcome::ServerError) => {
                count_event(OriginEvent::ServerError);
            }
            Ok(fetched) if fetched.status == 503 => count_event(OriginEvent::Overloaded),
            Ok(_) => {}
            Err(error) => count_event(error.event()),
        }
        if let Some(outcome) = outcome {
            with_breakers(|breakers| breakers.record(request.kind(), outcome, now()));
        }
        fetched
    }
}

/// The length of a body without `Content-Length`, or of none.
const NOT_DECLARED: f64 = -1.0;
/// The most bytes of a probe's response that are read.
const PROBE_BYTES_MAX: f64 = 65_536.0;

thread_local! {
    /// The number of requests that wait for a restarting origin.
    static WAITING_REQUESTS: Cell<usize> = const { Cell::new(0) };
}

async fn sleep(ms: u32) {
    // A timer does not fail.
    let _ = JsFuture::from(bridge::sleep(ms)).await;
}
