//! The state of a submitted form: its values and its errors, to be shown again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    address::Address,
    problem::{Problem, ProblemKind},
};

/// The state of a form: what its fields contain and what is wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormState {
    /// The values of the fields, by name.
    pub values: BTreeMap<String, String>,
    /// The names of the invalid fields.
    pub invalid_fields: Vec<String>,
    /// Any other error: the name of a problem type.
    pub problem: Option<String>,
}

impl FormState {
    /// A form with these values and without errors.
    pub fn with_values<'v>(values: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        let values = values.into_iter();
        Self {
            values: values
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            ..Self::default()
        }
    }

    /// Adds the fields of an address.
    #[must_use]
    pub fn with_address(mut self, address: &Address) -> Self {
        let fields = [
            ("name", &address.name),
            ("company", &address.company),
            ("line1", &address.line1),
            ("line2", &address.line2),
            ("city", &address.city),
            ("region", &address.region),
            ("postcode", &address.postcode),
            ("country", &address.country),
            ("phone", &address.phone),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.clone()));
        self.values.extend(fields);
        self
    }

    /// The value of a field; empty if there is none.
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Whether a field is invalid.
    pub fn is_invalid(&self, name: &str) -> bool {
        self.invalid_fields.iter().any(|it| it == name)
    }

    /// Adds the errors of a problem: the invalid fields, or else the problem itself.
    #[must_use]
    pub fn with_problem(mut self, problem: &Problem) -> Self {
        let leaf = |field: &str| field.rsplit(['.', '/']).next().unwrap_or(field).to_owned();
        let kind = problem.kind.rsplit('/').next().unwrap_or_default();
        if kind == ProblemKind::Invalid.as_str() {
            let names = problem.errors.iter().map(|error| leaf(&error.field));
            self.invalid_fields.extend(names);
            self.invalid_fields.dedup();
        }
        if self.invalid_fields.is_empty() {
            self.problem = Some(kind.to_owned());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_fields_are_marked() {
        let form = FormState::with_values([("email", "x"), ("city", "Town")]);
        let problem = Problem::new(ProblemKind::Invalid)
            .field("email", "no")
            .field("shipping_address.postcode", "no");
        let form = form.with_problem(&problem);
        assert_eq!(form.invalid_fields, ["email", "postcode"]);
        assert_eq!((form.value("city"), form.value("name")), ("Town", ""));
        assert!(form.is_invalid("postcode") && !form.is_invalid("city"));
        assert_eq!(form.problem, None);
    }

    #[test]
    fn a_problem_without_fields_is_kept() {
        let form = FormState::default().with_problem(&Problem::new(ProblemKind::WrongCredentials));
        assert_eq!(form.problem.as_deref(), Some("wrong-credentials"));
    }
}
