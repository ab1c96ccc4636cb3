//! What handlers are made of: what they take, and what they answer with. The domains use it; the
//! `http` module puts their routes together.

mod answer;
mod cookie;
mod extractors;
mod form;
mod refusal;

pub use answer::{Answer, FinishedBody};
pub use cookie::SetCookie;
pub use extractors::{Json, Path, Query, RouterExt};
pub use form::{FormFields, PageLocale, problem_of};
pub use refusal::{Refusal, ReportedProblem};

/// What a handler returns.
pub type HandlerResult = Result<Answer, Refusal>;
