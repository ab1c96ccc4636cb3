//! Orders: what was bought, at what price, and what has become of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{address::Address, cart::Totals, money::Money, time::Timestamp};

/// An order, as its buyer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// Its number.
    pub number: String,
    /// The secret with which a guest finds it again; absent where only the shop reads the order.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// What has become of it.
    pub state: OrderState,
    /// Rises with every change.
    pub version: i64,
    /// What was bought; later changes of the catalogue do not show here.
    pub lines: Vec<OrderLine>,
    /// What it came to.
    pub totals: Totals,
    /// What has been paid.
    pub paid: Money,
    /// What has been paid back.
    pub refunded: Money,
    /// Where the confirmation went.
    pub email: String,
    /// Where the goods go.
    pub shipping_address: Address,
    /// How they go there.
    pub shipping_method: String,
    /// How it is paid.
    pub payment_method: String,
    /// The coupons that were used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<String>,
    /// What the buyer wanted the shop to know.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Until when it must be paid, while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_until: Option<Timestamp>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// Every step that it took, the first one first.
    pub history: Vec<OrderEvent>,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLine {
    /// The shop's number for it.
    pub sku: String,
    /// The product's name on that day.
    pub name: String,
    /// What was chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// How many.
    pub quantity: i64,
    /// How many of them are still to come, because there were not enough.
    #[serde(default)]
    pub backordered: i64,
    /// How many of them have come back.
    #[serde(default)]
    pub returned: i64,
    /// What one cost.
    pub price: Money,
    /// This line's part of the discount.
    pub discount: Money,
    /// This line's part of the tax.
    pub tax: Money,
    /// What the line came to.
    pub total: Money,
}

/// A step of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderEvent {
    /// What it became.
    pub state: OrderState,
    /// When.
    pub at: Timestamp,
}

/// Declares the states with their words, and the table of the legal steps.
macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $word:literal => [$($next:ident),*];)*) => {
        /// What has become of an order. The table of legal steps is written here and nowhere else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum OrderState {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl OrderState {
            /// All states.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word in JSON and in the table.
            pub const fn word(self) -> &'static str {
                match self {$(Self::$name => $word),*}
            }

            /// What it may become next.
            pub const fn next(self) -> &'static [Self] {
                match self {$(Self::$name => &[$(Self::$next),*]),*}
            }
        }
    };
}

states! {
    /// Placed, not paid.
    Pending = "pending" => [Paid, Cancelled, Expired];
    /// Paid, not sent.
    Paid = "paid" => [Shipped, Refunding];
    /// On its way.
    Shipped = "shipped" => [Delivered, Refunding];
    /// Arrived.
    Delivered = "delivered" => [Completed, Refunding];
    /// Done: the time for returns is over.
    Completed = "completed" => [];
    /// Given up before it was paid.
    Cancelled = "cancelled" => [];
    /// Not paid in time.
    Expired = "expired" => [];
    /// The money is on its way back.
    Refunding = "refunding" => [Refunded];
    /// The money is back.
    Refunded = "refunded" => [];
}

impl OrderState {
    /// The state with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.word() == word)
    }

    /// Whether this may become that.
    pub fn may_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }
}

/// Goods that have come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnOrder {
    /// What, and how many; each sku once.
    #[schemars(length(min = 1))]
    pub lines: Vec<ReturnLine>,
    /// Whether they can be sold again and lie on their shelves.
    #[serde(default)]
    pub restock: bool,
}

/// So many of a line have come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnLine {
    /// The shop's number for it.
    pub sku: String,
    /// How many.
    pub quantity: i64,
}

/// Which order: part of the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderPath {
    /// The order's number.
    pub number: String,
}

/// With what a guest shows that the order is theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderToken {
    /// The order's token.
    pub token: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_reached_and_nothing_goes_back() {
        for state in OrderState::ALL {
            assert_eq!(OrderState::from_word(state.word()), Some(*state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
            assert!(!state.may_become(*state), "{state:?}");
            let before = OrderState::ALL.iter().filter(|it| it.may_become(*state));
            assert_eq!(before.count() == 0, *state == OrderState::Pending);
        }
        assert!(!OrderState::Shipped.may_become(OrderState::Cancelled));
        assert!(!OrderState::Refunded.may_become(OrderState::Paid));
    }
}
