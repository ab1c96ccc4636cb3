//! Asking the origin for what may be kept: once for all who want it, and with what is stored as the
//! answer when the origin fails.

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
    Edge, FLIGHTS, bridge, message, now, origin::Fetched, promise, silence::Silence, with_store,
};

impl Edge {
    /// Asks the origin, or waits for who does so already.
    pub fn fetch(self, stored: Option<Rc<StoredResponse>>, why: ForwardReason) -> JsValue {
        if self.asked.is_alone() {
            return promise(async move { self.recall_or_fetch(stored, why).await.0 });
        }
        let flight = self.asked.flight();
        match FLIGHTS.with_borrow_mut(|flights| flights.join(&flight, self.asked.at)) {
            CollapseRole::Uncollapsed => {
                promise(async move { self.fetch_alone(stored, why).await.0 })
            }
            CollapseRole::Lead(ticket) => self.lead(ticket, stored, why),
            CollapseRole::Follow(ticket) => self.follow(ticket, stored, why),
        }
    }

    /// Answers with what the cache behind has, or asks. What is kept there is for everybody who does not show who
    /// they are.
    async fn recall_or_fetch(
        &self,
        stored: Option<Rc<StoredResponse>>,
        why: ForwardReason,
    ) -> (JsValue, FetchResult) {
        let known = self.asked.request.headers.contains("authorization");
        match self.recall().await.filter(|_| !known) {
            Some(found) => self.answer_with_recalled(found, why).await,
            None => self.fetch_alone(stored, why).await,
        }
    }

    /// Asks for all. The context keeps the question alive when the one who asked goes away.
    fn lead(
        self,
        ticket: FetchTicket,
        stored: Option<Rc<StoredResponse>>,
        why: ForwardReason,
    ) -> JsValue {
        let context = Rc::clone(&self.context);
        let answer = promise(async move {
            let (answer, result) = self.recall_or_fetch(stored, why).await;
            let waiting =
                FLIGHTS.with_borrow_mut(|flights| flights.complete(ticket, result, now()));
            for one in waiting {
                one.wake(result as i32);
            }
            answer
        });
        let kept = answer.clone().unchecked_into::<Promise>();
        context.wait_until(async move {
            // What it answers is for the client; here it only has to come to its end.
            let _ = JsFuture::from(kept).await;
        });
        answer
    }

    /// Waits for the one who asks, and asks alone when that does not help.
    fn follow(
        self,
        ticket: FetchTicket,
        stored: Option<Rc<StoredResponse>>,
        why: ForwardReason,
    ) -> JsValue {
        let limit = u32::try_from(COLLAPSE_TIMEOUT_MS).unwrap_or(u32::MAX);
        let waiting = bridge::waiting(limit);
        let woken = waiting.promise();
        let late = FLIGHTS.with_borrow_mut(|flights| flights.add_waiter(ticket, waiting));
        if let Some(waiting) = late {
            waiting.wake(-1);
        }
        promise(async move {
            let result = JsFuture::from(woken).await.ok();
            let result = result.and_then(|it| it.as_f64()).unwrap_or(-1.0) as i32;
            let key = &self.asked.target.key;
            let headers = &self.asked.request.headers;
            let (found, _) = with_store(|store| store.find(key, headers));
            // What came after this client asked is right for it, even if it has to be validated before
            // every later use.
            let came = |response: &Rc<StoredResponse>| response.stored_at >= self.asked.at;
            let kept = result == FetchResult::Stored as i32;
            if let Some(response) = found.filter(|response| kept && came(response)) {
                let hit = plan::hit_response(&self.asked.request, &response);
                return self.serve(
                    Some(response),
                    hit,
                    RequestOutcome::Collapsed,
                    "; collapsed",
                );
            }
            if result == FetchResult::Failed as i32 {
                return self.failed(stored, why, Silence::Unreachable.word(), "; collapsed");
            }
            if result == FetchResult::Invalidated as i32 {
                // A purge came between: one of those who waited asks anew, for all of them.
                let again = self.fetch(stored, why).unchecked_into::<Promise>();
                return JsFuture::from(again).await.unwrap_or(JsValue::UNDEFINED);
            }
            self.fetch_alone(stored, why).await.0
        })
    }

    /// Answers with what the cache behind the memory has, as if it had been there.
    async fn answer_with_recalled(
        &self,
        found: Rc<StoredResponse>,
        why: ForwardReason,
    ) -> (JsValue, FetchResult) {
        let plan = plan::plan(&self.asked.request, Some(&found), true, now());
        match plan {
            Plan::Serve(hit) => {
                let answer = self.serve(Some(found), hit, RequestOutcome::Hit, "; detail=behind");
                (answer, FetchResult::Stored)
            }
            Plan::ServeAndRevalidate(hit) => {
                self.renew_behind(Some(Rc::clone(&found)));
                let detail = "; detail=renewing";
                let answer = self.serve(Some(found), hit, RequestOutcome::Stale, detail);
                (answer, FetchResult::Stored)
            }
            _ => self.fetch_alone(Some(found), why).await,
        }
    }

    async fn fetch_alone(
        &self,
        stored: Option<Rc<StoredResponse>>,
        why: ForwardReason,
    ) -> (JsValue, FetchResult) {
        let epoch = with_store(|store| store.epoch());
        let usable = |response: &Rc<StoredResponse>| response.may_serve_stale_on_error(now());
        let waits = !stored.as_ref().is_some_and(usable);
        let asked = self.origin.get(&self.asked, stored.as_deref(), waits);
        let fetched = match asked.await {
            Ok(fetched) => fetched,
            Err(silence) => {
                return (
                    self.failed(stored, why, silence.word(), ""),
                    FetchResult::Failed,
                );
            }
        };
        if is_failure(fetched.status) && stored.as_ref().is_some_and(usable) {
            fetched.discard();
            return (
                self.failed(stored, why, "origin-failed", ""),
                FetchResult::Failed,
            );
        }
        self.count(RequestOutcome::Miss);
        self.keep_and_answer(fetched, stored, why, epoch).await
    }

    /// Answers without the origin: with what is stored, if it may be used for so long, or with the
    /// edge's own words.
    fn failed(
        &self,
        stored: Option<Rc<StoredResponse>>,
        why: ForwardReason,
        detail: &str,
        rest: &str,
    ) -> JsValue {
        let usable = stored.filter(|response| response.may_serve_stale_on_error(now()));
        if let Some(response) = usable {
            let hit = plan::hit_response(&self.asked.request, &response);
            let detail = format!("; detail={detail}{rest}");
            return self.serve(Some(response), hit, RequestOutcome::Stale, &detail);
        }
        let status = format!("fwd={}; detail={detail}{rest}", why.word());
        self.words(503, generated_body::unavailable(self.asked.path()), &status)
    }

    /// Stores what may be stored, and hands the answer on.
    async fn keep_and_answer(
        &self,
        fetched: Fetched,
        stored: Option<Rc<StoredResponse>>,
        why: ForwardReason,
        epoch: PurgeEpoch,
    ) -> (JsValue, FetchResult) {
        let (status, requested_at) = (fetched.status, fetched.requested_at);
        let about = |rest: &str| format!("fwd={}; fwd-status={status}{rest}", why.word());
        if let (304, Some(response)) = (status, &stored) {
            let response = Rc::new(response.freshen(&fetched.headers, requested_at, now()));
            fetched.discard();
            return self.answer_with(response, epoch, &about(""));
        }
        let metadata = match self.admit(&fetched, stored.as_deref()) {
            Admission::Store(metadata) if fetched.has_storable_size(&self.settings) => metadata,
            refused => {
                let why_not = match refused {
                    Admission::Store(_) => "too-large",
                    Admission::DoNotStore(why_not) => why_not,
                };
                // It may not be kept any more, so what is stored may not be shown for longer either.
                if stored.is_some() && !is_failure(status) {
                    self.drop_stored();
                }
                let status = about(&format!("; detail=\"{why_not}\""));
                let answer = fetched.pass_on(&self.settings, &self.asked, &status);
                return (answer, FetchResult::NotStored);
            }
        };
        let body = match fetched.body(&self.settings).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                let status = about("; detail=\"too-large\"");
                let answer = fetched.pass_on(&self.settings, &self.asked, &status);
                return (answer, FetchResult::NotStored);
            }
            Err(silence) => {
                let detail = format!("{}; fwd-status={status}", silence.word());
                return (self.failed(stored, why, &detail, ""), FetchResult::Failed);
            }
        };
        let headers = fetched.headers_of(&body);
        let response = metadata.into_response(status, &headers, body, requested_at, now());
        let withheld = !response.cache_control.excluded_fields.is_empty();
        let response = Rc::new(response);
        let (answer, result) = self.answer_with(Rc::clone(&response), epoch, &about(""));
        if !withheld {
            return (answer, result);
        }
        // What is withheld from everybody is still for the one who asked.
        let own = StoredResponse {
            headers: headers.end_to_end(),
            ..StoredResponse::clone(&response)
        };
        let hit = plan::hit_response(&self.asked.request, &own);
        let status = about("");
        let answer = message::stored(&self.settings, &self.asked, &own, hit, now(), &status);
        (answer, result)
    }

    fn admit(&self, fetched: &Fetched, stored: Option<&StoredResponse>) -> Admission {
        let (status, headers) = (fetched.status, &fetched.headers);
        let request = self.asked.to_keep(stored);
        admit(self.settings.rules, &request, status, headers, now())
    }

    fn answer_with(
        &self,
        response: Rc<StoredResponse>,
        epoch: PurgeEpoch,
        about: &str,
    ) -> (JsValue, FetchResult) {
        let result = self.keep(&response, epoch);
        let stored = if result == FetchResult::Stored {
            "; stored"
        } else {
            ""
        };
        let hit = plan::hit_response(&self.asked.request, &response);
        let status = format!("{about}{stored}");
        let answer = message::stored(&self.settings, &self.asked, &response, hit, now(), &status);
        (answer, result)
    }

    fn keep(&self, response: &Rc<StoredResponse>, epoch: PurgeEpoch) -> FetchResult {
        let kept =
            with_store(|store| store.put(&self.asked.target.key, Rc::clone(response), epoch));
        if kept {
            self.remember(response, epoch);
            return FetchResult::Stored;
        }
        super::count(OriginEvent::OutdatedResponse);
        FetchResult::Invalidated
    }

    /// Forgets what is stored for this address, here and behind.
    fn drop_stored(&self) {
        let key = self.asked.target.key.clone();
        with_store(|store| store.remove(&key));
        let edge = self.clone();
        self.context
            .wait_until(async move { edge.forget(&[key]).await });
    }

    /// Renews a response behind an answer. Whatever fails leaves the old one in its place.
    pub async fn renew(&self, stored: Option<&StoredResponse>) -> FetchResult {
        let epoch = with_store(|store| store.epoch());
        let Ok(fetched) = self.origin.get(&self.asked, stored, false).await else {
            return FetchResult::Failed;
        };
        let (status, requested_at) = (fetched.status, fetched.requested_at);
        if let (304, Some(response)) = (status, stored) {
            fetched.discard();
            return self.keep(
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
                let Ok(Some(body)) = fetched.body(&self.settings).await else {
                    return FetchResult::Failed;
                };
                let headers = fetched.headers_of(&body);
                let response = metadata.into_response(status, &headers, body, requested_at, now());
                self.keep(&Rc::new(response), epoch)
            }
            _ => {
                // It may not be kept any more, so the old one may not be shown for longer either.
                fetched.discard();
                self.drop_stored();
                FetchResult::NotStored
            }
        }
    }
}
