//! Assembles the options of a product from variants that each name their values.

use std::collections::HashSet;

use crate::catalog::{
    model::{NewOption, NewOptionValue, Texts},
    slug::slug_from,
};

/// An option value as a spreadsheet row gives it.
#[derive(Default)]
pub(super) struct OptionChoice {
    /// The value's code. Derived from the name if absent.
    pub(super) code: Option<String>,
    /// The value's name. May be missing if the code was introduced before.
    pub(super) names: Texts,
    /// Its colour.
    pub(super) swatch: Option<String>,
}

/// An option without values. `taken` are the other options.
pub(super) fn option(code: Option<String>, names: Texts, taken: &[NewOption]) -> NewOption {
    let is_free = |code: &str| taken.iter().all(|option| option.code != code);
    let code = code.unwrap_or_else(|| free_code(first(&names), is_free));
    NewOption {
        code,
        names,
        values: Vec::new(),
    }
}

/// The code of the value, which is added if it is new.
pub(super) fn choose(option: &mut NewOption, choice: OptionChoice) -> String {
    let known = option.values.iter_mut().find(|value| match &choice.code {
        Some(code) => value.code == *code,
        None => first(&value.names) == first(&choice.names),
    });
    if let Some(value) = known {
        if value.swatch.is_none() {
            value.swatch = choice.swatch;
        }
        for (locale, name) in choice.names {
            value.names.entry(locale).or_insert(name);
        }
        return value.code.clone();
    }
    let taken: HashSet<&str> = option
        .values
        .iter()
        .map(|value| value.code.as_str())
        .collect();
    let code = choice
        .code
        .unwrap_or_else(|| free_code(first(&choice.names), |code| !taken.contains(code)));
    option.values.push(NewOptionValue {
        code: code.clone(),
        names: choice.names,
        swatch: choice.swatch,
    });
    code
}

/// A code derived from a name, with a number appended if it is taken ("S", "S+").
fn free_code(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    let code = slug_from(name);
    if is_free(&code) {
        return code;
    }
    let numbered = (2_u32..).map(|number| format!("{code}-{number}"));
    numbered
        .into_iter()
        .find(|code| is_free(code))
        .unwrap_or(code)
}

fn first(names: &Texts) -> &str {
    names.values().next().map_or("", String::as_str)
}
