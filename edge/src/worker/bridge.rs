//! The runtime as the adapter sees it: `bridge.mjs`.

use wasm_bindgen::prelude::*;
use worker::js_sys::{Promise, Uint8Array};

#[wasm_bindgen(module = "/src/worker/bridge.mjs")]
extern "C" {
    /// An answer; `fields` are lines, name and value by turns.
    pub fn respond(status: u16, fields: &str, body: Option<Uint8Array>) -> JsValue;

    /// Header fields from lines.
    #[wasm_bindgen(js_name = headersFromLines)]
    pub fn headers_from_lines(lines: &str) -> JsValue;

    /// The answer with what is stored: its fields, made once, and what is so this time.
    #[wasm_bindgen(js_name = respondFromCache)]
    pub fn respond_from_cache(
        stored: &JsValue,
        status: u16,
        body: Option<&Uint8Array>,
        age: u32,
        cache_status: &str,
        timing: &str,
        id: &str,
    ) -> JsValue;

    /// Waits for so long.
    pub fn sleep(ms: u32) -> Promise;

    /// The body of a request.
    #[derive(Clone)]
    pub type Upload;

    /// Takes a body, all of it up to `whole` bytes; the promise is of an [`Upload`]. It fails with what the
    /// client did wrong, in a word.
    #[wasm_bindgen(static_method_of = Upload)]
    pub fn receive(body: &JsValue, buffer_max: f64, max: f64, limit_ms: u32) -> Promise;

    /// Reads what nobody wants, within limits, so that its client gets to read the answer.
    #[wasm_bindgen(static_method_of = Upload)]
    pub fn drain(body: &JsValue) -> Promise;

    /// Whether all of it is here, so that it can be sent again.
    #[wasm_bindgen(method, js_name = isComplete)]
    pub fn is_complete(this: &Upload) -> bool;

    /// How long it is, as far as it is here.
    #[wasm_bindgen(method, js_name = receivedLength)]
    pub fn received_length(this: &Upload) -> f64;

    /// Lets go of what is held.
    #[wasm_bindgen(method)]
    pub fn release(this: &Upload);

    /// A question to the origin, and its answer.
    pub type Exchange;

    /// Asks; the promise is of an [`Exchange`]. `declared` is the length of the body as the client said it,
    /// or -1.
    #[wasm_bindgen(static_method_of = Exchange)]
    pub fn send(
        service: &JsValue,
        url: &str,
        method: &str,
        fields: &str,
        upload: Option<&Upload>,
        declared: f64,
        limit_ms: u32,
    ) -> Promise;

    /// The status.
    #[wasm_bindgen(method)]
    pub fn status(this: &Exchange) -> u16;

    /// The fields, as lines.
    #[wasm_bindgen(method, js_name = headerLines)]
    pub fn header_lines(this: &Exchange) -> String;

    /// The whole body; the promise is of a `Uint8Array`, or of null when it is larger than that.
    #[wasm_bindgen(method, js_name = readBody)]
    pub fn read_body(this: &Exchange, limit_ms: u32, max: f64) -> Promise;

    /// Hands it on as it comes, with other fields.
    #[wasm_bindgen(method, catch)]
    pub fn relay(
        this: &Exchange,
        status: u16,
        fields: &str,
        empty: bool,
        manual: bool,
    ) -> Result<JsValue, JsValue>;

    /// Does without the body.
    #[wasm_bindgen(method)]
    pub fn discard(this: &Exchange);

    /// Keeps a response in the runtime's cache for so many seconds; the promise is of nothing.
    #[wasm_bindgen(js_name = cachePut)]
    pub fn cache_put(
        url: &str,
        metadata: &str,
        body: &Uint8Array,
        seconds: u32,
        tags: &str,
    ) -> Promise;

    /// What the runtime's cache keeps; the promise is of a [`SecondLevelEntry`] or of null.
    #[wasm_bindgen(js_name = cacheMatch)]
    pub fn cache_match(url: &str) -> Promise;

    /// Takes these addresses, a line each, out of the runtime's cache; the promise is of nothing.
    #[wasm_bindgen(js_name = cacheDelete)]
    pub fn cache_delete(urls: &str) -> Promise;

    /// Purges the cache in front of the Worker: what has one of these tags, a line each, or everything when
    /// there is none; the promise is of the reason why it could not, or of an empty text.
    #[wasm_bindgen(js_name = purgeFront)]
    pub fn purge_front(context: &JsValue, tags: &str) -> Promise;

    /// A response of the runtime's cache.
    pub type SecondLevelEntry;

    /// Its description.
    #[wasm_bindgen(method, getter)]
    pub fn metadata(this: &SecondLevelEntry) -> String;

    /// Its body.
    #[wasm_bindgen(method, getter)]
    pub fn body(this: &SecondLevelEntry) -> Uint8Array;

    /// Somebody who waits.
    pub type Waiter;

    /// Waits for so long at most.
    #[wasm_bindgen(js_name = createWaiter)]
    pub fn new_waiter(limit_ms: u32) -> Waiter;

    /// Of a number: what it was woken with.
    #[wasm_bindgen(method, getter)]
    pub fn promise(this: &Waiter) -> Promise;

    /// Ends the wait. Each who waits has a promise of their own, made in their own request: the runtime
    /// goes on with them there, and not in the request of whoever woke them.
    #[wasm_bindgen(method)]
    pub fn wake(this: &Waiter, value: i32);
}

#[wasm_bindgen]
extern "C" {
    /// A random UUID.
    #[wasm_bindgen(js_namespace = crypto, js_name = randomUUID)]
    pub fn random_uuid() -> String;

    /// A request, as far as it is not read by the shim already.
    pub type JsRequest;

    /// Its body, or null.
    #[wasm_bindgen(method, getter)]
    pub fn body(this: &JsRequest) -> JsValue;

    /// All of its body as text.
    #[wasm_bindgen(method, js_name = text)]
    pub fn whole_text(this: &JsRequest) -> Promise;
}
