//! The visitor: what the header of a page shows about the current shopper.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cookie without content that scripts may read. Only if it is set can there be a cart or a
/// session, so that requesting the visitor is worthwhile.
pub const VISITOR_COOKIE: &str = "visitor";

/// The visitor of the current browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Visitor {
    /// Whether the visitor is signed in.
    pub signed_in: bool,
    /// The name to address the visitor by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number of items in the cart.
    pub items: i64,
}
