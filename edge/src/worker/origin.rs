//! The origin behind the edge: a service binding on workerd, an address on Cloudflare.

use std::{cell::Cell, rc::Rc};

use shared::{
    edge::{ADDRESS_HEADER, AT_LEAST_HEADER, READY, signed_address},
    key::Whose,
};
use wasm_bindgen::{JsCast, JsValue};
use worker::{
    Context,
    js_sys::{Reflect, Uint8Array, futures::JsFuture},
};

use crate::core::{
    circuit_breaker::{CircuitBreakers, OriginOutcome, PROBE_EVERY_MS, Permit, RequestKind},
    headers::Headers,
    metrics::OriginEvent,
    plan,
    stored_response::{Millis, StoredBody, StoredResponse},
};

use super::{
    breakers,
    bridge::{self, Exchange, Upload},
    count,
    message::{self, Asked},
    now,
    settings::Settings,
    silence::{Silence, outcome_of, silence_of},
    with_store,
};

/// Asks the origin to name the coding of its body in [`RAW_CODING`] instead of `Content-Encoding`,
/// so that the runtime does not undo it. See docs/decisions/edge-compression.md.
pub const ASK_RAW: &str = "mallard-raw";
/// Names the coding of a body that the runtime shall not touch.
pub const RAW_CODING: &str = "mallard-coding";

/// The binding on workerd.
const SERVICE: &str = "ORIGIN";
/// The longest that a probe takes. An origin that is alive answers it at once.
const PROBE_MS: u32 = 2_000;
/// How long one task probes: Cloudflare ends what goes on for longer behind an answer.
const PROBES_MAX: u32 = 80;
/// How long a request waits before it looks again whether the origin is back.
const LOOK_EVERY_MS: u32 = 50;
/// The most requests that wait for an origin which is being started again.
const WAITING_MAX: usize = 1_000;
/// The codings that the runtime undoes by itself.
const UNDONE: [&str; 3] = ["br", "deflate", "gzip"];

/// The origin, as one request sees it.
#[derive(Clone)]
pub struct Origin {
    settings: Rc<Settings>,
    env: JsValue,
    context: Rc<Context>,
}

/// What the origin answered; its body may still be on its way.
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The fields, end to end.
    pub headers: Headers,
    /// When it was asked.
    pub requested_at: Millis,
    exchange: Exchange,
    raw: bool,
    limit_ms: u32,
    about: Rc<Asked>,
}

/// A question to the origin.
struct Question<'q> {
    asked: &'q Rc<Asked>,
    method: &'q str,
    url: String,
    fields: String,
    upload: Option<Upload>,
    /// Whether it is the same for everybody: nothing of a client is in it.
    shared: bool,
    /// Whether it waits while the origin is started again: there is nothing else to answer with.
    waits: bool,
}

impl Question<'_> {
    /// Whether sending it twice is the same as sending it once.
    fn may_repeat(&self) -> bool {
        plan::is_safe(self.method) && self.upload.is_none()
    }

    /// Whose breaker it is about.
    fn request(&self) -> RequestKind<'_> {
        match plan::is_safe(self.method) {
            true if self.shared => request_of(self.asked),
            true => RequestKind::Safe,
            false => RequestKind::Unsafe,
        }
    }
}

/// What is asked for to be kept.
fn request_of(asked: &Asked) -> RequestKind<'_> {
    match asked.target.whose {
        Whose::Everybodys => RequestKind::Key(&asked.target.key),
        Whose::Somebodys | Whose::Unknown => RequestKind::Safe,
    }
}

impl Origin {
    /// The origin that this Worker is bound to.
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

    /// Asks for what may be kept, with the validators of what is `stored`. The client's conditions, cookies and
    /// body stay here, and a HEAD asks for the whole, so that the next GET finds it. `waits` says that
    /// there is nothing to answer with while the origin is started again.
    pub async fn get(
        &self,
        asked: &Rc<Asked>,
        stored: Option<&StoredResponse>,
        waits: bool,
    ) -> Result<Fetched, Silence> {
        let mut headers = asked.to_keep(stored).headers;
        for (name, value) in stored
            .map(StoredResponse::validation_fields)
            .unwrap_or_default()
        {
            headers.set(name, value);
        }
        let newest = with_store(|store| store.newest_version());
        if newest > 0 {
            headers.set(AT_LEAST_HEADER, newest.to_string());
        }
        self.ask(&Question {
            asked,
            method: "GET",
            url: self.url(&asked.target.key),
            fields: self.fields(asked, headers),
            upload: None,
            shared: true,
            waits,
        })
        .await
    }

    /// Hands a request on as it came.
    pub async fn pass(
        &self,
        asked: &Rc<Asked>,
        upload: Option<Upload>,
    ) -> Result<Fetched, Silence> {
        let held = upload.clone();
        let fetched = self
            .ask(&Question {
                asked,
                method: &asked.request.method,
                url: self.url(asked.as_it_came()),
                fields: self.fields(asked, asked.to_pass()),
                upload,
                shared: false,
                waits: true,
            })
            .await;
        if let Some(held) = held {
            held.release();
        }
        fetched
    }

    /// Asks within what the breakers allow. A request of which nothing was sent is sent again until the
    /// origin is back or counts as gone; one that changes nothing gets a second try.
    async fn ask(&self, question: &Question<'_>) -> Result<Fetched, Silence> {
        let until = now() + self.settings.restart_ms;
        let mut tried = false;
        loop {
            self.await_permit(question, until).await?;
            let fetched = self.try_send(question).await;
            self.look_after();
            let again = match fetched {
                Err(Silence::Refused) => now() < until,
                Err(Silence::Unreachable) if !tried && question.may_repeat() => {
                    tried = true;
                    self.may_retry(until).await
                }
                _ => false,
            };
            if !again {
                return fetched;
            }
            count(OriginEvent::Retried);
            pause(LOOK_EVERY_MS).await;
        }
    }

    /// Whether a second try makes sense: when the origin is away it waits for it, and otherwise there is a
    /// budget for tries.
    async fn may_retry(&self, until: Millis) -> bool {
        while breakers(|breakers| breakers.is_suspect()) && now() < until {
            pause(LOOK_EVERY_MS).await;
        }
        breakers(|breakers| !breakers.is_closed() || breakers.take_retry())
    }

    /// Waits until the origin may be asked, as long as that makes sense.
    async fn await_permit(&self, question: &Question<'_>, until: Millis) -> Result<(), Silence> {
        loop {
            self.look_after();
            let permit = breakers(|breakers| breakers.permit(question.request(), now()));
            let waits = question.waits && now() < until && WAITING.get() < WAITING_MAX;
            match permit {
                Permit::Send => return Ok(()),
                Permit::Wait if waits => {}
                Permit::Wait | Permit::Reject => {
                    count(OriginEvent::Rejected);
                    return Err(Silence::Spared);
                }
            }
            WAITING.set(WAITING.get() + 1);
            pause(LOOK_EVERY_MS).await;
            WAITING.set(WAITING.get().saturating_sub(1));
        }
    }

    /// Sends it once. One that may change something and has no body is known to be unsent only before it is
    /// sent: a probe has to find the origin first.
    async fn try_send(&self, question: &Question<'_>) -> Result<Fetched, Silence> {
        let bare = question.upload.is_none() && !plan::is_safe(question.method);
        if bare && self.probe().await == OriginOutcome::NoConnection {
            breakers(|breakers| {
                breakers.record(question.request(), OriginOutcome::NoConnection, now());
            });
            return Err(Silence::Refused);
        }
        self.send(question).await
    }

    /// Probes the origin behind the answer while something is wrong with it, unless that is done already.
    fn look_after(&self) {
        if !breakers(|breakers| breakers.begin_probe(now())) {
            return;
        }
        let origin = self.clone();
        self.context.wait_until(async move {
            for _ in 0..PROBES_MAX {
                let outcome = origin.probe().await;
                if !breakers(|breakers| breakers.record_probe(outcome, now())) {
                    // Whose client has gone away never says that it waits no more.
                    WAITING.set(0);
                    return;
                }
                pause(PROBE_EVERY_MS).await;
            }
            breakers(CircuitBreakers::end_probe);
        });
    }

    /// Asks the origin whether it serves requests. A server that does not know the question does.
    async fn probe(&self) -> OriginOutcome {
        count(OriginEvent::Probed);
        let mut headers = Headers::new();
        self.sign(&mut headers, None);
        let limit_ms = PROBE_MS.min(self.settings.origin_timeout_ms);
        let asked = Exchange::ask(
            &self.service(),
            &self.url(READY),
            "GET",
            &headers.to_lines(),
            None,
            NOT_DECLARED,
            limit_ms,
        );
        let failed = |error: &JsValue| Silence::of(error).outcome();
        let exchange: Exchange = match JsFuture::from(asked).await {
            Ok(exchange) => exchange.unchecked_into(),
            Err(error) => return failed(&error).unwrap_or(OriginOutcome::NoConnection),
        };
        let headers = Headers::from_lines(&exchange.lines());
        let outcome = match silence_of(exchange.status()).and_then(Silence::outcome) {
            Some(outcome) => outcome,
            None => outcome_of(exchange.status(), &headers),
        };
        match JsFuture::from(exchange.whole(limit_ms, PROBE_BYTES_MAX)).await {
            Ok(_) => outcome,
            Err(error) => failed(&error).unwrap_or(OriginOutcome::NoConnection),
        }
    }

    fn sign(&self, headers: &mut Headers, asked: Option<&Asked>) {
        if let Some(secret) = &self.settings.secret {
            let field = &self.settings.address_field;
            let address = asked.and_then(|asked| asked.request.headers.get(field));
            let seconds = i64::try_from(now() / 1_000).unwrap_or(0);
            headers.set(ADDRESS_HEADER, signed_address(secret, address, seconds));
        }
    }

    fn fields(&self, asked: &Asked, headers: Headers) -> String {
        let mut headers = headers.end_to_end();
        // The runtime says how long the body is that it sends.
        headers.remove("content-length");
        headers.set("x-request-id", asked.id.clone());
        headers.set("traceparent", asked.trace().to_string());
        headers.set(ASK_RAW, "1");
        self.sign(&mut headers, Some(asked));
        headers.to_lines()
    }

    async fn send(&self, question: &Question<'_>) -> Result<Fetched, Silence> {
        let limit_ms = self.settings.origin_timeout_ms;
        let requested_at = now();
        count(OriginEvent::RequestSent);
        let declared = question.asked.request.headers.get("content-length");
        let declared = declared.and_then(|it| it.trim().parse().ok());
        let answer = Exchange::ask(
            &self.service(),
            &question.url,
            question.method,
            &question.fields,
            question.upload.as_ref(),
            declared.unwrap_or(NOT_DECLARED),
            limit_ms,
        );
        let fetched = match JsFuture::from(answer).await {
            Ok(exchange) => {
                let about = Rc::clone(question.asked);
                let exchange = exchange.unchecked_into();
                Ok(Fetched::read(exchange, requested_at, limit_ms, about))
            }
            Err(error) => Err(Silence::of(&error)),
        };
        let fetched = fetched.and_then(|fetched| {
            let cloudflare = self.settings.origin_url.is_some();
            match silence_of(fetched.status).filter(|_| cloudflare) {
                None => Ok(fetched),
                // What has come only in part cannot be sent again.
                Some(_) if question.upload.as_ref().is_some_and(|it| !it.whole()) => {
                    Err(Silence::Unreachable)
                }
                Some(silence) => Err(silence),
            }
        });
        let outcome = match &fetched {
            Ok(fetched) => Some(outcome_of(fetched.status, &fetched.headers)),
            Err(silence) => silence.outcome(),
        };
        match &fetched {
            Ok(fetched) if outcome == Some(OriginOutcome::ServerError) => {
                count(OriginEvent::ServerError)
            }
            Ok(fetched) if fetched.status == 503 => count(OriginEvent::Overloaded),
            Ok(_) => {}
            Err(silence) => count(silence.event()),
        }
        if let Some(outcome) = outcome {
            breakers(|breakers| breakers.record(question.request(), outcome, now()));
        }
        fetched
    }
}

/// The length of a body that does not say how long it is, or of none.
const NOT_DECLARED: f64 = -1.0;
/// The most bytes of a probe's answer that are read.
const PROBE_BYTES_MAX: f64 = 65_536.0;

thread_local! {
    /// How many requests wait until the origin is back.
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

async fn pause(ms: u32) {
    // A timer does not fail.
    let _ = JsFuture::from(bridge::sleep(ms)).await;
}

impl Fetched {
    fn read(exchange: Exchange, requested_at: Millis, limit_ms: u32, about: Rc<Asked>) -> Self {
        let mut headers = Headers::from_lines(&exchange.lines()).end_to_end();
        let raw = headers.get(RAW_CODING).map(str::to_owned);
        if let Some(coding) = &raw {
            headers.remove(RAW_CODING);
            headers.set("content-encoding", coding.clone());
        }
        Self {
            status: exchange.status(),
            headers,
            requested_at,
            exchange,
            raw: raw.is_some(),
            limit_ms,
            about,
        }
    }

    fn length(&self) -> Option<u64> {
        self.headers.get("content-length")?.trim().parse().ok()
    }

    /// Whether the body may be kept, as far as its head says. One that does not say how long it is shows
    /// that when it comes: the runtime fails when it breaks off.
    pub fn has_storable_size(&self, settings: &Settings) -> bool {
        let length = self.length();
        length.is_none_or(|length| length <= settings.body_max)
    }

    /// Whether the runtime has undone the body's coding, so that it is other bytes than it says.
    fn is_undone(&self) -> bool {
        let coding = self.headers.get("content-encoding").map(str::trim);
        !self.raw
            && coding.is_some_and(|it| UNDONE.iter().any(|&name| it.eq_ignore_ascii_case(name)))
    }

    /// The body, once it has come whole; nothing when it is larger than what is kept.
    pub async fn body(&self, settings: &Settings) -> Result<Option<StoredBody>, Silence> {
        let whole = self.exchange.whole(self.limit_ms, settings.body_max as f64);
        let body = JsFuture::from(whole)
            .await
            .map_err(|error| Silence::of(&error));
        let expected = self.length().filter(|_| !self.is_undone());
        let body = body.and_then(|body| {
            if body.is_null() {
                return Ok(None);
            }
            // It stays where it is, outside of WebAssembly: it goes out again without a copy.
            let bytes = body.unchecked_into::<Uint8Array>();
            let length = bytes.length() as usize;
            let whole = expected.is_none_or(|expected| expected == length as u64);
            let body = whole.then(|| Some(StoredBody::new(bytes, length)));
            body.ok_or(Silence::Unreachable)
        });
        if let Err(silence) = &body {
            count(silence.event());
            if let Some(outcome) = silence.outcome() {
                let request = request_of(&self.about);
                breakers(|breakers| breakers.record(request, outcome, now()));
            }
        }
        body
    }

    /// The fields as they describe the body when it is kept.
    pub fn headers_of(&self, body: &StoredBody) -> Headers {
        let mut headers = self.headers.clone();
        if self.is_undone() {
            headers.remove("content-encoding");
            headers.remove("content-length");
            if let Some(tag) = headers.get("etag").filter(|it| !it.starts_with("W/")) {
                // The bytes are other ones than those that the tag is of.
                let weak = format!("W/{tag}");
                headers.set("etag", weak);
            }
        }
        if self.status != 204 && !headers.contains("content-length") {
            headers.set("content-length", body.len().to_string());
        }
        headers
    }

    /// Hands the answer on as it comes.
    pub fn pass_on(self, settings: &Settings, asked: &Asked, cache_status: &str) -> JsValue {
        let bodiless = matches!(self.status, 101 | 204 | 205 | 304);
        let empty = bodiless || asked.request.method == "HEAD";
        // What is too large for this memory may be kept where there is more.
        let headers = match cache_status.contains("too-large") {
            true => self.headers,
            false => message::passing(settings, self.headers),
        };
        let fields = message::finish(settings, asked, headers, cache_status);
        let answer = self.exchange.relay(self.status, &fields, empty, self.raw);
        // What the runtime cannot send on, such as a status beyond 599, is no answer.
        answer.unwrap_or_else(|_| {
            let words = crate::core::generated_body::unavailable(asked.path());
            message::words(settings, asked, 502, words, cache_status)
        })
    }

    /// Does without the body.
    pub fn discard(&self) {
        self.exchange.discard();
    }
}
