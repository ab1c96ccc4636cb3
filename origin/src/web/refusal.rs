//! The error response of a handler: a problem that a layer renders as JSON or as a page.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use shared::{
    cache::{CachePolicy, Tag},
    problem::{Problem, ProblemKind},
};

/// The error type of handlers. Every domain's error converts into it.
#[derive(Clone, Debug)]
pub struct Refusal(Box<Problem>);

impl Refusal {
    /// A refusal without details.
    pub fn of(kind: ProblemKind) -> Self {
        Self(Box::new(Problem::new(kind)))
    }

    /// The problem, for callers that render it themselves.
    pub fn into_problem(self) -> Problem {
        *self.0
    }
}

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}

/// A problem and its cache policy, passed in the response's extensions to the layer that renders
/// it.
#[derive(Clone, Debug)]
pub struct ReportedProblem {
    /// The problem.
    pub problem: Problem,
    /// How the response may be cached.
    pub policy: CachePolicy,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // Of all errors only a 404 is the same for every client and worth caching (negative
        // caching).
        let policy = match status {
            StatusCode::NOT_FOUND => CachePolicy::negative([Tag::Missing].into_iter().collect()),
            _ => CachePolicy::Private,
        };
        let mut response = status.into_response();
        response.extensions_mut().insert(ReportedProblem {
            problem: *self.0,
            policy,
        });
        response
    }
}
