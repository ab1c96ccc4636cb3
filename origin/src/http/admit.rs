//! How many requests are worked on at the same time. Work of a kind has its places; a few more wait for
//! one, for a moment; the rest is told at once to come back, which costs next to nothing. Browsing has
//! fewer places than there are connections to read with, so that buying never waits behind it. What is
//! answered from memory takes no place.

use std::time::Duration;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use shared::problem::{Problem, ProblemKind};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{app::App, web::Refusal};

use super::cached;

/// Places for whatever is not browsing: it waits for the desks, which take it in batches.
const OTHER_PLACES: usize = 1_024;
/// How many may wait for each place.
const WAITING_EACH: usize = 64;
/// How long one waits. Who would wait longer has gone by then, and the work would be for nothing.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// When to come back.
const COME_BACK: Duration = Duration::from_secs(1);

/// The places of both kinds.
#[derive(Debug)]
pub struct Admission {
    browsing: Places,
    other: Places,
}

/// The places of a kind of work.
#[derive(Debug)]
struct Places {
    places: Semaphore,
    /// Places and those who wait for one.
    all: Semaphore,
    /// How long one waits.
    wait: Duration,
}

impl Admission {
    /// For so many connections to read with.
    pub fn new(connections: u32) -> Self {
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        Self {
            browsing: Places::new((connections * 3 / 4).max(1), WAIT_MAX),
            other: Places::new(OTHER_PLACES, WAIT_MAX),
        }
    }
}

impl Places {
    fn new(places: usize, wait: Duration) -> Self {
        Self {
            wait,
            places: Semaphore::new(places),
            all: Semaphore::new(places * (1 + WAITING_EACH)),
        }
    }

    /// A place, or nothing when there is none to be had in time.
    async fn take(&self) -> Option<(SemaphorePermit<'_>, SemaphorePermit<'_>)> {
        let all = self.all.try_acquire().ok()?;
        let place = tokio::time::timeout(self.wait, self.places.acquire()).await;
        Some((all, place.ok()?.ok()?))
    }
}

/// Lets a request in when there is a place for it.
pub async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let browses = route.is_some_and(|it| cached::is_everybodys(it.as_str()));
    let places = if browses {
        &app.admission.browsing
    } else {
        &app.admission.other
    };
    let Some(_place) = places.take().await else {
        app.metrics
            .refused(if browses { "browsing" } else { "other" });
        let problem = Problem::new(ProblemKind::Unavailable).retry_after(COME_BACK);
        return Refusal::from(problem).into_response();
    };
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, future::join_all, poll};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[tokio::test]
    async fn who_waits_gets_the_place_of_the_one_who_leaves() {
        let places = Places::new(1, HOUR);
        let held = places.take().await;
        assert!(held.is_some());
        let mut waiting = Box::pin(places.take());
        assert!(poll!(&mut waiting).is_pending());
        drop(held);
        assert!(waiting.await.is_some());
    }

    #[tokio::test]
    async fn who_finds_no_place_in_time_is_told_so() {
        let places = Places::new(1, Duration::ZERO);
        let _held = places.take().await;
        assert!(places.take().await.is_none());
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let places = Places::new(1, HOUR);
        let held = places.take().await;
        let mut waiting = Box::pin(join_all((0..WAITING_EACH).map(|_| places.take())));
        assert!(poll!(&mut waiting).is_pending());
        let late = places.take().now_or_never();
        assert!(
            late.is_some_and(|it| it.is_none()),
            "whoever is one too many is told at once"
        );
        drop((waiting, held));
        assert!(places.take().await.is_some(), "who goes away waits no more");
    }

    #[test]
    fn buying_has_connections_that_browsing_cannot_take() {
        for connections in [2, 4, 16, 100] {
            let places = Admission::new(connections)
                .browsing
                .places
                .available_permits();
            assert!(
                places >= 1 && places < connections as usize,
                "{connections}"
            );
        }
    }
}
