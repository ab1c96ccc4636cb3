//! Building blocks of handlers: extractors and responses. The domains use it; `http_pipeline` puts
//! their routes together.

mod answer;
mod client_address;
mod cookie;
mod extractors;
mod form;
mod overload_page;
mod refusal;

pub use answer::{Answer, FinishedBody};
pub use client_address::ClientAddress;
pub use cookie::SetCookie;
pub use extractors::{Json, Path, Query, RouterExt};
pub use form::{FormFields, PageLocale, problem_of};
pub use overload_page::OverloadPage;
pub use refusal::{Refusal, ReportedProblem};

/// The return type of handlers.
pub type HandlerResult = Result<Answer, Refusal>;
