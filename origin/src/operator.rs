//! Who may do what only those who run the shop may do.

use http::{HeaderMap, header};
use shared::problem::{Problem, ProblemKind};

use crate::app::App;

/// The token is missing or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this needs the operators' token")]
pub struct Unauthorized;

impl From<Unauthorized> for Problem {
    fn from(_: Unauthorized) -> Self {
        Self::new(ProblemKind::Unauthorized)
    }
}

/// Lets only those pass who know the operators' token. Where none is set, nobody passes.
pub fn allowed(app: &App, headers: &HeaderMap) -> Result<(), Unauthorized> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    match (&app.config.operator_token, given) {
        // The hashes are compared, so that the time it takes tells nothing about the token.
        (Some(token), Some(given))
            if blake3::hash(token.as_bytes()) == blake3::hash(given.trim().as_bytes()) =>
        {
            Ok(())
        }
        _ => Err(Unauthorized),
    }
}
