//! Fetches responses that fill the cache: one request to the origin for all concurrent misses, and
//! a stale response if the origin fails.

use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue};
use worker::js_sys::{Promise, futures::JsFuture};

use crate::core::{
    admission::{Admission, admit, is_failure},
    collapsed_forwarding::{COLLAPSE_TIMEOUT_MS, CollapseRole, FetchResult, FetchTicket},
    generated_body,
    metrics::{OriginEvent, RequestOutcome},
    plan::{self, ForwardReason, Plan},
    purge_log::PurgeEpoch,
    stored_response::StoredResponse,
};

use super::{
    COLLAPSED_FETCHES, RequestHandler, bridge, client_response, fetch_error::FetchError, now,
    origin_response::OriginResponse, promise_of, with_store,
};

impl RequestHandler {
    /// Fetches a response, or waits for a request that does so already.
    pub fn fetch(self, stored: Option<Rc<StoredResponse>>, reason: ForwardReason) -> JsValue {
        if self.client_request.is_uncollapsible() {
            return promise_of(async move { self.load_or_fetch(stored, reason).await.0 });
        }
        let collapse_key = self.client_request.collapse_key();
        match COLLAPSED_FETCHES
            .with_borrow_mut(|fetches| fetches.join(&collapse_key, self.client_request.received_at))
        {
            CollapseRole::Uncollapsed => {
                promise_of(async move { self.fetch_from_origin(stored, reason).await.0 })
            }
            CollapseRole::Lead(ticket) => self.lead(ticket, stored, reason),
            CollapseRole::Follow(ticket) => self.follow(ticket, stored, reason),
        }
    }

    /// Serves a response from the second-level cache, or fetches it. Responses in that cache are
    /// not served to authenticated clients.
    async fn load_or_fetch(
        &self,
        stored: Option<Rc<StoredResponse>>,
        reason: ForwardReason,
    ) -> (JsValue, FetchResult) {
        let known = self
            .client_request
            .cache_request
            .headers
            .contains("authorization");
        match self.load_second_level().await.filter(|_| !known) {
            Some(found) => self.serve_second_level(found, reason).await,
            None => self.fetch_from_origin(stored, reason).await,
        }
    }

    /// Fetches for all waiting requests. The execution context keeps the fetch alive if the client
    /// of this request disconnects.
    fn lead(
        self,
        ticket: FetchTicket,
        stored: Option<Rc<StoredResponse>>,
        reason: ForwardReason,
    ) -> JsValue {
        let context = Rc::clone(&self.context);
        let js_response = promise_of(async move {
            let (js_response, result) = self.load_or_fetch(stored, reason).await;
            let waiters = COLLAPSED_FETCHES
                .with_borrow_mut(|fetches| fetches.complete(ticket, result, now()));
            for waiter in waiters {
                waiter.wake(result as i32);
            }
            js_response
        });
        let pending = js_response.clone().unchecked_into::<Promise>();
        context.wait_until(async move {
            // The client gets this response; here the promise only has to settle.
            let _ = JsFuture::from(pending).await;
        });
        js_response
    }

    /// Waits for the leading request, and fetches without collapsing if its response cannot be
    /// used.
    fn follow(
        self,
        ticket: FetchTicket,
        stored: Option<Rc<StoredResponse>>,
        reason: ForwardReason,
    ) -> JsValue {
        let limit = u32::try_from(COLLAPSE_TIMEOUT_MS).unwrap_or(u32::MAX);
        let waiter = bridge::new_waiter(limit);
        let woken = waiter.promise();
        let late = COLLAPSED_FETCHES.with_borrow_mut(|fetches| fetches.add_waiter(ticket, waiter));
        if let Some(waiter) = late {
            waiter.wake(-1);
        }
        promise_of(async move {
            let result = JsFuture::from(woken).await.ok();
            let result = result.and_then(|it| it.as_f64()).unwrap_or(-1.0) as i32;
            let key = &self.client_request.target.key;
            let headers = &self.client_request.cache_request.headers;
            let (found, _) = with_store(|store| store.find(key, headers));
            // A response that was received after this request arrived may be used for it once, even
            // if it must be validated before every later use.
            let came_after = |response: &Rc<StoredResponse>| {
                response.stored_at >= self.client_request.received_at
            };
            let is_stored = result == FetchResult::Stored as i32;
            if let Some(response) = found.filter(|response| is_stored && came_after(response)) {
                let hit = plan::hit_response(&self.client_request.cache_request, &response);
                return self.serve(
                    Some(response),
                    hit,
                    RequestOutcome::Collapsed,
                    "; collapsed",
                );
            }
            if result == FetchResult::Failed as i32 {
                return self.serve_stale_or_unavailable(
                    stored,
                    reason,
                    FetchError::Unreachable.detail(),
                    "; collapsed",
                );
            }
            if result == FetchResult::Invalidated as i32 {
                // A purge arrived meanwhile: one of the waiting requests fetches again, for all of
                // them.
                let retried = self.fetch(stored, reason).unchecked_into::<Promise>();
                return JsFuture::from(retried).await.unwrap_or(JsValue::UNDEFINED);
            }
            self.fetch_from_origin(stored, reason).await.0
        })
    }

    /// Serves a response from the second-level cache as if it had been in memory.
    async fn serve_second_level(
        &self,
        found: Rc<StoredResponse>,
        reason: ForwardReason,
    ) -> (JsValue, FetchResult) {
        let plan = plan::plan(
            &self.client_request.cache_request,
            Some(&found),
            true,
            now(),
        );
        match plan {
            Plan::Serve(hit) => {
                let js_response =
                    self.serve(Some(found), hit, RequestOutcome::Hit, "; detail=behind");
                (js_response, FetchResult::Stored)
            }
            Plan::ServeAndRevalidate(hit) => {
                self.revalidate_in_background(Some(Rc::clone(&found)));
                let detail = "; detail=renewing";
                let js_response = self.serve(Some(found), hit, RequestOutcome::Stale, detail);
                (js_response, FetchResult::Stored)
            }
            _ => self.fetch_from_origin(Some(found), reason).await,
        }
    }

    async fn fetch_from_origin(
        &self,
        stored: Option<Rc<StoredResponse>>,
        reason: ForwardReason,
    ) -> (JsValue, FetchResult) {
        let epoch = with_store(|store| store.epoch());
        let usable = |response: &Rc<StoredResponse>| response.may_serve_stale_on_error(now());
        let waits = !stored.as_ref().is_some_and(usable);
        let pending = self
            .origin
            .get(&self.client_request, stored.as_deref(), waits);
        let fetched = match pending.await {
            Ok(fetched) => fetched,
            Err(error) => {
                return (
                    self.serve_stale_or_unavailable(stored, reason, error.detail(), ""),
                    FetchResult::Failed,
                );
            }
        };
        if is_failure(fetched.status) && stored.as_ref().is_some_and(usable) {
            fetched.discard();
            return (
                self.serve_stale_or_unavailable(stored, reason, "origin-failed", ""),
                FetchResult::Failed,
            );
        }
        self.count_outcome(RequestOutcome::Miss);
        self.store_and_respond(fetched, stored, reason, epoch).await
    }

    /// Serves a stale response if `stale-if-error` allows it, and an error page otherwise.
    fn serve_stale_or_unavailable(
        &self,
        stored: Option<Rc<StoredResponse>>,
        reason: ForwardReason,
        detail: &str,
        rest: &str,
    ) -> JsValue {
        let usable = stored.filter(|response| response.may_serve_stale_on_error(now()));
        if let Some(response) = usable {
            let hit = plan::hit_response(&self.client_request.cache_request, &response);
            let detail = format!("; detail={detail}{rest}");
            return self.serve(Some(response), hit, RequestOutcome::Stale, &detail);
        }
        let status = format!("fwd={}; detail={detail}{rest}", reason.as_str());
        self.respond_with(
            503,
            generated_body::unavailable(self.client_request.path()),
            &status,
        )
    }

    /// Stores the origin's response if admission allows it, and responds to the client.
    async fn store_and_respond(
        &self,
        fetched: OriginResponse,
        stored: Option<Rc<StoredResponse>>,
        reason: ForwardReason,
        epoch: PurgeEpoch,
    ) -> (JsValue, FetchResult) {
        let (status, requested_at) = (fetched.status, fetched.requested_at);
        let forward_status =
            |rest: &str| format!("fwd={}; fwd-status={status}{rest}", reason.as_str());
        if let (304, Some(response)) = (status, &stored) {
            let response = Rc::new(response.freshen(&fetched.headers, requested_at, now()));
            fetched.discard();
            return self.store_and_serve(response, epoch, &forward_status(""));
        }
        let metadata = match self.admit(&fetched, stored.as_deref()) {
            Admission::Store(metadata) if fetched.has_storable_size(&self.settings) => metadata,
            refused => {
                let reason_not_stored = match refused {
                    Admission::Store(_) => "too-large",
                    Admission::DoNotStore(reason_not_stored) => reason_not_stored,
                };
                // The response may no longer be stored, so the stored one must not be served any
                // longer either.
                if stored.is_some() && !is_failure(status) {
                    self.remove_stored();
                }
                let cache_status = forward_status(&format!("; detail=\"{reason_not_stored}\""));
                return self.relay_unstored(fetched, &cache_status);
            }
        };
        let body = match fetched.read_body(&self.settings).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                let cache_status = forward_status("; detail=\"too-large\"");
                return self.relay_unstored(fetched, &cache_status);
            }
            Err(error) => {
                let detail = format!("{}; fwd-status={status}", error.detail());
                return (
                    self.serve_stale_or_unavailable(stored, reason, &detail, ""),
                    FetchResult::Failed,
                );
            }
        };
        let headers = fetched.headers_for_body(&body);
        let response = metadata.into_response(status, &headers, body, requested_at, now());
        let withheld = !response.cache_control.excluded_fields.is_empty();
        let response = Rc::new(response);
        let (js_response, result) =
            self.store_and_serve(Rc::clone(&response), epoch, &forward_status(""));
        if !withheld {
            return (js_response, result);
        }
        // Fields that must not be stored are still sent to the client that caused the fetch.
        let own = StoredResponse {
            headers: headers.end_to_end(),
            ..StoredResponse::clone(&response)
        };
        let hit = plan::hit_response(&self.client_request.cache_request, &own);
        let js_response = client_response::from_cache(
            &self.settings,
            &self.client_request,
            &own,
            hit,
            now(),
            &forward_status(""),
        );
        (js_response, result)
    }

    fn relay_unstored(
        &self,
        fetched: OriginResponse,
        cache_status: &str,
    ) -> (JsValue, FetchResult) {
        let js_response = fetched.relay(&self.settings, &self.client_request, cache_status);
        (js_response, FetchResult::NotStored)
    }

    fn admit(&self, fetched: &OriginResponse, stored: Option<&StoredResponse>) -> Admission {
        let (status, headers) = (fetched.status, &fetched.headers);
        let request = self.client_request.cacheable_request(stored);
        admit(self.settings.cache_rules, &request, status, headers, now())
    }

    fn store_and_serve(
        &self,
        response: Rc<StoredResponse>,
        epoch: PurgeEpoch,
        cache_status: &str,
    ) -> (JsValue, FetchResult) {
        let result = self.store(&response, epoch);
        let stored = if result == FetchResult::Stored {
            "; stored"
        } else {
            ""
        };
        let hit = plan::hit_response(&self.client_request.cache_request, &response);
        let status = format!("{cache_status}{stored}");
        let js_response = client_response::from_cache(
            &self.settings,
            &self.client_request,
            &response,
            hit,
            now(),
            &status,
        );
        (js_response, result)
    }

    fn store(&self, response: &Rc<StoredResponse>, epoch: PurgeEpoch) -> FetchResult {
        let is_stored = with_store(|store| {
            store.put(&self.client_request.target.key, Rc::clone(response), epoch)
        });
        if is_stored {
            self.save_second_level(response, epoch);
            return FetchResult::Stored;
        }
        super::count_event(OriginEvent::OutdatedResponse);
        FetchResult::Invalidated
    }

    /// Removes the responses stored under this key, from memory and from the second-level cache.
    fn remove_stored(&self) {
        let key = self.client_request.target.key.clone();
        with_store(|store| store.remove(&key));
        let handler = self.clone();
        self.context
            .wait_until(async move { handler.delete_second_level(&[key]).await });
    }

    /// Revalidates a stored response in the background. If that fails, the stored response stays.
    pub async fn revalidate(&self, stored: Option<&StoredResponse>) -> FetchResult {
        let epoch = with_store(|store| store.epoch());
        let Ok(fetched) = self.origin.get(&self.client_request, stored, false).await else {
            return FetchResult::Failed;
        };
        let (status, requested_at) = (fetched.status, fetched.requested_at);
        if let (304, Some(response)) = (status, stored) {
            fetched.discard();
            return self.store(
                &Rc::new(response.freshen(&fetched.headers, requested_at, now())),
                epoch,
            );
        }
        if is_failure(status) {
            fetched.discard();
            return FetchResult::Failed;
        }
        match self.admit(&fetched, stored) {
            Admission::Store(metadata) if fetched.has_storable_size(&self.settings) => {
                let Ok(Some(body)) = fetched.read_body(&self.settings).await else {
                    return FetchResult::Failed;
                };
                let headers = fetched.headers_for_body(&body);
                let response = metadata.into_response(status, &headers, body, requested_at, now());
                self.store(&Rc::new(response), epoch)
            }
            _ => {
                // The response may no longer be stored, so the stored one must not be served any
                // longer either.
                fetched.discard();
                self.remove_stored();
                FetchResult::NotStored
            }
        }
    }
}
