//! Answers again with what was answered before, where the contract says that an answer is the same for
//! everybody. What it is made from reaches the handler as the key has it and nothing else: a route and
//! its parameters, no cookie, no header.

use std::{
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
use http::{HeaderName, HeaderValue, Method, Uri, header};
use shared::{
    edge::{AS_OF_HEADER, AT_LEAST_HEADER},
    endpoint::{self, Caching},
    key,
    locale::Locale,
    page,
    problem::ProblemKind,
};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::{
    app::App,
    cache::{Found, Kept, Memory, Terms, Wanted},
    telemetry::Served,
    web::{Finished, Refusal},
};

use super::{finish::apply, observe::TRACEPARENT};

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
    let at_least = request.headers().get(AT_LEAST_HEADER);
    let at_least = at_least.and_then(|it| it.to_str().ok()?.parse().ok());
    app.changes.keep_up(&app.db, at_least).await;
    let wanted = Wanted::of(request.method(), request.headers());
    let found = memory.get(&key).filter(|kept| is_right(&app, kept));
    let key: Arc<str> = key.into();
    let now = app.clock.now();
    if let Some(kept) = found.filter(|kept| kept.is_fresh(now)) {
        if kept.is_to_be_renewed(now) {
            let making = Making::of(&app, memory, &key, &request, next);
            memory.join(&key, |_| false, || making.make(None));
        }
        return serve(&app, memory, &key, &kept, &wanted, Served::Hit);
    }
    for _ in 0..WAITS_MAX {
        let (sender, own) = oneshot::channel();
        let making = Making::of(&app, memory, &key, &request, next.clone());
        let usable = |kept: &Kept| kept.is_fresh(now) && is_right(&app, kept);
        let landing = match memory.join(&key, usable, || making.make(Some(sender))) {
            Found::Kept(kept) => {
                return serve(&app, memory, &key, &kept, &wanted, Served::Collapsed);
            }
            Found::Begun(landing) => {
                return match landing.await {
                    Some(kept) => serve(&app, memory, &key, &kept, &wanted, Served::Miss),
                    None => own.await.unwrap_or_else(|_| failed()),
                };
            }
            Found::UnderWay(landing) => landing,
        };
        match landing.await {
            // It was begun before this was asked, and may lack what has changed since.
            Some(kept) if !is_right(&app, &kept) => {}
            Some(kept) => return serve(&app, memory, &key, &kept, &wanted, Served::Collapsed),
            None => break,
        }
    }
    // It may not be kept, or could not be made, or changes all the time.
    next.run(request).await
}

fn failed() -> Response {
    Refusal::of(ProblemKind::Internal).into_response()
}

/// The key of what is asked for, where answers to it are kept.
fn key_of(request: &Request) -> Option<String> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let route = request.extensions().get::<MatchedPath>()?;
    let allowed = ROUTES.get(route.as_str())?;
    let uri = request.uri();
    key::of_route(uri.path(), uri.query(), allowed).map(std::borrow::Cow::into_owned)
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
    key: &Arc<str>,
    kept: &Arc<Kept>,
    wanted: &Wanted,
    served: Served,
) -> Response {
    app.metrics.cache.served(served);
    if let Some(response) = kept.answer(wanted) {
        return response;
    }
    match kept.in_coding_too(wanted) {
        Ok(more) => {
            let more = Arc::new(more);
            memory.put(key, Arc::clone(&more));
            more.answer(wanted).unwrap_or_else(failed)
        }
        Err(error) => {
            tracing::error!(error = %error, "a body cannot be compressed");
            failed()
        }
    }
}

/// Everything that it takes to make an answer, whoever waits for it.
struct Making {
    app: App,
    memory: Arc<Memory>,
    key: Arc<str>,
    request: Request,
    next: Next,
}

impl Making {
    fn of(app: &App, memory: &Arc<Memory>, key: &Arc<str>, asked: &Request, next: Next) -> Self {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = key.parse().unwrap_or_else(|_| asked.uri().clone());
        *request.extensions_mut() = asked.extensions().clone();
        let uri: Uri = request.uri().clone();
        request.extensions_mut().insert(OriginalUri(uri));
        if let Some(trace) = asked.headers().get(TRACEPARENT) {
            request.headers_mut().insert(TRACEPARENT, trace.clone());
        }
        Self {
            app: app.clone(),
            memory: Arc::clone(memory),
            key: Arc::clone(key),
            request,
            next,
        }
    }

    /// Makes the answer and keeps it. One that may not be kept goes to the one who asked first.
    fn make(self, own: Option<oneshot::Sender<Response>>) -> BoxFuture<'static, Option<Arc<Kept>>> {
        let span = tracing::Span::current();
        let make = async move {
            let Self {
                app,
                memory,
                key,
                request,
                next,
            } = self;
            // Before anything is read, so that what changes meanwhile counts as missing.
            let as_of = app.changes.latest();
            let response = next.run(request).await;
            match keep(&app, &memory, response, as_of) {
                Ok(kept) => {
                    let kept = Arc::new(kept);
                    memory.put(&key, Arc::clone(&kept));
                    Some(kept)
                }
                Err(response) => {
                    let last = memory.get(&key).filter(|it| is_right(&app, it));
                    let last = last.filter(|_| response.status().is_server_error());
                    if let Some(kept) = &last {
                        // What it was made from has not changed: it is only older than one would like.
                        kept.put_off(app.clock.now().as_millis() + PUT_OFF_MS);
                        app.metrics.cache.served(Served::Stale);
                    } else if let Some(own) = own {
                        // Whoever asked first may have gone away.
                        let _ = own.send(response);
                    }
                    last
                }
            }
        };
        Box::pin(make.instrument(span))
    }
}

/// What is kept of a response, or the response if that is nothing.
#[expect(
    clippy::result_large_err,
    reason = "a response that is not kept goes on as it is"
)]
fn keep(app: &App, memory: &Memory, response: Response, as_of: u64) -> Result<Kept, Response> {
    let Some(finished) = response.extensions().get::<Finished>() else {
        return Err(response);
    };
    let lifetime = memory
        .lifetimes()
        .of(&finished.policy, crate::secret::byte());
    let Some(lifetime_ms) =
        lifetime.filter(|_| !response.headers().contains_key(header::SET_COOKIE))
    else {
        return Err(response);
    };
    let (mut parts, _) = response.into_parts();
    let Some(Finished { body, policy }) = parts.extensions.remove::<Finished>() else {
        return Err(failed());
    };
    let terms = Terms {
        tags: policy.tags().to_vec(),
        as_of,
        made_at: app.clock.now(),
        lifetime_ms,
    };
    let fields = &mut parts.headers;
    apply(&policy, fields);
    fields.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    fields.insert(AS_OF, HeaderValue::from(as_of));
    Ok(Kept::new(parts.status, parts.headers, body, terms))
}

const AS_OF: HeaderName = HeaderName::from_static(AS_OF_HEADER);
