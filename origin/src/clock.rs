//! The clock: a parameter, so that tests advance it instead of sleeping.
//!
//! A server uses the time of the database. It reads that time every few seconds and extrapolates
//! with the machine's monotonic clock. So all processes on one database agree on what has expired,
//! even if a machine has the wrong time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use shared::time::Timestamp;

use crate::{
    db::{self, Db},
    monotonic::steady_ms,
};

/// A source of time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's system clock.
    System,
    /// For tests: the system clock, so many milliseconds fast.
    Fast(i64),
    /// The time of the database.
    Database(Arc<DatabaseTime>),
    /// For tests: stands still until it is advanced.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start`.
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.as_millis())))
    }

    /// Turns a system clock into one of this database; other clocks stay.
    pub async fn with_database_time(self, db: &Db, skew_max: Duration) -> Result<Self, db::Error> {
        let fast_ms = match self {
            Self::System => 0,
            Self::Fast(ms) => ms,
            clock @ (Self::Database(_) | Self::Manual(_)) => return Ok(clock),
        };
        let skew_max_ms = i64::try_from(skew_max.as_millis()).unwrap_or(i64::MAX);
        let reading = ClockReading::of(db, fast_ms).await?;
        let time = DatabaseTime::new(reading, fast_ms, skew_max_ms);
        Ok(Self::Database(Arc::new(time)))
    }

    /// Reads the database's time again; a job does so every few seconds.
    pub async fn sync(&self, db: &Db) -> Result<(), db::Error> {
        if let Self::Database(time) = self {
            time.observe(ClockReading::of(db, time.fast_ms).await?);
        }
        Ok(())
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(match self {
            Self::System => system_ms(),
            Self::Fast(ms) => system_ms() + ms,
            Self::Database(time) => steady_ms() + time.offset_ms.load(Ordering::Relaxed),
            Self::Manual(ms) => ms.load(Ordering::Relaxed),
        })
    }

    /// The skew between this machine and the database, if this is a clock of a database.
    pub fn skew(&self) -> Option<Skew> {
        let Self::Database(time) = self else {
            return None;
        };
        Some(Skew {
            machine_ms: time.machine_ms.load(Ordering::Relaxed),
            step_ms: time.step_ms.load(Ordering::Relaxed),
            is_excessive: time.is_excessive.load(Ordering::Relaxed),
        })
    }

    /// Whether deadlines may be enforced. Not while the clocks disagree, because nobody knows which
    /// of them is right.
    pub fn is_trusted(&self) -> bool {
        self.skew().is_none_or(|skew| !skew.is_excessive)
    }

    /// Advances a manual clock; others ignore it.
    pub fn advance(&self, ms: i64) {
        if let Self::Manual(now) = self {
            now.fetch_add(ms, Ordering::Relaxed);
        }
    }
}

/// The skew between clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// How far this machine's time is ahead of the database's.
    pub machine_ms: i64,
    /// How far the database's time has jumped, if the jump is not trusted.
    pub step_ms: i64,
    /// Whether the skew is too large to enforce deadlines.
    pub is_excessive: bool,
}

/// The time of the database, as this process extrapolates it.
#[derive(Debug)]
pub struct DatabaseTime {
    fast_ms: i64,
    skew_max_ms: i64,
    /// The offset from the monotonic clock to the database's time.
    offset_ms: AtomicI64,
    machine_ms: AtomicI64,
    step_ms: AtomicI64,
    is_excessive: AtomicBool,
}

/// All clocks, read at about the same moment.
#[derive(Clone, Copy, Debug)]
struct ClockReading {
    /// The monotonic clock before and after the query.
    before_ms: i64,
    after_ms: i64,
    database_ms: i64,
    machine_ms: i64,
    /// Whether the database has a clock of its own.
    is_independent: bool,
}

impl ClockReading {
    async fn of(db: &Db, fast_ms: i64) -> Result<Self, db::Error> {
        let mut reader = db.read().await?;
        let before_ms = steady_ms();
        let database_ms = sqlx::query_scalar(db.dialect().select_now());
        let database_ms = database_ms.fetch_one(&mut *reader).await?;
        Ok(Self {
            before_ms,
            after_ms: steady_ms(),
            database_ms,
            machine_ms: system_ms() + fast_ms,
            is_independent: db.dialect() == db::Dialect::Mysql,
        })
    }

    /// The best estimate of the monotonic clock when the database read its own.
    fn steady_ms(self) -> i64 {
        i64::midpoint(self.before_ms, self.after_ms)
    }
}

impl DatabaseTime {
    fn new(reading: ClockReading, fast_ms: i64, skew_max_ms: i64) -> Self {
        let time = Self {
            fast_ms,
            skew_max_ms,
            offset_ms: AtomicI64::new(reading.database_ms - reading.steady_ms()),
            machine_ms: AtomicI64::new(0),
            step_ms: AtomicI64::new(0),
            is_excessive: AtomicBool::new(false),
        };
        time.observe(reading);
        time
    }

    /// Follows the database's clock. A jump that no other clock confirms is not trusted, because a
    /// wrong one would let everything expire at once.
    fn observe(&self, reading: ClockReading) {
        let offset = self.offset_ms.load(Ordering::Relaxed);
        let step = reading.database_ms - reading.steady_ms() - offset;
        let machine = reading.machine_ms - reading.database_ms;
        let is_near = |ms: i64| ms.abs() <= self.skew_max_ms;
        let is_believed = is_near(step) || (reading.is_independent && is_near(machine));
        // A step within the duration of the query is noise.
        if is_believed && step.abs() > (reading.after_ms - reading.before_ms) / 2 {
            self.offset_ms.store(offset + step, Ordering::Relaxed);
        }
        let step = if is_believed { 0 } else { step };
        self.step_ms.store(step, Ordering::Relaxed);
        self.machine_ms.store(machine, Ordering::Relaxed);
        let is_excessive = step != 0 || !is_near(machine);
        let was_excessive = self.is_excessive.swap(is_excessive, Ordering::Relaxed);
        if is_excessive && !was_excessive {
            tracing::error!(
                machine_ahead_ms = machine,
                database_step_ms = step,
                "the clocks of this machine and the database disagree; nothing expires until they \
                 agree: correct them, and restart if the clock of the database was changed"
            );
        } else if was_excessive && !is_excessive {
            tracing::info!("the clocks of this machine and the database agree again");
        }
    }
}

fn system_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_MS: i64 = 30_000;
    /// The database's time at the first query.
    const START_MS: i64 = 1_800_000_000_000;

    fn reading(steady_ms: i64, database_ms: i64, machine_ms: i64) -> ClockReading {
        ClockReading {
            before_ms: steady_ms - 2,
            after_ms: steady_ms + 2,
            database_ms,
            machine_ms,
            is_independent: true,
        }
    }

    fn time() -> DatabaseTime {
        DatabaseTime::new(reading(5_000, START_MS, START_MS), 0, MAX_MS)
    }

    fn offset(time: &DatabaseTime) -> i64 {
        time.offset_ms.load(Ordering::Relaxed)
    }

    fn is_excessive(time: &DatabaseTime) -> bool {
        time.is_excessive.load(Ordering::Relaxed)
    }

    #[test]
    fn small_steps_are_followed_and_noise_is_not() {
        let time = time();
        let first = offset(&time);
        assert_eq!(first, START_MS - 5_000);
        time.observe(reading(6_000, START_MS + 1_002, START_MS + 1_002));
        assert_eq!(offset(&time), first);
        time.observe(reading(7_000, START_MS + 2_003, START_MS + 2_003));
        assert_eq!(offset(&time), first + 3);
        time.observe(reading(8_000, START_MS + 3_003 - MAX_MS, START_MS + 3_003));
        assert_eq!(
            (offset(&time), is_excessive(&time)),
            (first + 3 - MAX_MS, false)
        );
    }

    #[test]
    fn a_machine_with_the_wrong_time_follows_the_database_and_reports_the_skew() {
        for (ahead, too_much) in [(MAX_MS, false), (MAX_MS + 1, true), (-MAX_MS - 1, true)] {
            let time = DatabaseTime::new(reading(0, START_MS, START_MS + ahead), 0, MAX_MS);
            assert_eq!((offset(&time), is_excessive(&time)), (START_MS, too_much));
        }
    }

    #[test]
    fn a_jump_of_the_database_alone_is_not_trusted() {
        let time = time();
        let first = offset(&time);
        let (after, jumped) = (START_MS + 1_000, START_MS + 1_000 + 2_400_000);
        time.observe(reading(6_000, jumped, after));
        assert_eq!((offset(&time), is_excessive(&time)), (first, true));
        time.observe(reading(6_000, after, after));
        assert_eq!((offset(&time), is_excessive(&time)), (first, false));
        // SQLite has no clock of its own that could confirm the jump.
        let mut together = reading(6_000, jumped, jumped);
        together.is_independent = false;
        time.observe(together);
        assert_eq!((offset(&time), is_excessive(&time)), (first, true));
        // Both clocks were wrong before, or the machine has slept and its monotonic clock has not
        // advanced.
        time.observe(reading(6_000, jumped, jumped));
        assert_eq!(
            (offset(&time), is_excessive(&time)),
            (first + 2_400_000, false)
        );
    }
}
