//! A form as it comes back to the one who filled it in: what was typed, and what is wrong with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    address::Address,
    problem::{Problem, ProblemKind},
};

/// A form as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormState {
    /// What stands in the fields, by name.
    pub values: BTreeMap<String, String>,
    /// The fields that are wrong.
    pub faults: Vec<String>,
    /// What else is wrong: the word of a problem.
    pub problem: Option<String>,
}

impl FormState {
    /// A form with these values, and nothing wrong.
    pub fn with_values<'v>(values: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        let values = values.into_iter();
        Self {
            values: values
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            ..Self::default()
        }
    }

    /// The same with the fields of an address.
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

    /// What stands in a field.
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Whether this field is wrong.
    pub fn is_invalid(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault == name)
    }

    /// The same, with what a problem says: which fields are wrong, or else what is.
    #[must_use]
    pub fn with_problem(mut self, problem: &Problem) -> Self {
        let leaf = |field: &str| field.rsplit(['.', '/']).next().unwrap_or(field).to_owned();
        let word = problem.kind.rsplit('/').next().unwrap_or_default();
        if word == ProblemKind::Invalid.word() {
            let faults = problem.errors.iter().map(|error| leaf(&error.field));
            self.faults.extend(faults);
            self.faults.dedup();
        }
        if self.faults.is_empty() {
            self.problem = Some(word.to_owned());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_comes_back_with_its_faults() {
        let form = FormState::with_values([("email", "x"), ("city", "Town")]);
        let problem = Problem::new(ProblemKind::Invalid)
            .field("email", "no")
            .field("shipping_address.postcode", "no");
        let form = form.with_problem(&problem);
        assert_eq!(form.faults, ["email", "postcode"]);
        assert_eq!((form.value("city"), form.value("name")), ("Town", ""));
        assert!(form.is_invalid("postcode") && !form.is_invalid("city"));
        assert_eq!(form.problem, None);
    }

    #[test]
    fn what_is_no_fields_fault_is_said_as_a_whole() {
        let form = FormState::default().with_problem(&Problem::new(ProblemKind::WrongCredentials));
        assert_eq!(form.problem.as_deref(), Some("wrong-credentials"));
    }
}
