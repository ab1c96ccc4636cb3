//! The origin behind the edge: a service binding on workerd, an address on Cloudflare.

use std::{rc::Rc, time::Duration};

use futures_util::future::{Either, select};
use shared::edge::{ADDRESS_HEADER, signed_address};
use worker::{
    Delay, EncodeBody, Env, Fetch, Method, RequestInit, RequestRedirect, Response, ResponseBody,
};

use crate::core::{entry::Entry, headers::Headers};

use super::message::{self, Asked};

/// Asks the origin to name the coding of its body in [`RAW_CODING`] instead of `Content-Encoding`,
/// so that the runtime does not undo it. See docs/decisions/edge-compression.md.
pub const ASK_RAW: &str = "mallard-raw";
/// Names the coding of a body that the runtime shall not touch.
pub const RAW_CODING: &str = "mallard-coding";

/// The binding on workerd.
const SERVICE: &str = "ORIGIN";
/// The variable with the origin's address, where there is no binding.
const ADDRESS: &str = "ORIGIN_URL";
/// The secret with which the origin knows its edge.
const SECRET: &str = "EDGE_SECRET";
/// The field in which whatever is in front of the edge says who asks, and lets no client say it.
const ADDRESS_FIELD: &str = "CLIENT_ADDRESS_FIELD";
const TIME_LIMIT: (&str, u64) = ("ORIGIN_TIMEOUT_MS", 10_000);
const BODY_MAX: (&str, u64) = ("BODY_MAX", 2 * 1_024 * 1_024);

/// The origin.
#[derive(Clone)]
pub struct Origin {
    env: Rc<Env>,
}

/// What the origin answered; its body may still be on its way.
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The fields, end to end.
    pub headers: Headers,
    response: Response,
    raw: bool,
}

impl Origin {
    /// The origin that this Worker is bound to.
    pub fn new(env: Env) -> Self {
        Self { env: Rc::new(env) }
    }

    /// The largest body that is stored, in bytes.
    pub fn body_max(&self) -> u64 {
        self.number(BODY_MAX)
    }

    fn text(&self, name: &str) -> Option<String> {
        // On workerd a binding from the environment that is not set is null, which `Env::var` does not
        // expect.
        let value = worker::js_sys::Reflect::get(&self.env, &name.into());
        value.ok()?.as_string()
    }

    fn number(&self, (name, default): (&str, u64)) -> u64 {
        self.env
            .var(name)
            .ok()
            .and_then(|it| it.to_string().parse().ok())
            .unwrap_or(default)
    }

    /// Asks for what may be stored, with the validators of what is.
    pub async fn get(&self, asked: &Asked, stored: Option<&Entry>) -> worker::Result<Fetched> {
        let mut headers = asked.unconditional().request.headers;
        for (name, value) in stored.map(Entry::validators).unwrap_or_default() {
            headers.append(name, value);
        }
        // Cookies are about one client; what is stored is for all of them. A HEAD asks for the whole,
        // so that the next GET finds it.
        headers.remove("cookie");
        self.send(asked, &headers, Method::Get, None).await
    }

    /// Hands a request on as it came.
    pub async fn pass(&self, asked: &Asked, request: &worker::Request) -> worker::Result<Fetched> {
        let body = request.inner().body().map(wasm_bindgen::JsValue::from);
        self.send(asked, &asked.request.headers, request.method(), body)
            .await
    }

    async fn send(
        &self,
        asked: &Asked,
        headers: &Headers,
        method: Method,
        body: Option<wasm_bindgen::JsValue>,
    ) -> worker::Result<Fetched> {
        let mut headers = headers.end_to_end();
        headers.set("x-request-id", asked.id.clone());
        headers.set("traceparent", asked.trace.to_string());
        headers.set(ASK_RAW, "1");
        if let Some(secret) = self.text(SECRET) {
            let field = self.text(ADDRESS_FIELD).unwrap_or_default();
            let address = asked.request.headers.get(&field);
            let seconds = i64::try_from(worker::Date::now().as_millis() / 1_000).unwrap_or(0);
            let signed = signed_address(&secret, address, seconds);
            headers.set(ADDRESS_HEADER, signed);
        }
        let out = worker::Headers::new();
        for (name, value) in headers.iter() {
            out.append(name, value)?;
        }
        let mut init = RequestInit::new();
        init.with_method(method).with_headers(out).with_body(body);
        init.with_redirect(RequestRedirect::Manual);
        let limit = Delay::from(Duration::from_millis(self.number(TIME_LIMIT)));
        let sent = std::pin::pin!(self.dispatch(&asked.key, init));
        match select(sent, limit).await {
            Either::Left((response, _)) => Ok(Fetched::read(response?)),
            Either::Right(((), _)) => Err(worker::Error::RustError("time limit".into())),
        }
    }

    async fn dispatch(&self, key: &str, init: RequestInit) -> worker::Result<Response> {
        match self.env.var(ADDRESS) {
            Ok(address) => {
                let address = address.to_string();
                let url = format!("{}{key}", address.trim_end_matches('/'));
                Fetch::Request(worker::Request::new_with_init(&url, &init)?)
                    .send()
                    .await
            }
            Err(_) => {
                self.env
                    .service(SERVICE)?
                    .fetch(format!("http://origin{key}"), Some(init))
                    .await
            }
        }
    }
}

impl Fetched {
    fn read(response: Response) -> Self {
        let mut headers = Headers::new();
        for (name, value) in response.headers().entries() {
            headers.append(&name, value);
        }
        let mut headers = headers.end_to_end();
        let raw = headers.get(RAW_CODING).map(str::to_owned);
        if let Some(coding) = &raw {
            headers.remove(RAW_CODING);
            headers.set("content-encoding", coding.clone());
        }
        Self {
            status: response.status_code(),
            headers,
            raw: raw.is_some(),
            response,
        }
    }

    /// Whether the body is known to be no larger than this.
    pub fn fits_into(&self, bytes: u64) -> bool {
        let length = self
            .headers
            .get("content-length")
            .and_then(|text| text.parse().ok());
        length.is_some_and(|length: u64| length <= bytes)
    }

    /// The body, once it has come whole.
    pub async fn body(mut self) -> worker::Result<Rc<[u8]>> {
        let expected = self
            .headers
            .get("content-length")
            .and_then(|text| text.parse().ok());
        let body = self.response.bytes().await?;
        let decoded = !self.raw && self.headers.contains("content-encoding");
        if !decoded && expected.is_some_and(|length: usize| length != body.len()) {
            return Err(worker::Error::RustError(
                "the body is shorter than it said".into(),
            ));
        }
        Ok(body.into())
    }

    /// Hands the answer on as it comes.
    pub fn pass_on(self, asked: &Asked, cache_status: &str) -> worker::Result<Response> {
        let builder = message::builder(asked, self.status, self.headers, cache_status)?;
        let builder = if self.raw {
            builder.with_encode_body(EncodeBody::Manual)
        } else {
            builder
        };
        let (_, body) = self.response.into_parts();
        Ok(match body {
            ResponseBody::Empty => builder.empty(),
            _ if asked.request.method == "HEAD" => builder.empty(),
            body => builder.body(body),
        })
    }
}
