//! A refusal: a problem on its way to the layer that writes it as JSON or as a page.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use shared::{
    cache::{CachePolicy, Tag},
    problem::{Problem, ProblemKind},
};

/// What a handler answers with when it does not do what was asked. Every domain's error becomes one.
#[derive(Clone, Debug)]
pub struct Refusal(Box<Problem>);

impl Refusal {
    /// A refusal without details.
    pub fn of(kind: ProblemKind) -> Self {
        Self(Box::new(Problem::new(kind)))
    }

    /// What it says, for one who shows it in another way.
    pub fn into_problem(self) -> Problem {
        *self.0
    }
}

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}

/// A problem and how it may be kept, found in the response by the layer that writes it.
#[derive(Clone, Debug)]
pub struct ReportedProblem {
    /// The problem.
    pub problem: Problem,
    /// How the answer may be kept.
    pub policy: CachePolicy,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // Only that something is missing is the same for everybody and worth remembering.
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
