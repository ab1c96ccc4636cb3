//! The cache behind the memory, where the runtime has one: what one isolate has fetched is there for the
//! others of its place. Whatever it does wrong counts as a miss.

use std::rc::Rc;

use wasm_bindgen::JsCast;
use worker::js_sys::{Uint8Array, futures::JsFuture};

use crate::core::{
    entry::{Body, Entry},
    purge::Epoch,
    sealed,
};

use super::{
    Edge,
    bridge::{Recalled, recall, remember},
    now, with_store,
};

impl Edge {
    /// The address under which the runtime keeps it. No request has this host.
    fn address(&self) -> String {
        let coding = self.asked.request.headers.get("accept-encoding");
        let coding = coding.unwrap_or_default();
        format!("https://{coding}.mallard.invalid{}", self.asked.target.key)
    }

    /// Whether an entry has been in memory for too long to be believed without a look behind it.
    pub fn is_old_here(&self, entry: &Entry) -> bool {
        let here_ms = self.asked.at.saturating_sub(entry.here_since);
        self.settings.cache_api && here_ms >= self.settings.memory_fresh_ms
    }

    /// Takes an entry that answers this request into memory.
    pub async fn recall(&self) -> Option<Rc<Entry>> {
        if !self.settings.cache_api {
            return None;
        }
        let found = JsFuture::from(recall(&self.address())).await.ok()?;
        if found.is_null() {
            return None;
        }
        let found: Recalled = found.unchecked_into();
        let bytes = found.bytes();
        let length = bytes.length() as usize;
        let entry = sealed::open(&found.text(), Body::new(bytes, length), now())?;
        let entry = Rc::new(entry);
        let fits = entry.fits(&self.asked.request.headers);
        // Which purges it was stored after, nobody knows any more: it counts as older than all.
        let key = &self.asked.target.key;
        let taken = fits && with_store(|store| store.put(key, Rc::clone(&entry), Epoch::BEGIN));
        taken.then_some(entry)
    }

    /// Hands an entry on to the cache behind, after the answer.
    pub fn remember(&self, entry: &Rc<Entry>) {
        let seconds = sealed::useful_for(entry, now());
        if !self.settings.cache_api || seconds == 0 {
            return;
        }
        let (address, entry) = (self.address(), Rc::clone(entry));
        self.context.wait_until(async move {
            let empty = Uint8Array::new_with_length(0);
            let bytes = entry.body.content::<Uint8Array>().unwrap_or(&empty);
            let tags: Vec<&str> = entry.tags.iter().map(AsRef::as_ref).collect();
            let text = sealed::seal(&entry);
            let kept = remember(&address, &text, bytes, seconds, &tags.join(","));
            // It never fails: what cannot be kept is not kept.
            let _ = JsFuture::from(kept).await;
        });
    }
}
