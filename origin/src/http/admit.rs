//! How many requests are worked on at the same time. Work of a kind has its places; a few more wait for
//! one, for a moment; the rest is told at once to come back, which costs next to nothing. Browsing has
//! fewer places than there are connections to read with, so that buying never waits behind it; there are
//! more of both where that helps. While somebody buys, browsing leaves them a processor. What is answered
//! from memory takes no place.

use std::{
    num::NonZero,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use shared::problem::{Problem, ProblemKind};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{app::App, db::Dialect, web::Refusal};

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
    /// Of those, the ones that may be used while somebody buys.
    beside_buying: Semaphore,
    other: Places,
}

/// The places of a kind of work.
#[derive(Debug)]
struct Places {
    places: Semaphore,
    count: Mutex<usize>,
    /// Places and those who wait for one.
    all: Semaphore,
    /// How long one waits.
    wait: Duration,
}

impl Admission {
    /// For so many connections to read with.
    pub fn new(connections: usize) -> Self {
        Self {
            browsing: Places::new(browsing(connections), WAIT_MAX),
            beside_buying: Semaphore::new(processors().saturating_sub(1).max(1)),
            other: Places::new(OTHER_PLACES, WAIT_MAX),
        }
    }

    /// While somebody buys, whoever browses needs one of the few places that are left beside them, too.
    async fn beside<'a>(&'a self, mut place: Place<'a>, wait: Duration) -> Option<Place<'a>> {
        place.beside = Some(one_of(&self.beside_buying, wait).await?);
        Some(place)
    }

    /// For so many connections from now on.
    pub fn follow(&self, connections: usize) {
        self.browsing.follow(browsing(connections));
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// How many may browse with so many connections.
fn browsing(connections: usize) -> usize {
    (connections * 3 / 4).max(1)
}

impl Places {
    fn new(places: usize, wait: Duration) -> Self {
        Self {
            wait,
            places: Semaphore::new(places),
            count: Mutex::new(places),
            all: Semaphore::new(places * (1 + WAITING_EACH)),
        }
    }

    /// So many places from now on, or as few as possible. Nobody has to leave one.
    fn follow(&self, wanted: usize) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted > *count {
            let more = wanted - *count;
            self.all.add_permits(more * (1 + WAITING_EACH));
            self.places.add_permits(more);
            *count = wanted;
        } else {
            let fewer = self.places.forget_permits(*count - wanted);
            self.all.forget_permits(fewer * (1 + WAITING_EACH));
            *count -= fewer;
        }
    }

    /// A place, or nothing when there is none to be had in time.
    async fn take(&self) -> Option<Place<'_>> {
        Some(Place {
            all: self.all.try_acquire().ok()?,
            place: one_of(&self.places, self.wait).await?,
            beside: None,
        })
    }
}

/// A place, until it is dropped.
#[expect(dead_code, reason = "what is held is not looked at")]
struct Place<'a> {
    all: SemaphorePermit<'a>,
    place: SemaphorePermit<'a>,
    beside: Option<SemaphorePermit<'a>>,
}

async fn one_of(places: &Semaphore, wait: Duration) -> Option<SemaphorePermit<'_>> {
    if let Ok(place) = places.try_acquire() {
        return Some(place);
    }
    tokio::time::timeout(wait, places.acquire())
        .await
        .ok()?
        .ok()
}

/// Lets a request in when there is a place for it.
pub async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let browses = route.is_some_and(|it| cached::is_everybodys(it.as_str()));
    let place = if browses {
        to_browse(&app).await
    } else {
        app.admission.other.take().await
    };
    let Some(_place) = place else {
        app.metrics
            .refused(if browses { "browsing" } else { "other" });
        let problem = Problem::new(ProblemKind::Unavailable).retry_after(COME_BACK);
        return Refusal::from(problem).into_response();
    };
    next.run(request).await
}

async fn to_browse(app: &App) -> Option<Place<'_>> {
    let began = Instant::now();
    let place = app.admission.browsing.take().await;
    let waited = began.elapsed();
    app.db.record_wait(waited);
    // Where the database is a server's, who waits for it needs no processor here.
    let buying = app.db.dialect() == Dialect::Sqlite
        && (app.desks.orders.is_busy() || app.desks.carts.is_busy());
    match place {
        Some(place) if buying => {
            let left = WAIT_MAX.saturating_sub(waited);
            app.admission.beside(place, left).await
        }
        place => place,
    }
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

    #[tokio::test]
    async fn who_buys_has_a_processor() {
        let admission = Admission::new(100);
        let free = admission.beside_buying.available_permits();
        assert!(free >= 1 && (free < processors() || free == 1));
        let beside = async || {
            let place = admission.browsing.take().await.unwrap();
            admission.beside(place, Duration::ZERO).await
        };
        let held = join_all((0..free).map(|_| beside())).await;
        assert!(held.iter().all(Option::is_some));
        assert!(beside().await.is_none());
        assert!(admission.browsing.take().await.is_some(), "nobody buys");
        drop(held);
        assert!(beside().await.is_some());
    }

    #[test]
    fn buying_has_connections_that_browsing_cannot_take() {
        for connections in [2, 4, 16, 100] {
            let admission = Admission::new(1_000);
            admission.follow(connections);
            let places = admission.browsing.places.available_permits();
            assert!(places >= 1 && places < connections, "{connections}");
        }
    }

    #[tokio::test]
    async fn there_are_as_many_places_as_were_asked_for_last() {
        let places = Places::new(2, HOUR);
        let held = places.take().await;
        places.follow(3);
        assert_eq!(places.places.available_permits(), 2);
        places.follow(1);
        assert_eq!(places.places.available_permits(), 0);
        drop(held);
        assert!(places.take().await.is_some());
        assert_eq!(places.places.available_permits(), 1);
        places.follow(2);
        assert_eq!(places.all.available_permits(), 2 * (1 + WAITING_EACH));
    }
}
