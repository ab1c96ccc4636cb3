//! Answers again with what was answered before, where the contract says that an answer is the same for
//! everybody. What it is made from reaches the handler as the key has it and nothing else: a route and
//! its parameters, no cookie, no header.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use axum::{
    body::Body,
    extract::{MatchedPath, OriginalUri, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use shared::{
    cache::CachePolicy,
    cache_key,
    edge::{MIN_VERSION_HEADER, VERSION_HEADER},
    endpoint::{self, Caching},
    locale::Locale,
    page,
    problem::ProblemKind,
};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::{
    app::App,
    cache::{Found, Kept, Memory, Terms, Wanted},
    db,
    telemetry::Served,
    web::{Finished, Refusal},
};

use super::{finish::plain, observe::TRACEPARENT, report};

/// For how long an answer is served whose making has failed, until that is tried again.
const PUT_OFF_MS: i64 = 2_000;
/// How often an answer is waited for that turns out to be older than the question.
const WAITS_MAX: u32 = 4;

/// The routes whose answers are kept, with the parameters that make a difference.
static ROUTES: LazyLock<HashMap<String, &'static [&'static str]>> = LazyLock::new(|| {
    let shared = |caching| caching == Caching::Shared;
    let endpoints = endpoint::all()
        .filter(|it| it.method == endpoint::Method::Get && shared(it.caching))
        .map(|it| (it.path.to_owned(), it.query));
    let pages = page::ALL.iter().filter(|it| shared(it.caching));
    let pages =
        pages.flat_map(|page| Locale::ALL.map(|locale| (locale.path(page.path), page.query)));
    endpoints.chain(pages).collect()
});

/// Answers with what is kept, or keeps what is answered.
pub async fn cached(State(app): State<App>, request: Request, next: Next) -> Response {
    let (Some(memory), Some(key)) = (&app.memory, key_of(&request)) else {
        return next.run(request).await;
    };
    let at_least = request.headers().get(MIN_VERSION_HEADER);
    let at_least = at_least.and_then(|it| it.to_str().ok()?.parse().ok());
    app.changes.keep_up(&app.db, at_least).await;
    let now = app.clock.now();
    let usable = |kept: &Kept| kept.is_fresh(now) && is_right(&app, kept);
    let wanted = Wanted::of(request.method(), request.headers());
    let serve = |kept: &Kept, served| serve(&app, memory, &key, kept, &wanted, served);
    if let Some(kept) = memory.get(&key).filter(|kept| usable(kept)) {
        if kept.is_to_be_renewed(now) {
            let make = |key| make(&app, memory, key, &request, next, None);
            memory.join(&key, |_| false, make);
        }
        return serve(&kept, Served::Hit);
    }
    for _ in 0..WAITS_MAX {
        let (sender, own) = oneshot::channel();
        let make = |key| make(&app, memory, key, &request, next.clone(), Some(sender));
        let landing = match memory.join(&key, usable, make) {
            Found::Kept(kept) => return serve(&kept, Served::Collapsed),
            Found::Begun(landing) => {
                return match landing.await {
                    Some(kept) if kept.left_ms(now) <= 0 => serve(&kept, Served::Stale),
                    Some(kept) => serve(&kept, Served::Miss),
                    None => own.await.unwrap_or_else(|_| failed(&app, &request)),
                };
            }
            Found::UnderWay(landing) => landing,
        };
        match landing.await {
            // It was begun before this was asked, and may lack what has changed since.
            Some(kept) if !is_right(&app, &kept) => {}
            Some(kept) => return serve(&kept, Served::Collapsed),
            None => break,
        }
    }
    // It may not be kept, or could not be made, or changes all the time.
    drop(key);
    next.run(request).await
}

/// Whoever was to make the answer has come to nothing, without a word.
fn failed(app: &App, request: &Request) -> Response {
    let refused = Refusal::of(ProblemKind::Internal).into_response();
    report::told(app, &report::Asked::of(request), refused)
}

/// The key of what is asked for, where answers to it are kept.
fn key_of(request: &Request) -> Option<Cow<'_, str>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let route = request.extensions().get::<MatchedPath>()?;
    let allowed = ROUTES.get(route.as_str())?;
    let uri = request.uri();
    cache_key::of_route(uri.path(), uri.query(), allowed)
}

/// Whether a route's answers are the same for everybody.
pub fn is_everybodys(route: &str) -> bool {
    ROUTES.contains_key(route)
}

fn is_right(app: &App, kept: &Kept) -> bool {
    kept.is_right_at(app.changes.latest(), || {
        app.changes.allow(kept.tags(), kept.as_of())
    })
}

fn serve(
    app: &App,
    memory: &Memory,
    key: &str,
    kept: &Kept,
    wanted: &Wanted,
    served: Served,
) -> Response {
    app.metrics.cache.served(served);
    kept.answer(wanted).unwrap_or_else(|| {
        let (more, answer) = kept.in_coding_too(wanted);
        memory.put(key.into(), Arc::new(more));
        answer
    })
}

/// Makes an answer and keeps it, whoever waits for it. One that may not be kept goes to the one who asked
/// first, who may have gone away.
fn make(
    app: &App,
    memory: &Arc<Memory>,
    key: Arc<str>,
    asked: &Request,
    next: Next,
    own: Option<oneshot::Sender<Response>>,
) -> BoxFuture<'static, Option<Arc<Kept>>> {
    let request = request_of(&key, asked);
    let again = app.db.replica_stats().map(|_| request_of(&key, asked));
    let (app, memory) = (app.clone(), Arc::clone(memory));
    let make = async move {
        if let Some(kept) = made_elsewhere(&app, &key).await {
            let kept = Arc::new(kept);
            memory.put(key, Arc::clone(&kept));
            return Some(kept);
        }
        // Before anything is read, so that what changes meanwhile counts as missing.
        let known = app.changes.latest();
        let (mut response, as_of) = render(&app, next, request, again).await;
        if let Some(kept) = keep(&app, &memory, &mut response, as_of) {
            let kept = Arc::new(kept);
            memory.put(Arc::clone(&key), Arc::clone(&kept));
            share(&app, key, &kept);
            app.changes.cover(&app.db, known).await;
            return Some(kept);
        }
        let failed = response.status().is_server_error();
        let last = memory.get(&key).filter(|it| failed && is_right(&app, it));
        if let Some(kept) = &last {
            // What it was made from has not changed: it is only older than one would like.
            kept.put_off(app.clock.now().as_millis() + PUT_OFF_MS);
        } else if let Some(own) = own {
            let _ = own.send(response);
        }
        last
    };
    Box::pin(make.instrument(tracing::Span::current()))
}

/// The handler's response, and the last change that is in it. What the replica lacks of the changes that are
/// known is read from the primary.
async fn render(
    app: &App,
    next: Next,
    request: Request,
    again: Option<Request>,
) -> (Response, u64) {
    let latest = app.changes.latest();
    let Some(again) = again else {
        return (next.run(request).await, latest);
    };
    let (response, stamp) = db::with_replica_reads(next.clone().run(request)).await;
    match stamp {
        None => (response, latest),
        Some(stamp) if is_valid(app, &response, stamp) => (response, stamp.min(latest)),
        Some(_) => {
            let latest = app.changes.latest();
            (next.run(again).await, latest)
        }
    }
}

/// Whether what was read from a replica at this change is as good as what the primary would say, as far as
/// is known here.
fn is_valid(app: &App, response: &Response, stamp: u64) -> bool {
    if response.status().is_server_error() {
        return false;
    }
    let policy = response.extensions().get::<Finished>().map(|it| &it.policy);
    let tags = policy.map(CachePolicy::tags).unwrap_or_default();
    // What is not found there may only not have arrived yet.
    let is_complete = response.status() == StatusCode::OK && !tags.is_empty();
    stamp >= app.changes.latest() || (is_complete && app.changes.allow(tags, stamp))
}

/// What another origin has made, if it is as good as what this one would make.
async fn made_elsewhere(app: &App, key: &str) -> Option<Kept> {
    let kept = app.l2.as_ref()?.find(app, key).await?;
    // It may be of a change that this origin has not seen. If there is none in the database either, that
    // was another one with the same name, before it was set back.
    app.changes.keep_up(&app.db, Some(kept.as_of())).await;
    (kept.as_of() <= app.changes.latest() && is_right(app, &kept)).then_some(kept)
}

/// Lets the others have an answer. Nobody waits for that.
fn share(app: &App, key: Arc<str>, kept: &Arc<Kept>) {
    if app.l2.is_none() {
        return;
    }
    let (app, kept) = (app.clone(), Arc::clone(kept));
    tokio::spawn(async move {
        if let Some(l2) = &app.l2 {
            l2.put(&app, &key, &kept).await;
        }
    });
}

/// What the handler gets: what the key says, and nothing else.
fn request_of(key: &str, asked: &Request) -> Request {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = key.parse().unwrap_or_else(|_| asked.uri().clone());
    *request.extensions_mut() = asked.extensions().clone();
    let uri = OriginalUri(request.uri().clone());
    request.extensions_mut().insert(uri);
    if let Some(trace) = asked.headers().get(TRACEPARENT) {
        request.headers_mut().insert(TRACEPARENT, trace.clone());
    }
    request
}

/// What is kept of a response, if anything.
fn keep(app: &App, memory: &Memory, response: &mut Response, as_of: u64) -> Option<Kept> {
    if response.headers().contains_key(header::SET_COOKIE) {
        return None;
    }
    let policy = &response.extensions().get::<Finished>()?.policy;
    let lifetime_ms = memory.lifetimes().of(policy, crate::secret::byte())?;
    let terms = Terms {
        tags: policy.tags().to_vec(),
        as_of,
        made_at: app.clock.now(),
        lifetime_ms,
    };
    let finished = response.extensions_mut().remove::<Finished>()?;
    let mut response = std::mem::take(response);
    response
        .headers_mut()
        .insert(AS_OF, HeaderValue::from(as_of));
    Some(Kept::new(
        response.status(),
        plain(response, finished),
        terms,
    ))
}

const AS_OF: HeaderName = HeaderName::from_static(VERSION_HEADER);
