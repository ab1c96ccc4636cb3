//! What is kept of answers that are the same for everybody. Owns `changes`.
//!
//! What must stay true: an answer is served only while nothing that it was made from has changed,
//! as far as this process knows; and it knows of its own changes when they are committed, and of
//! everybody else's within a fifth of a second.

mod changes;
mod coding;
mod form;
mod kept;
mod known;
mod l2;
mod memory;
mod news;

pub use changes::{Changes, EVERYTHING, REMEMBERED_MS, RENEWED, changed_since, forget, shop};
pub use coding::Coding;
pub use form::{Form, Wanted};
pub use kept::{Kept, Terms};
pub use known::Known;
pub use l2::L2;
pub use memory::{Found, Lifetimes, Memory};
pub use news::{listen, tell};
