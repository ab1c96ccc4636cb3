//! The second-level cache: the runtime's Cache API, if there is one. It shares responses between
//! the isolates of a data centre. Any error counts as a miss.

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
    /// The URL under which the Cache API keeps the variant of a key in a content coding. It has the
    /// client's host, because a purge of a zone covers only URLs of its hosts, and the edge's own
    /// path prefix, which no client can request.
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

    /// Whether a response has been in memory for so long that the second-level cache must be asked.
    /// Purges of a zone do not reach the memory.
    pub fn is_due_for_second_level(&self, response: &StoredResponse) -> bool {
        let here_ms = self
            .client_request
            .received_at
            .saturating_sub(response.stored_at);
        self.settings.has_cache_api && here_ms >= self.settings.memory_fresh_ms
    }

    /// Loads a response for this request from the second-level cache into memory.
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

    /// Saves a response to the second-level cache in the background. The Cache API stores no
    /// partial responses.
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
            // The promise always resolves; a response that cannot be saved is not there later.
            let _ = JsFuture::from(put).await;
            // An invalidation that arrived during the save may have missed the entry.
            let key = &handler.client_request.target.key;
            if with_store(|store| store.is_outdated(key, &response, requested_in)) {
                handler.delete_second_level(std::slice::from_ref(key)).await;
            }
        });
    }

    /// Deletes all variants of these keys from the second-level cache.
    pub async fn delete_second_level(&self, keys: &[String]) {
        if !self.settings.has_cache_api || keys.is_empty() {
            return;
        }
        let urls: Vec<String> = keys
            .iter()
            .flat_map(|key| CODINGS.map(|coding| self.second_level_url_of(coding, key)))
            .collect();
        // An entry that cannot be deleted must not fail the client's request.
        let _ = JsFuture::from(cache_delete(&urls.join("\n"))).await;
    }
}
