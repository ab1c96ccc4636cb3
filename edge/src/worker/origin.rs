//! The origin behind the edge: a service binding on workerd, an address on Cloudflare.

use std::rc::Rc;

use shared::edge::{ADDRESS_HEADER, AT_LEAST_HEADER, signed_address};
use wasm_bindgen::{JsCast, JsValue};
use worker::js_sys::{Reflect, Uint8Array, futures::JsFuture};

use crate::core::{
    admit::is_failure,
    breaker::{Breaker, Permit, Sign},
    count::Event,
    entry::{Body, Entry, Millis},
    headers::Headers,
    plan,
};

use super::{
    BREAKER,
    bridge::Exchange,
    count,
    message::{self, Asked},
    now,
    settings::Settings,
    with_store,
};

/// Asks the origin to name the coding of its body in [`RAW_CODING`] instead of `Content-Encoding`,
/// so that the runtime does not undo it. See docs/decisions/edge-compression.md.
pub const ASK_RAW: &str = "mallard-raw";
/// Names the coding of a body that the runtime shall not touch.
pub const RAW_CODING: &str = "mallard-coding";

/// The binding on workerd.
const SERVICE: &str = "ORIGIN";
/// The codings that the runtime undoes by itself.
const UNDONE: [&str; 3] = ["br", "deflate", "gzip"];

/// The origin, as one request sees it.
#[derive(Clone)]
pub struct Origin {
    settings: Rc<Settings>,
    env: JsValue,
}

/// What the origin answered; its body may still be on its way.
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The fields, end to end.
    pub headers: Headers,
    /// When it was asked.
    pub asked_at: Millis,
    exchange: Exchange,
    raw: bool,
    limit_ms: u32,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It cannot be reached, or its answer broke off.
    Unreachable,
    /// It took too long.
    Late,
    /// It was not asked: the breaker is open.
    Spared,
}

impl Silence {
    /// The word in `Cache-Status`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "origin-unreachable",
            Self::Late => "origin-late",
            Self::Spared => "origin-spared",
        }
    }

    fn of(error: &JsValue) -> Self {
        match error.as_string().as_deref() {
            Some("late") => Self::Late,
            _ => Self::Unreachable,
        }
    }

    const fn event(self) -> Event {
        match self {
            Self::Unreachable => Event::Unreachable,
            Self::Late => Event::Late,
            Self::Spared => Event::Spared,
        }
    }
}

/// A question to the origin.
struct Question<'q> {
    method: &'q str,
    url: String,
    fields: String,
    body: JsValue,
}

impl Origin {
    /// The origin that this Worker is bound to.
    pub fn new(env: &JsValue, settings: &Rc<Settings>) -> Self {
        Self {
            settings: Rc::clone(settings),
            env: env.clone(),
        }
    }

    fn service(&self) -> JsValue {
        match self.settings.origin_url {
            Some(_) => JsValue::NULL,
            None => Reflect::get(&self.env, &SERVICE.into()).unwrap_or(JsValue::NULL),
        }
    }

    /// Asks for what may be kept, with the validators of what is `stored`. The client's conditions, cookies and
    /// body stay here, and a HEAD asks for the whole, so that the next GET finds it.
    pub async fn get(&self, asked: &Asked, stored: Option<&Entry>) -> Result<Fetched, Silence> {
        let mut headers = asked.to_keep(stored).headers;
        for (name, value) in stored.map(Entry::validators).unwrap_or_default() {
            headers.set(name, value);
        }
        let newest = with_store(|store| store.newest_change());
        if newest > 0 {
            headers.set(AT_LEAST_HEADER, newest.to_string());
        }
        self.ask(asked, "GET", &asked.target.key, headers, JsValue::NULL)
            .await
    }

    /// Hands a request on as it came.
    pub async fn pass(&self, asked: &Asked, body: JsValue) -> Result<Fetched, Silence> {
        let method = &asked.request.method;
        self.ask(asked, method, asked.as_it_came(), asked.to_pass(), body)
            .await
    }

    async fn ask(
        &self,
        asked: &Asked,
        method: &str,
        target: &str,
        headers: Headers,
        body: JsValue,
    ) -> Result<Fetched, Silence> {
        if BREAKER.with_borrow_mut(|breaker| breaker.permit(now())) == Permit::Rest {
            count(Event::Spared);
            return Err(Silence::Spared);
        }
        let base = self
            .settings
            .origin_url
            .as_deref()
            .unwrap_or("http://origin");
        let question = Question {
            method,
            url: format!("{base}{target}"),
            fields: self.fields(asked, headers),
            body,
        };
        let first = self.send(&asked.target.key, &question).await;
        // A connection that the origin has just closed is nobody's fault; what may be asked twice is,
        // as long as there is a budget for it.
        let again = first.as_ref().is_err_and(|it| *it == Silence::Unreachable)
            && plan::is_safe(method)
            && question.body.is_null()
            && BREAKER.with_borrow_mut(Breaker::retry);
        if !again {
            return first;
        }
        count(Event::Retried);
        self.send(&asked.target.key, &question).await
    }

    fn fields(&self, asked: &Asked, headers: Headers) -> String {
        let mut headers = headers.end_to_end();
        headers.set("x-request-id", asked.id.clone());
        headers.set("traceparent", asked.trace().to_string());
        headers.set(ASK_RAW, "1");
        if let Some(secret) = &self.settings.secret {
            let address = asked.request.headers.get(&self.settings.address_field);
            let seconds = i64::try_from(now() / 1_000).unwrap_or(0);
            headers.set(ADDRESS_HEADER, signed_address(secret, address, seconds));
        }
        headers.to_lines()
    }

    async fn send(&self, key: &str, question: &Question<'_>) -> Result<Fetched, Silence> {
        let Question {
            method,
            url,
            fields,
            body,
        } = question;
        let limit_ms = self.settings.origin_timeout_ms;
        let asked_at = now();
        count(Event::Asked);
        let answer = Exchange::ask(&self.service(), url, method, fields, body, limit_ms);
        let fetched = match JsFuture::from(answer).await {
            Ok(exchange) => Ok(Fetched::read(exchange.unchecked_into(), asked_at, limit_ms)),
            Err(error) => Err(Silence::of(&error)),
        };
        let sign = match &fetched {
            Ok(fetched) if is_failure(fetched.status) => Sign::Sick(key),
            Ok(_) => Sign::Well,
            Err(_) => Sign::Silent,
        };
        if sign != Sign::Well {
            count(
                fetched
                    .as_ref()
                    .map_or_else(|it| it.event(), |_| Event::Failed),
            );
        }
        BREAKER.with_borrow_mut(|breaker| breaker.note(sign, now()));
        fetched
    }
}

impl Fetched {
    fn read(exchange: Exchange, asked_at: Millis, limit_ms: u32) -> Self {
        let mut headers = Headers::from_lines(&exchange.lines()).end_to_end();
        let raw = headers.get(RAW_CODING).map(str::to_owned);
        if let Some(coding) = &raw {
            headers.remove(RAW_CODING);
            headers.set("content-encoding", coding.clone());
        }
        Self {
            status: exchange.status(),
            headers,
            asked_at,
            exchange,
            raw: raw.is_some(),
            limit_ms,
        }
    }

    fn length(&self) -> Option<u64> {
        self.headers.get("content-length")?.trim().parse().ok()
    }

    /// Whether the body may be kept, as far as its head says. One that does not say how long it is shows
    /// that when it comes: the runtime fails when it breaks off.
    pub fn fits(&self, settings: &Settings) -> bool {
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
    pub async fn body(&self, settings: &Settings) -> Result<Option<Body>, Silence> {
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
            let body = whole.then(|| Some(Body::new(bytes, length)));
            body.ok_or(Silence::Unreachable)
        });
        if let Err(silence) = &body {
            count(silence.event());
            BREAKER.with_borrow_mut(|breaker| breaker.note(Sign::Silent, now()));
        }
        body
    }

    /// The fields as they describe the body when it is kept.
    pub fn headers_of(&self, body: &Body) -> Headers {
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
            let words = crate::core::words::unavailable(asked.path());
            message::words(settings, asked, 502, words, cache_status)
        })
    }

    /// Does without the body.
    pub fn discard(&self) {
        self.exchange.discard();
    }
}
