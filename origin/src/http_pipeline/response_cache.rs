//! The layer of the response cache: serves cached responses for the endpoints and pages that the
//! contract declares as shared. To generate a shared response, the handler gets a request that
//! contains only what is in the cache key: the route and its parameters, no cookie and no other
//! header.

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
    cache::{CachedResponse, EntryMetadata, Lookup, MemoryCache, Negotiation},
    db,
    telemetry::L1Outcome,
    web::{FinishedBody, Refusal},
};

use super::{cache_headers::identity, observe::TRACEPARENT, problems};

/// How long a stale response is served after a failed refresh, before the next attempt.
const REFRESH_RETRY_MS: i64 = 2_000;
/// How often a request joins a flight whose response turns out to be older than the request.
const JOINS_MAX: u32 = 4;

/// The routes with shared responses, and the query parameters that are part of the cache key.
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

/// Serves a cached response, or generates and stores one.
pub async fn respond_from_cache(State(app): State<App>, request: Request, next: Next) -> Response {
    let (Some(memory), Some(key)) = (&app.memory, key_of(&request)) else {
        return next.run(request).await;
    };
    let at_least = request.headers().get(MIN_VERSION_HEADER);
    let at_least = at_least.and_then(|it| it.to_str().ok()?.parse().ok());
    app.changes.sync_to(&app.db, at_least).await;
    let now = app.clock.now();
    let usable = |cached: &CachedResponse| cached.is_fresh(now) && is_valid_now(&app, cached);
    let negotiation = Negotiation::of(request.method(), request.headers());
    let serve =
        |cached: &CachedResponse, outcome| serve(&app, memory, &key, cached, &negotiation, outcome);
    if let Some(cached) = memory.get(&key).filter(|cached| usable(cached)) {
        if cached.claim_refresh_ahead(now) {
            let make = |key| generate(&app, memory, key, &request, next, None);
            memory.join(&key, |_| false, make);
        }
        return serve(&cached, L1Outcome::Hit);
    }
    for _ in 0..JOINS_MAX {
        let (sender, own) = oneshot::channel();
        let make = |key| generate(&app, memory, key, &request, next.clone(), Some(sender));
        let pending = match memory.join(&key, usable, make) {
            Lookup::Hit(cached) => return serve(&cached, L1Outcome::Collapsed),
            Lookup::Started(pending) => {
                return match pending.await {
                    Some(cached) if cached.remaining_ms(now) <= 0 => {
                        serve(&cached, L1Outcome::Stale)
                    }
                    Some(cached) => serve(&cached, L1Outcome::Miss),
                    None => own.await.unwrap_or_else(|_| failed(&app, &request)),
                };
            }
            Lookup::InFlight(pending) => pending,
        };
        match pending.await {
            // It was started before this request and has been invalidated meanwhile.
            Some(cached) if !is_valid_now(&app, &cached) => {}
            Some(cached) => return serve(&cached, L1Outcome::Collapsed),
            None => break,
        }
    }
    // The response may not be cached, or generating it failed, or it changes all the time.
    drop(key);
    next.run(request).await
}

/// The response for a flight that ended without a response, because its task panicked.
fn failed(app: &App, request: &Request) -> Response {
    let refused = Refusal::of(ProblemKind::Internal).into_response();
    problems::render_problem(app, &problems::ProblemContext::of(request), refused)
}

/// The cache key of a request, if its route has shared responses.
fn key_of(request: &Request) -> Option<Cow<'_, str>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let route = request.extensions().get::<MatchedPath>()?;
    let allowed = ROUTES.get(route.as_str())?;
    let uri = request.uri();
    cache_key::of_route(uri.path(), uri.query(), allowed)
}

/// Whether the responses of a route are the same for every client.
pub fn is_shared_route(route: &str) -> bool {
    ROUTES.contains_key(route)
}

fn is_valid_now(app: &App, cached: &CachedResponse) -> bool {
    cached.is_valid_at(app.changes.latest(), || {
        app.changes.unchanged_since(cached.tags(), cached.version())
    })
}

fn serve(
    app: &App,
    memory: &MemoryCache,
    key: &str,
    cached: &CachedResponse,
    negotiation: &Negotiation,
    outcome: L1Outcome,
) -> Response {
    app.metrics.cache.count_l1(outcome);
    cached.respond(negotiation).unwrap_or_else(|| {
        let (extended, response) = cached.with_coding(negotiation);
        memory.put(key.into(), Arc::new(extended));
        response
    })
}

/// Generates a response and stores it. If it may not be cached, it goes to `own`, the first
/// request, whose client may have disconnected.
fn generate(
    app: &App,
    memory: &Arc<MemoryCache>,
    key: Arc<str>,
    original: &Request,
    next: Next,
    own: Option<oneshot::Sender<Response>>,
) -> BoxFuture<'static, Option<Arc<CachedResponse>>> {
    let request = request_of(&key, original);
    let again = app.db.replica_stats().map(|_| request_of(&key, original));
    let (app, memory) = (app.clone(), Arc::clone(memory));
    let make = async move {
        if let Some(cached) = find_in_l2(&app, &key).await {
            let cached = Arc::new(cached);
            memory.put(key, Arc::clone(&cached));
            return Some(cached);
        }
        // Taken before the handler reads anything, so that a concurrent change invalidates the
        // response.
        let known = app.changes.latest();
        let (mut response, version) = render(&app, next, request, again).await;
        if let Some(cached) = cacheable(&app, &memory, &mut response, version) {
            let cached = Arc::new(cached);
            memory.put(Arc::clone(&key), Arc::clone(&cached));
            share(&app, key, &cached);
            app.changes.catch_up(&app.db, known).await;
            return Some(cached);
        }
        let failed = response.status().is_server_error();
        let last = memory
            .get(&key)
            .filter(|it| failed && is_valid_now(&app, it));
        if let Some(cached) = &last {
            // It is stale but not invalidated: serve it and retry later (RFC 5861 §4).
            cached.postpone_refresh(app.clock.now().as_millis() + REFRESH_RETRY_MS);
        } else if let Some(own) = own {
            let _ = own.send(response);
        }
        last
    };
    Box::pin(make.instrument(tracing::Span::current()))
}

/// The handler's response and its version. If the replica lacks known changes of its tags, the
/// handler runs again and reads from the primary.
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
        Some(stamp) if is_replica_current(app, &response, stamp) => (response, stamp.min(latest)),
        Some(_) => {
            let latest = app.changes.latest();
            (next.run(again).await, latest)
        }
    }
}

/// Whether a response that was read from a replica at version `stamp` equals what the primary would
/// give, as far as this process knows.
fn is_replica_current(app: &App, response: &Response, stamp: u64) -> bool {
    if response.status().is_server_error() {
        return false;
    }
    let policy = response
        .extensions()
        .get::<FinishedBody>()
        .map(|it| &it.policy);
    let tags = policy.map(CachePolicy::tags).unwrap_or_default();
    // A row that is missing on the replica may only not have been replicated yet.
    let is_complete = response.status() == StatusCode::OK && !tags.is_empty();
    stamp >= app.changes.latest() || (is_complete && app.changes.unchanged_since(tags, stamp))
}

/// A response that another origin has stored in Redis, if it is valid.
async fn find_in_l2(app: &App, key: &str) -> Option<CachedResponse> {
    let l2 = app.l2.as_ref()?;
    let shop = app.changes.shop_id(&app.db).await.ok()?;
    let (outcome, cached) = l2.find(shop, key, app.clock.now()).await;
    app.metrics.cache.count_l2(outcome);
    let cached = cached?;
    // Its version may be newer than this origin knows. If the database does not know that version
    // either, the database was restored from a backup, and the response is from before that.
    app.changes.sync_to(&app.db, Some(cached.version())).await;
    (cached.version() <= app.changes.latest() && is_valid_now(app, &cached)).then_some(cached)
}

/// Stores a response in Redis, in the background.
fn share(app: &App, key: Arc<str>, cached: &Arc<CachedResponse>) {
    if app.l2.is_none() {
        return;
    }
    let (app, cached) = (app.clone(), Arc::clone(cached));
    tokio::spawn(async move {
        if let (Some(l2), Ok(shop)) = (&app.l2, app.changes.shop_id(&app.db).await) {
            l2.put(shop, &key, &cached, app.clock.now()).await;
        }
    });
}

/// The request for the handler: only what is in the cache key, and the trace.
fn request_of(key: &str, original: &Request) -> Request {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = key.parse().unwrap_or_else(|_| original.uri().clone());
    *request.extensions_mut() = original.extensions().clone();
    let uri = OriginalUri(request.uri().clone());
    request.extensions_mut().insert(uri);
    if let Some(trace) = original.headers().get(TRACEPARENT) {
        request.headers_mut().insert(TRACEPARENT, trace.clone());
    }
    request
}

/// The cache entry of a response, if it may be cached.
fn cacheable(
    app: &App,
    memory: &MemoryCache,
    response: &mut Response,
    version: u64,
) -> Option<CachedResponse> {
    if response.headers().contains_key(header::SET_COOKIE) {
        return None;
    }
    let policy = &response.extensions().get::<FinishedBody>()?.policy;
    let lifetime_ms = memory.lifetimes().of(policy, crate::secret::byte())?;
    let metadata = EntryMetadata {
        tags: policy.tags().to_vec(),
        version,
        created_at: app.clock.now(),
        lifetime_ms,
    };
    let finished = response.extensions_mut().remove::<FinishedBody>()?;
    let mut response = std::mem::take(response);
    response
        .headers_mut()
        .insert(AS_OF, HeaderValue::from(version));
    Some(CachedResponse::new(
        response.status(),
        identity(response, finished),
        metadata,
    ))
}

const AS_OF: HeaderName = HeaderName::from_static(VERSION_HEADER);
