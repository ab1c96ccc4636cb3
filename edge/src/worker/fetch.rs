//! Asking the origin for what may be kept: once for all who want it, and with what is stored as the
//! answer when the origin fails.

use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue};
use worker::js_sys::{Promise, futures::JsFuture};

use crate::core::{
    admit::{Admission, admit, is_failure},
    count::{Event, Outcome},
    entry::Entry,
    flights::{FLIGHT_MS, Landing, Role, Ticket},
    plan::{self, Plan, Why},
    purge::Epoch,
    words,
};

use super::{
    Edge, FLIGHTS, bridge, message, now, origin::Fetched, promise, silence::Silence, with_store,
};

impl Edge {
    /// Asks the origin, or waits for who does so already.
    pub fn fetch(self, stored: Option<Rc<Entry>>, why: Why) -> JsValue {
        if self.asked.is_alone() {
            return promise(async move { self.recall_or_fetch(stored, why).await.0 });
        }
        let flight = self.asked.flight();
        match FLIGHTS.with_borrow_mut(|flights| flights.join(&flight, self.asked.at)) {
            Role::Alone => promise(async move { self.fetch_alone(stored, why).await.0 }),
            Role::Lead(ticket) => self.lead(ticket, stored, why),
            Role::Follow(ticket) => self.follow(ticket, stored, why),
        }
    }

    /// Answers with what the cache behind has, or asks. What is kept there is for everybody who does not show who
    /// they are.
    async fn recall_or_fetch(&self, stored: Option<Rc<Entry>>, why: Why) -> (JsValue, Landing) {
        let known = self.asked.request.headers.contains("authorization");
        match self.recall().await.filter(|_| !known) {
            Some(found) => self.answer_with_recalled(found, why).await,
            None => self.fetch_alone(stored, why).await,
        }
    }

    /// Asks for all. The context keeps the question alive when the one who asked goes away.
    fn lead(self, ticket: Ticket, stored: Option<Rc<Entry>>, why: Why) -> JsValue {
        let context = Rc::clone(&self.context);
        let answer = promise(async move {
            let (answer, landing) = self.recall_or_fetch(stored, why).await;
            let waiting = FLIGHTS.with_borrow_mut(|flights| flights.land(ticket, landing, now()));
            for one in waiting {
                one.wake(landing as i32);
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
    fn follow(self, ticket: Ticket, stored: Option<Rc<Entry>>, why: Why) -> JsValue {
        let limit = u32::try_from(FLIGHT_MS).unwrap_or(u32::MAX);
        let waiting = bridge::waiting(limit);
        let woken = waiting.promise();
        let late = FLIGHTS.with_borrow_mut(|flights| flights.wait(ticket, waiting));
        if let Some(waiting) = late {
            waiting.wake(-1);
        }
        promise(async move {
            let landing = JsFuture::from(woken).await.ok();
            let landing = landing.and_then(|it| it.as_f64()).unwrap_or(-1.0) as i32;
            let key = &self.asked.target.key;
            let headers = &self.asked.request.headers;
            let (found, _) = with_store(|store| store.find(key, headers));
            // What came after this client asked is right for it, even if it has to be validated before
            // every later use.
            let came = |entry: &Rc<Entry>| entry.here_since >= self.asked.at;
            let kept = landing == Landing::Kept as i32;
            if let Some(entry) = found.filter(|entry| kept && came(entry)) {
                let hit = plan::hit(&self.asked.request, &entry);
                return self.serve(Some(entry), hit, Outcome::Collapsed, "; collapsed");
            }
            if landing == Landing::Failed as i32 {
                return self.failed(stored, why, Silence::Unreachable.word(), "; collapsed");
            }
            if landing == Landing::Outdated as i32 {
                // A purge came between: one of those who waited asks anew, for all of them.
                let again = self.fetch(stored, why).unchecked_into::<Promise>();
                return JsFuture::from(again).await.unwrap_or(JsValue::UNDEFINED);
            }
            self.fetch_alone(stored, why).await.0
        })
    }

    /// Answers with what the cache behind the memory has, as if it had been there.
    async fn answer_with_recalled(&self, found: Rc<Entry>, why: Why) -> (JsValue, Landing) {
        let plan = plan::plan(&self.asked.request, Some(&found), true, now());
        match plan {
            Plan::Serve(hit) => {
                let answer = self.serve(Some(found), hit, Outcome::Hit, "; detail=behind");
                (answer, Landing::Kept)
            }
            Plan::ServeAndRenew(hit) => {
                self.renew_behind(Some(Rc::clone(&found)));
                let detail = "; detail=renewing";
                let answer = self.serve(Some(found), hit, Outcome::Stale, detail);
                (answer, Landing::Kept)
            }
            _ => self.fetch_alone(Some(found), why).await,
        }
    }

    async fn fetch_alone(&self, stored: Option<Rc<Entry>>, why: Why) -> (JsValue, Landing) {
        let epoch = with_store(|store| store.epoch());
        let usable = |entry: &Rc<Entry>| entry.may_serve_on_error(now());
        let waits = !stored.as_ref().is_some_and(usable);
        let asked = self.origin.get(&self.asked, stored.as_deref(), waits);
        let fetched = match asked.await {
            Ok(fetched) => fetched,
            Err(silence) => {
                return (
                    self.failed(stored, why, silence.word(), ""),
                    Landing::Failed,
                );
            }
        };
        if is_failure(fetched.status) && stored.as_ref().is_some_and(usable) {
            fetched.discard();
            return (
                self.failed(stored, why, "origin-failed", ""),
                Landing::Failed,
            );
        }
        self.count(Outcome::Miss);
        self.keep_and_answer(fetched, stored, why, epoch).await
    }

    /// Answers without the origin: with what is stored, if it may be used for so long, or with the
    /// edge's own words.
    fn failed(&self, stored: Option<Rc<Entry>>, why: Why, detail: &str, rest: &str) -> JsValue {
        let usable = stored.filter(|entry| entry.may_serve_on_error(now()));
        if let Some(entry) = usable {
            let hit = plan::hit(&self.asked.request, &entry);
            let detail = format!("; detail={detail}{rest}");
            return self.serve(Some(entry), hit, Outcome::Stale, &detail);
        }
        let status = format!("fwd={}; detail={detail}{rest}", why.word());
        self.words(503, words::unavailable(self.asked.path()), &status)
    }

    /// Stores what may be stored, and hands the answer on.
    async fn keep_and_answer(
        &self,
        fetched: Fetched,
        stored: Option<Rc<Entry>>,
        why: Why,
        epoch: Epoch,
    ) -> (JsValue, Landing) {
        let (status, asked_at) = (fetched.status, fetched.asked_at);
        let about = |rest: &str| format!("fwd={}; fwd-status={status}{rest}", why.word());
        if let (304, Some(entry)) = (status, &stored) {
            let entry = Rc::new(entry.freshen(&fetched.headers, asked_at, now()));
            fetched.discard();
            return self.answer_with(entry, epoch, &about(""));
        }
        let terms = match self.admit(&fetched, stored.as_deref()) {
            Admission::Store(terms) if fetched.fits(&self.settings) => terms,
            refused => {
                let why_not = match refused {
                    Admission::Store(_) => "too-large",
                    Admission::Leave(why_not) => why_not,
                };
                // It may not be kept any more, so what is stored may not be shown for longer either.
                if stored.is_some() && !is_failure(status) {
                    self.drop_stored();
                }
                let status = about(&format!("; detail=\"{why_not}\""));
                let answer = fetched.pass_on(&self.settings, &self.asked, &status);
                return (answer, Landing::NotKept);
            }
        };
        let body = match fetched.body(&self.settings).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                let status = about("; detail=\"too-large\"");
                let answer = fetched.pass_on(&self.settings, &self.asked, &status);
                return (answer, Landing::NotKept);
            }
            Err(silence) => {
                let detail = format!("{}; fwd-status={status}", silence.word());
                return (self.failed(stored, why, &detail, ""), Landing::Failed);
            }
        };
        let headers = fetched.headers_of(&body);
        let entry = terms.entry(status, &headers, body, asked_at, now());
        let withheld = !entry.control.withheld.is_empty();
        let entry = Rc::new(entry);
        let (answer, landing) = self.answer_with(Rc::clone(&entry), epoch, &about(""));
        if !withheld {
            return (answer, landing);
        }
        // What is withheld from everybody is still for the one who asked.
        let own = Entry {
            headers: headers.end_to_end(),
            ..Entry::clone(&entry)
        };
        let hit = plan::hit(&self.asked.request, &own);
        let status = about("");
        let answer = message::stored(&self.settings, &self.asked, &own, hit, now(), &status);
        (answer, landing)
    }

    fn admit(&self, fetched: &Fetched, stored: Option<&Entry>) -> Admission {
        let (status, headers) = (fetched.status, &fetched.headers);
        let request = self.asked.to_keep(stored);
        admit(self.settings.rules, &request, status, headers, now())
    }

    fn answer_with(&self, entry: Rc<Entry>, epoch: Epoch, about: &str) -> (JsValue, Landing) {
        let landing = self.keep(&entry, epoch);
        let stored = if landing == Landing::Kept {
            "; stored"
        } else {
            ""
        };
        let hit = plan::hit(&self.asked.request, &entry);
        let status = format!("{about}{stored}");
        let answer = message::stored(&self.settings, &self.asked, &entry, hit, now(), &status);
        (answer, landing)
    }

    fn keep(&self, entry: &Rc<Entry>, epoch: Epoch) -> Landing {
        let kept = with_store(|store| store.put(&self.asked.target.key, Rc::clone(entry), epoch));
        if kept {
            self.remember(entry, epoch);
            return Landing::Kept;
        }
        super::count(Event::Outdated);
        Landing::Outdated
    }

    /// Forgets what is stored for this address, here and behind.
    fn drop_stored(&self) {
        let key = self.asked.target.key.clone();
        with_store(|store| store.remove(&key));
        let edge = self.clone();
        self.context
            .wait_until(async move { edge.forget(&[key]).await });
    }

    /// Renews an entry behind an answer. Whatever fails leaves the old one in its place.
    pub async fn renew(&self, stored: Option<&Entry>) -> Landing {
        let epoch = with_store(|store| store.epoch());
        let Ok(fetched) = self.origin.get(&self.asked, stored, false).await else {
            return Landing::Failed;
        };
        let (status, asked_at) = (fetched.status, fetched.asked_at);
        if let (304, Some(entry)) = (status, stored) {
            fetched.discard();
            return self.keep(
                &Rc::new(entry.freshen(&fetched.headers, asked_at, now())),
                epoch,
            );
        }
        if is_failure(status) {
            fetched.discard();
            return Landing::Failed;
        }
        match self.admit(&fetched, stored) {
            Admission::Store(terms) if fetched.fits(&self.settings) => {
                let Ok(Some(body)) = fetched.body(&self.settings).await else {
                    return Landing::Failed;
                };
                let headers = fetched.headers_of(&body);
                let entry = terms.entry(status, &headers, body, asked_at, now());
                self.keep(&Rc::new(entry), epoch)
            }
            _ => {
                // It may not be kept any more, so the old one may not be shown for longer either.
                fetched.discard();
                self.drop_stored();
                Landing::NotKept
            }
        }
    }
}
