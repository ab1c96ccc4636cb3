//! Bindings of `bridge.mjs`, through which the adapter uses the runtime.

use wasm_bindgen::prelude::*;
use worker::js_sys::{Promise, Uint8Array};

#[wasm_bindgen(module = "/src/worker/bridge.mjs")]
extern "C" {
    /// Creates a response; `fields` holds names and values by turns, each on a line.
    pub fn respond(status: u16, fields: &str, body: Option<Uint8Array>) -> JsValue;

    /// Creates a `Headers` object from names and values by turns, each on a line.
    #[wasm_bindgen(js_name = headersFromLines)]
    pub fn headers_from_lines(lines: &str) -> JsValue;

    /// Creates a response from prepared header fields and those that differ with every request.
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

    /// Resolves after this time.
    pub fn sleep(ms: u32) -> Promise;

    /// The body of a client's request.
    #[derive(Clone)]
    pub type Upload;

    /// Receives a body, and buffers up to `buffer_max` bytes of it; resolves to an [`Upload`].
    /// Rejects with a text that names the client's fault.
    #[wasm_bindgen(static_method_of = Upload)]
    pub fn receive(body: &JsValue, buffer_max: f64, max: f64, limit_ms: u32) -> Promise;

    /// Reads and drops a rejected body, within limits, so that its client gets to read the
    /// response.
    #[wasm_bindgen(static_method_of = Upload)]
    pub fn drain(body: &JsValue) -> Promise;

    /// Whether the complete body is buffered, so that it can be sent again.
    #[wasm_bindgen(method, js_name = isComplete)]
    pub fn is_complete(this: &Upload) -> bool;

    /// The number of bytes received so far.
    #[wasm_bindgen(method, js_name = receivedLength)]
    pub fn received_length(this: &Upload) -> f64;

    /// Releases the buffer.
    #[wasm_bindgen(method)]
    pub fn release(this: &Upload);

    /// A request to the origin and its response.
    pub type Exchange;

    /// Sends a request; resolves to an [`Exchange`]. `declared` is the client's `Content-Length`,
    /// or -1 if there is none.
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

    /// The status code of the response.
    #[wasm_bindgen(method)]
    pub fn status(this: &Exchange) -> u16;

    /// The header fields of the response: names and values by turns, each on a line.
    #[wasm_bindgen(method, js_name = headerLines)]
    pub fn header_lines(this: &Exchange) -> String;

    /// Reads the complete body; resolves to a `Uint8Array`, or to null if it is larger than `max`.
    #[wasm_bindgen(method, js_name = readBody)]
    pub fn read_body(this: &Exchange, limit_ms: u32, max: f64) -> Promise;

    /// Streams the response to the client, with other header fields.
    #[wasm_bindgen(method, catch)]
    pub fn relay(
        this: &Exchange,
        status: u16,
        fields: &str,
        empty: bool,
        manual: bool,
    ) -> Result<JsValue, JsValue>;

    /// Cancels the response body.
    #[wasm_bindgen(method)]
    pub fn discard(this: &Exchange);

    /// Stores a response in the runtime's cache for this many seconds. Resolves even if that fails.
    #[wasm_bindgen(js_name = cachePut)]
    pub fn cache_put(
        url: &str,
        metadata: &str,
        body: &Uint8Array,
        seconds: u32,
        tags: &str,
    ) -> Promise;

    /// Looks up a URL in the runtime's cache; resolves to a [`SecondLevelEntry`], or to null.
    #[wasm_bindgen(js_name = cacheMatch)]
    pub fn cache_match(url: &str) -> Promise;

    /// Deletes URLs, one on a line, from the runtime's cache. Resolves even if that fails.
    #[wasm_bindgen(js_name = cacheDelete)]
    pub fn cache_delete(urls: &str) -> Promise;

    /// Purges the cache in front of the Worker by tags, one on a line, or completely if there is
    /// none. Resolves to the error message, which is empty on success.
    #[wasm_bindgen(js_name = purgeFront)]
    pub fn purge_front(context: &JsValue, tags: &str) -> Promise;

    /// An entry of the runtime's cache.
    pub type SecondLevelEntry;

    /// The serialized metadata.
    #[wasm_bindgen(method, getter)]
    pub fn metadata(this: &SecondLevelEntry) -> String;

    /// The body.
    #[wasm_bindgen(method, getter)]
    pub fn body(this: &SecondLevelEntry) -> Uint8Array;

    /// A request that waits for another request's fetch.
    pub type Waiter;

    /// Creates a waiter that gives up after this time.
    #[wasm_bindgen(js_name = createWaiter)]
    pub fn new_waiter(limit_ms: u32) -> Waiter;

    /// Resolves to the number that the waiter was woken with.
    #[wasm_bindgen(method, getter)]
    pub fn promise(this: &Waiter) -> Promise;

    /// Wakes the waiter. Each waiter has a promise that was created in its own request: the runtime
    /// resumes it in that request, and not in the one that wakes it.
    #[wasm_bindgen(method)]
    pub fn wake(this: &Waiter, value: i32);
}

#[wasm_bindgen]
extern "C" {
    /// A random UUID.
    #[wasm_bindgen(js_namespace = crypto, js_name = randomUUID)]
    pub fn random_uuid() -> String;

    /// A JavaScript `Request`, of which the shim has read method, URL and header fields.
    pub type JsRequest;

    /// The body stream, or null.
    #[wasm_bindgen(method, getter)]
    pub fn body(this: &JsRequest) -> JsValue;

    /// Reads the whole body as text.
    #[wasm_bindgen(method, js_name = text)]
    pub fn whole_text(this: &JsRequest) -> Promise;
}
