//! The cache behind the memory, where the runtime has one: what one isolate has fetched is there for the
//! others of its place. Whatever it does wrong counts as a miss.

use std::rc::Rc;

use wasm_bindgen::JsCast;
use worker::js_sys::{Uint8Array, futures::JsFuture};

use shared::edge::OWN;

use crate::core::{
    invalidation,
    negotiation::CODINGS,
    purge_log::PurgeEpoch,
    serialization,
    stored_response::{StoredBody, StoredResponse},
};

use super::{
    RequestHandler,
    bridge::{SecondLevelEntry, cache_delete, cache_match, cache_put},
    now, with_store,
};

impl RequestHandler {
    /// The address under which the runtime keeps what is kept under a key, in a coding. It is of the host that
    /// was asked, because a purge of the zone reaches no other one, and below the edge's own path, which
    /// no request gets past.
    fn second_level_url_of(&self, coding: &str, key: &str) -> String {
        let (host, _) = invalidation::split_origin(&self.client_request.url);
        format!("{host}{OWN}kept/{coding}{key}")
    }

    fn second_level_url(&self) -> String {
        let coding = self
            .client_request
            .cache_request
            .headers
            .get("accept-encoding");
        self.second_level_url_of(coding.unwrap_or_default(), &self.client_request.target.key)
    }

    /// Whether a response has been in memory for too long to be believed without a look behind it.
    pub fn is_due_for_second_level(&self, response: &StoredResponse) -> bool {
        let here_ms = self
            .client_request
            .received_at
            .saturating_sub(response.stored_at);
        self.settings.has_cache_api && here_ms >= self.settings.memory_fresh_ms
    }

    /// Takes a response that answers this request into memory.
    pub async fn load_second_level(&self) -> Option<Rc<StoredResponse>> {
        if !self.settings.has_cache_api {
            return None;
        }
        let epoch = with_store(|store| store.epoch());
        let found = JsFuture::from(cache_match(&self.second_level_url()))
            .await
            .ok()?;
        if found.is_null() {
            return None;
        }
        let found: SecondLevelEntry = found.unchecked_into();
        let bytes = found.body();
        let length = bytes.length() as usize;
        let response =
            serialization::deserialize(&found.metadata(), StoredBody::new(bytes, length), now())?;
        let response = Rc::new(response);
        let fits = response.matches_request(&self.client_request.cache_request.headers);
        let key = &self.client_request.target.key;
        let put =
            || with_store(|store| store.put_from_second_level(key, Rc::clone(&response), epoch));
        (fits && put()).then_some(response)
    }

    /// Hands a response on to the cache behind, after the answer. That cache keeps no parts.
    pub fn save_second_level(&self, response: &Rc<StoredResponse>, requested_in: PurgeEpoch) {
        let seconds = serialization::useful_for_s(response, now());
        if !self.settings.has_cache_api || seconds == 0 || response.content_range.is_some() {
            return;
        }
        let (handler, response) = (self.clone(), Rc::clone(response));
        self.context.wait_until(async move {
            let url = handler.second_level_url();
            let empty = Uint8Array::new_with_length(0);
            let bytes = response.body.content::<Uint8Array>().unwrap_or(&empty);
            let tags: Vec<&str> = response.tags.iter().map(AsRef::as_ref).collect();
            let text = serialization::serialize(&response);
            let put = cache_put(&url, &text, bytes, seconds, &tags.join(","));
            // It never fails: what cannot be kept is not kept.
            let _ = JsFuture::from(put).await;
            // What became invalid while it was on its way there has been looked for too early.
            let key = &handler.client_request.target.key;
            if with_store(|store| store.is_outdated(key, &response, requested_in)) {
                handler.delete_second_level(std::slice::from_ref(key)).await;
            }
        });
    }

    /// Takes what the cache behind keeps under these keys away, in every coding.
    pub async fn delete_second_level(&self, keys: &[String]) {
        if !self.settings.has_cache_api || keys.is_empty() {
            return;
        }
        let urls: Vec<String> = keys
            .iter()
            .flat_map(|key| CODINGS.map(|coding| self.second_level_url_of(coding, key)))
            .collect();
        // What cannot be taken away is one cache's mistake, and not the client's.
        let _ = JsFuture::from(cache_delete(&urls.join("\n"))).await;
    }
}
