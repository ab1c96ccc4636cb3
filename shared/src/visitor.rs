//! Who is there: what the header of a page shows of the person who looks at it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cookie that holds nothing and that scripts may read: where it is, there is a cart or a session,
/// and asking who is there is worth it.
pub const VISITOR_COOKIE: &str = "visitor";

/// Who is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Visitor {
    /// Whether somebody has signed in.
    pub signed_in: bool,
    /// What to call them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many things are in the cart.
    pub items: i64,
}
