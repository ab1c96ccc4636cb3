//! Orders: what was bought, at what price, and the order's state.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{address::Address, cart::Totals, money::Money, time::Timestamp};

/// An order, as its buyer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// The order number.
    pub number: String,
    /// The secret with which a guest finds the order; absent in responses to staff.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// The state of the order.
    pub state: OrderState,
    /// Increases with every change.
    pub version: i64,
    /// The lines; later changes of the catalogue do not affect them.
    pub lines: Vec<OrderLine>,
    /// The totals.
    pub totals: Totals,
    /// The amount paid.
    pub paid: Money,
    /// The amount refunded.
    pub refunded: Money,
    /// The email address of the confirmation.
    pub email: String,
    /// The shipping address.
    pub shipping_address: Address,
    /// The code of the shipping method.
    pub shipping_method: String,
    /// The code of the payment method.
    pub payment_method: String,
    /// The coupons that were used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<String>,
    /// The buyer's note to the shop.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The payment deadline, while the order is unpaid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_until: Option<Timestamp>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// All events, the oldest first.
    pub history: Vec<OrderEvent>,
}

/// A line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLine {
    /// The SKU.
    pub sku: String,
    /// The product's name at that time.
    pub name: String,
    /// The chosen options.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The quantity.
    pub quantity: i64,
    /// How many of them are still back-ordered.
    #[serde(default)]
    pub backordered: i64,
    /// How many of them were returned.
    #[serde(default)]
    pub returned: i64,
    /// The unit price.
    pub price: Money,
    /// The share of the discount.
    pub discount: Money,
    /// The share of the tax.
    pub tax: Money,
    /// The total of the line.
    pub total: Money,
}

/// A change of an order's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderEvent {
    /// The new state.
    pub state: OrderState,
    /// When it happened.
    pub at: Timestamp,
}

/// Declares the states with their names, and the table of legal transitions.
macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $value:literal => [$($next:ident),*];)*) => {
        /// The state of an order. This is the only table of legal transitions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum OrderState {
            $($(#[$doc])* #[serde(rename = $value)] $name,)*
        }

        impl OrderState {
            /// All states.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in JSON and in the database.
            pub const fn as_str(&self) -> &'static str {
                match self {$(Self::$name => $value),*}
            }

            /// The legal next states.
            pub const fn next(self) -> &'static [Self] {
                match self {$(Self::$name => &[$(Self::$next),*]),*}
            }
        }
    };
}

states! {
    /// Placed, but not paid.
    Pending = "pending" => [Paid, Cancelled, Expired];
    /// Paid, but not shipped.
    Paid = "paid" => [Shipped, Refunding];
    /// Shipped.
    Shipped = "shipped" => [Delivered, Refunding];
    /// Delivered.
    Delivered = "delivered" => [Completed, Refunding];
    /// Completed: the return period is over.
    Completed = "completed" => [];
    /// Cancelled before payment.
    Cancelled = "cancelled" => [];
    /// Not paid in time.
    Expired = "expired" => [];
    /// A refund is in progress.
    Refunding = "refunding" => [Refunded];
    /// Refunded.
    Refunded = "refunded" => [];
}

impl OrderState {
    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|state| state.as_str() == name)
    }

    /// Whether a transition is legal.
    pub fn may_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }
}

/// Records returned items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnOrder {
    /// The returned quantity of each SKU.
    #[schemars(length(min = 1))]
    pub lines: Vec<ReturnLine>,
    /// Whether the items go back into stock.
    #[serde(default)]
    pub restock: bool,
}

/// The returned quantity of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReturnLine {
    /// The SKU.
    pub sku: String,
    /// The quantity.
    pub quantity: i64,
}

/// Path parameter: the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderPath {
    /// The order number.
    pub number: String,
}

/// A guest's proof that the order is theirs.
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
            assert_eq!(OrderState::from_name(state.as_str()), Some(*state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert!(!state.may_become(*state), "{state:?}");
            let before = OrderState::ALL.iter().filter(|it| it.may_become(*state));
            assert_eq!(before.count() == 0, *state == OrderState::Pending);
        }
        assert!(!OrderState::Shipped.may_become(OrderState::Cancelled));
        assert!(!OrderState::Refunded.may_become(OrderState::Paid));
    }

    #[test]
    fn only_these_transitions_are_legal() {
        let legal = [
            "pending paid",
            "pending cancelled",
            "pending expired",
            "paid shipped",
            "paid refunding",
            "shipped delivered",
            "shipped refunding",
            "delivered completed",
            "delivered refunding",
            "refunding refunded",
        ];
        for from in OrderState::ALL {
            for to in OrderState::ALL {
                let pair = format!("{} {}", from.as_str(), to.as_str());
                let is_legal = legal.contains(&pair.as_str());
                assert_eq!(from.may_become(*to), is_legal, "{pair}");
            }
        }
    }
}
