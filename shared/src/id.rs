//! Ids: time-ordered 64-bit integers, generated without coordination, strings in JSON.
//!
//! Layout, from the top: one zero bit, 41 bits of milliseconds since 2024-01-01, 10 bits of node
//! id, 12 bits of sequence. A JavaScript number holds only 53 bits exactly, hence the strings.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::time::Timestamp;

/// 2024-01-01T00:00:00Z in Unix milliseconds: the epoch of ids.
const EPOCH_MS: i64 = 1_704_067_200_000;
const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;
/// The largest node id. Each process has its own.
pub const NODE_MAX: u16 = (1 << NODE_BITS) - 1;

/// Generates ids for one node. They increase strictly, even when the clock stands still or goes
/// back.
#[derive(Debug)]
pub struct IdGenerator {
    /// Negative until a node id is assigned.
    node: AtomicI64,
    /// Milliseconds and sequence of the last id, packed: `ms << SEQUENCE_BITS | seq`.
    last: AtomicI64,
}

impl IdGenerator {
    /// A generator for `node`, which must be unique among the processes that share a database. Only
    /// the lower ten bits are used.
    pub fn new(node: u16) -> Self {
        Self {
            node: AtomicI64::new(i64::from(node & NODE_MAX)),
            last: AtomicI64::new(0),
        }
    }

    /// A generator without a node id; [`IdGenerator::assign`] must be called before the first id.
    pub fn unassigned() -> Self {
        Self {
            node: AtomicI64::new(-1),
            last: AtomicI64::new(0),
        }
    }

    /// Generates ids for `node` from now on, all of them later than `after`: until then another
    /// process may have generated ids for it.
    pub fn assign(&self, node: u16, after: Timestamp) {
        self.last
            .fetch_max(since_epoch(after) << SEQUENCE_BITS, Ordering::AcqRel);
        self.node
            .store(i64::from(node & NODE_MAX), Ordering::Release);
    }

    /// The time in the last generated id.
    pub fn last(&self) -> Timestamp {
        let last = self.last.load(Ordering::Relaxed);
        Timestamp::from_millis((last >> SEQUENCE_BITS) + EPOCH_MS)
    }

    /// Generates an id. When the 4,096 ids of a millisecond are used up, the generator runs ahead
    /// of the clock instead of waiting.
    pub fn next(&self, now: Timestamp) -> i64 {
        let node = self.node.load(Ordering::Acquire);
        debug_assert!(node >= 0, "no node id was assigned");
        let floor = since_epoch(now) << SEQUENCE_BITS;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next = floor.max(last + 1);
            match self
                .last
                .compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => {
                    let (ms, sequence) = (next >> SEQUENCE_BITS, next & ((1 << SEQUENCE_BITS) - 1));
                    return ms << (NODE_BITS + SEQUENCE_BITS) | node << SEQUENCE_BITS | sequence;
                }
                Err(seen) => last = seen,
            }
        }
    }
}

fn since_epoch(time: Timestamp) -> i64 {
    (time.as_millis() - EPOCH_MS).max(0)
}

/// The time at which an id was generated, by the clock of its node.
pub const fn created_at(raw: i64) -> Timestamp {
    Timestamp::from_millis((raw >> (NODE_BITS + SEQUENCE_BITS)) + EPOCH_MS)
}

/// Declares newtypes of ids.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// Wraps an id from a generator or from the database.
            pub const fn new(raw: i64) -> Self {
                Self(raw)
            }

            /// The integer, as it is stored.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": "^[1-9][0-9]{0,18}$",
                    "description": "A 64-bit identity, as a decimal string.",
                })
            }
        }
    )*};
}

ids! {
    /// A saved address.
    AddressId;
    /// A brand.
    BrandId;
    /// A cart.
    CartId;
    /// A category.
    CategoryId;
    /// A coupon.
    CouponId;
    /// A family of refresh tokens: one sign-in of a program.
    FamilyId;
    /// An API key.
    KeyId;
    /// A stock location.
    LocationId;
    /// An order.
    OrderId;
    /// A product.
    ProductId;
    /// A browser session.
    SessionId;
    /// An account.
    UserId;
    /// A variant of a product.
    VariantId;
}

/// The text is not a positive 64-bit integer in canonical decimal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId;

impl std::fmt::Display for InvalidId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not an id: must be a positive integer")
    }
}

impl std::error::Error for InvalidId {}

/// Accepts only the canonical form, without sign or leading zeros, so that an id has one URL.
fn parse(text: &str) -> Result<i64, InvalidId> {
    if !text.starts_with(|c: char| ('1'..='9').contains(&c)) {
        return Err(InvalidId);
    }
    text.parse().map_err(|_| InvalidId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_increase_when_the_clock_does_not() {
        let ids = IdGenerator::new(7);
        let now = Timestamp::from_millis(EPOCH_MS + 1_000);
        let mut last = 0;
        for _ in 0..10_000 {
            let next = ids.next(now);
            assert!(next > last);
            last = next;
        }
        assert!(ids.next(Timestamp::from_millis(EPOCH_MS)) > last);
    }

    #[test]
    fn ids_of_two_nodes_differ() {
        let now = Timestamp::from_millis(EPOCH_MS + 1_000);
        let (one, two) = (IdGenerator::new(1), IdGenerator::new(2));
        let mine: std::collections::HashSet<_> = (0..5_000).map(|_| one.next(now)).collect();
        assert!((0..5_000).all(|_| !mine.contains(&two.next(now))));
    }

    #[test]
    fn an_id_contains_its_time() {
        let now = Timestamp::from_millis(EPOCH_MS + 123_456_789);
        assert_eq!(created_at(IdGenerator::new(9).next(now)), now);
    }

    #[test]
    fn an_id_has_one_canonical_form() {
        for bad in [
            "",
            "0",
            "-1",
            "+1",
            "01",
            " 1",
            "1 ",
            "9223372036854775808",
            "1e3",
            "٣",
        ] {
            assert_eq!(bad.parse::<ProductId>(), Err(InvalidId), "{bad:?}");
        }
        assert_eq!(
            "9223372036854775807".parse::<ProductId>(),
            Ok(ProductId::new(i64::MAX))
        );
    }

    #[test]
    fn json_is_a_string() {
        let id = ProductId::new(9_007_199_254_740_993);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"9007199254740993\"");
        assert_eq!(serde_json::from_str::<ProductId>(&json).unwrap(), id);
    }
}
