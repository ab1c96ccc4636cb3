//! Parts of forms: fields with their labels and faults, and what is said of a form as a whole. The
//! words of each field stand in the message files: `field-…` its label, `fault-…` what is wrong.

use leptos::prelude::*;
use shared::{address::COUNTRIES, form::FormState};

use crate::words::Words;

/// A field with a line of text.
#[derive(Clone, Copy)]
pub(crate) struct Input {
    /// Its name; its words are found by it.
    pub(crate) name: &'static str,
    /// What it is called on its page, where there are several of one name.
    pub(crate) id: &'static str,
    /// What kind of text: `text`, `email`, `password`, `tel`.
    pub(crate) kind: &'static str,
    /// What browsers fill in (HTML's autofill tokens).
    pub(crate) autocomplete: &'static str,
    /// Whether there must be something in it.
    pub(crate) required: bool,
    /// Whether it is said that it may stay empty.
    pub(crate) optional: bool,
    /// The fewest characters.
    pub(crate) least: usize,
    /// The most characters.
    pub(crate) most: usize,
    /// Whether a sentence below it helps: `hint-…`.
    pub(crate) hint: bool,
}

impl Input {
    /// A field that must be filled in.
    pub(crate) const fn needed(name: &'static str, autocomplete: &'static str) -> Self {
        Self {
            name,
            id: name,
            kind: "text",
            autocomplete,
            required: true,
            optional: false,
            least: 0,
            most: 200,
            hint: false,
        }
    }

    /// A field that may stay empty.
    pub(crate) const fn optional(name: &'static str, autocomplete: &'static str) -> Self {
        Self {
            optional: true,
            ..Self::asked(name, autocomplete)
        }
    }

    /// A field that some must fill in: which ones, the server knows.
    pub(crate) const fn asked(name: &'static str, autocomplete: &'static str) -> Self {
        Self {
            required: false,
            ..Self::needed(name, autocomplete)
        }
    }

    /// The same for another kind of text.
    pub(crate) const fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    /// Renders it.
    pub(crate) fn view(self, words: Words, form: &FormState) -> impl IntoView + use<> {
        let fault = fault_of(words, form, self.id, self.name);
        let hint = self.hint.then(|| {
            let text = words.say(&format!("hint-{}", self.name));
            view! { <p class="hint" id=format!("{}-hint", self.id)>{text}</p> }
        });
        view! {
            <div class="field">
                {label(words, self.id, self.name, self.optional)}
                <input
                    id=self.id
                    name=self.name
                    type=self.kind
                    dir=(self.kind == "text").then_some("auto")
                    value=form.value(self.name).to_owned()
                    autocomplete=self.autocomplete
                    required=self.required
                    minlength=(self.least > 0).then(|| self.least.to_string())
                    maxlength=self.most.to_string()
                    aria-invalid=form.is_invalid(self.name).then_some("true")
                    aria-describedby=described_by(self.id, form.is_invalid(self.name), self.hint)
                    data-fault=words.say(&format!("fault-{}", self.name))
                />
                {hint}
                {fault}
            </div>
        }
    }
}

fn label(words: Words, id: &'static str, name: &'static str, optional: bool) -> impl IntoView {
    let optional = optional.then(|| {
        view! { <span class="optional">" " {words.say("form-optional")}</span> }
    });
    view! { <label for=id>{words.say(&format!("field-{name}"))} {optional}</label> }
}

/// A field with several lines of text, which may stay empty.
pub(crate) fn text_area(
    words: Words,
    form: &FormState,
    name: &'static str,
    most: usize,
) -> AnyView {
    // Leptos does not escape what stands in a text area. Browsers pass over one line break at its
    // beginning.
    let text = form.value(name).replace('&', "&amp;").replace('<', "&lt;");
    view! {
        <div class="field">
            {label(words, name, name, true)}
            <textarea
                id=name
                name=name
                rows="3"
                dir="auto"
                maxlength=most.to_string()
                aria-invalid=form.is_invalid(name).then_some("true")
                aria-describedby=described_by(name, form.is_invalid(name), false)
                data-fault=words.say(&format!("fault-{name}"))
                inner_html=format!("\n{text}")
            ></textarea>
            {fault(words, form, name)}
        </div>
    }
    .into_any()
}

/// What is wrong with a field, beside it.
fn fault(words: Words, form: &FormState, name: &'static str) -> impl IntoView + use<> {
    fault_of(words, form, name, name)
}

/// The same for a field whose id is not its name.
pub(crate) fn fault_of(
    words: Words,
    form: &FormState,
    id: &str,
    name: &str,
) -> impl IntoView + use<> {
    let id = format!("{id}-wrong");
    form.is_invalid(name).then(|| {
        let text = words.say(&fault_key(name));
        view! { <p class="wrong" id=id>{text}</p> }
    })
}

fn described_by(id: &str, wrong: bool, hint: bool) -> Option<String> {
    let wrong = wrong.then(|| format!("{id}-wrong"));
    let hint = hint.then(|| format!("{id}-hint"));
    let ids: Vec<String> = wrong.into_iter().chain(hint).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

/// What is wrong with a form as a whole, said first: each field that must be mended, with a link to
/// it, or what else went wrong.
pub(crate) fn faults(words: Words, form: &FormState) -> Option<AnyView> {
    if let Some(problem) = &form.problem {
        let key = problem_key(words, problem);
        return Some(
            view! {
                <div class="alert" role="alert" tabindex="-1" autofocus>
                    <p>{words.say(&key)}</p>
                </div>
            }
            .into_any(),
        );
    }
    let links = form.faults.iter().map(|name| {
        view! {
            <li>
                <a href=format!("#{}", id_of(name))>{words.say(&fault_key(name))}</a>
            </li>
        }
    });
    let links = links.collect::<Vec<_>>();
    (!links.is_empty()).then(|| {
        view! {
            <div class="alert" role="alert" tabindex="-1" autofocus>
                <p>{words.say("form-wrong")}</p>
                <ul>{links}</ul>
            </div>
        }
        .into_any()
    })
}

/// Where a fault is mended.
fn id_of(name: &str) -> &str {
    if name == "coupons" { "code" } else { name }
}

/// What is wrong with a field: of several of a kind (`quantity-17`) each has the same words.
fn fault_key(name: &str) -> String {
    let kind = name.split_once('-').map_or(name, |(kind, _)| kind);
    format!("fault-{kind}")
}

/// The same as what scripts say.
pub(crate) fn spoken(words: Words, form: &FormState) -> Vec<String> {
    match &form.problem {
        Some(problem) => vec![words.say(&problem_key(words, problem))],
        None => {
            let mut faults: Vec<_> = form.faults.iter().map(|it| fault_key(it)).collect();
            faults.dedup();
            faults.iter().map(|key| words.say(key)).collect()
        }
    }
}

fn problem_key(words: Words, problem: &str) -> String {
    let key = format!("problem-{problem}");
    if words.knows(&key) {
        key
    } else {
        "problem-other".to_owned()
    }
}

/// The fields of an address.
pub(crate) fn address(words: Words, form: &FormState) -> AnyView {
    let input = |input: Input| input.view(words, form).into_any();
    view! {
        {input(Input::needed("name", "name"))}
        {input(Input::optional("company", "organization"))}
        {country(words, form)}
        {input(Input::needed("line1", "address-line1"))}
        {input(Input::optional("line2", "address-line2"))}
        <div class="pair">
            {input(Input::asked("postcode", "postal-code"))}
            {input(Input::needed("city", "address-level2"))}
        </div>
        {input(Input::asked("region", "address-level1"))}
        {input(Input::optional("phone", "tel").kind("tel"))}
    }
    .into_any()
}

fn country(words: Words, form: &FormState) -> AnyView {
    let chosen = form.value("country").to_owned();
    let mut countries: Vec<(String, &str)> = COUNTRIES
        .iter()
        .map(|it| (words.say(&format!("country-{}", it.code)), it.code))
        .collect();
    countries.sort();
    let options = countries.into_iter().map(|(name, code)| {
        view! { <option value=code selected=code == chosen>{name}</option> }
    });
    let options = options.collect::<Vec<_>>();
    let none = chosen.is_empty();
    view! {
        <div class="field">
            {label(words, "country", "country", false)}
            <select
                id="country"
                name="country"
                autocomplete="country"
                required
                aria-invalid=form.is_invalid("country").then_some("true")
                aria-describedby=described_by("country", form.is_invalid("country"), false)
                data-fault=words.say("fault-country")
            >
                <option value="" selected=none>
                    {words.say("field-country-choose")}
                </option>
                {options}
            </select>
            {fault(words, form, "country")}
        </div>
    }
    .into_any()
}

/// One of several: a radio button with what belongs to it.
pub(crate) fn choice(
    name: &'static str,
    value: &str,
    chosen: bool,
    label: impl IntoView,
) -> AnyView {
    view! {
        <label class="option-row">
            <input type="radio" name=name value=value.to_owned() checked=chosen required />
            {label}
        </label>
        " "
    }
    .into_any()
}

/// A field that nobody sees.
pub(crate) fn hidden(name: &'static str, value: &str) -> impl IntoView + use<> {
    hidden_as(name.to_owned(), value)
}

/// The same with a name that is made.
pub(crate) fn hidden_as(name: String, value: &str) -> impl IntoView + use<> {
    view! { <input type="hidden" name=name value=value.to_owned() /> }
}
