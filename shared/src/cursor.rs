//! Pagination cursors: the sort key and id of the row beside the page. They are opaque to clients,
//! and every page costs the database the same (keyset pagination).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A position in a sorted list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The order of the list; a cursor is meaningless in another order.
    pub order: u8,
    /// On which side of the position the page lies.
    pub direction: Direction,
    /// The sort key of the row beside the page.
    pub key: i64,
    /// The id of that row, as a tie-breaker.
    pub id: i64,
}

/// On which side of its cursor a page lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The rows after it.
    After,
    /// The rows before it.
    Before,
}

const LENGTH: usize = 18;

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = [0; LENGTH];
        bytes[0] = self.order;
        bytes[1] = u8::from(self.direction == Direction::Before);
        bytes[2..10].copy_from_slice(&self.key.to_be_bytes());
        bytes[10..].copy_from_slice(&self.id.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl std::str::FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let bytes: [u8; LENGTH] = bytes.try_into().map_err(|_| InvalidCursor)?;
        let integer =
            |at: usize| i64::from_be_bytes(std::array::from_fn(|index| bytes[at + index]));
        let direction = match bytes[1] {
            0 => Direction::After,
            1 => Direction::Before,
            _ => return Err(InvalidCursor),
        };
        Ok(Self {
            order: bytes[0],
            direction,
            key: integer(2),
            id: integer(10),
        })
    }
}

/// The text is not a cursor of this shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCursor;

impl std::fmt::Display for InvalidCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a cursor: use the value of `next` or `previous` in a list")
    }
}

impl std::error::Error for InvalidCursor {}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl schemars::JsonSchema for Cursor {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Cursor".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]{24}$",
            "description": "An opaque position in a list, taken from `next` or `previous`.",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_round_trip(order: u8, before: bool, key: i64, id: i64) {
            let direction = if before { Direction::Before } else { Direction::After };
            let cursor = Cursor { order, direction, key, id };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn parsing_never_panics(text: String) {
            let _ = text.parse::<Cursor>();
        }
    }
}
