//! What handlers are made of: what they take, and what they answer with. The domains use it; the
//! `http` module puts their routes together.

mod answer;
mod cookie;
mod extract;
mod form;
mod refusal;

pub use answer::{Answer, Finished};
pub use cookie::SetCookie;
pub use extract::{Json, Path, Query, RouterExt};
pub use form::{Fields, Tongue, problem_of};
pub use refusal::{Refusal, Reported};

/// What a handler returns.
pub type Answered = Result<Answer, Refusal>;
