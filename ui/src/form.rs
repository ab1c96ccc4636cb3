//! Form controls with their labels and errors, and the error summary of a form. The texts of a
//! field are the messages `field-…` for its label and `fault-…` for its errors.

use leptos::prelude::*;
use shared::{address::COUNTRIES, form::FormState};

use crate::messages::Messages;

/// A single-line text field.
#[derive(Clone, Copy)]
pub(crate) struct Input {
    /// The name, which also selects its messages.
    pub(crate) name: &'static str,
    /// The element id, if a page has several fields of one name.
    pub(crate) id: &'static str,
    /// The input type: `text`, `email`, `password`, `tel`.
    pub(crate) kind: &'static str,
    /// The autofill tokens of HTML.
    pub(crate) autocomplete: &'static str,
    /// Whether the field must not be empty.
    pub(crate) required: bool,
    /// Whether the label says that the field is optional.
    pub(crate) optional: bool,
    /// The minimum number of characters.
    pub(crate) min_length: usize,
    /// The maximum number of characters.
    pub(crate) max_length: usize,
    /// Whether a hint follows: the message `hint-…`.
    pub(crate) hint: bool,
}

impl Input {
    /// A required field.
    pub(crate) const fn required(name: &'static str, autocomplete: &'static str) -> Self {
        Self {
            name,
            id: name,
            kind: "text",
            autocomplete,
            required: true,
            optional: false,
            min_length: 0,
            max_length: 200,
            hint: false,
        }
    }

    /// An optional field.
    pub(crate) const fn optional(name: &'static str, autocomplete: &'static str) -> Self {
        Self {
            optional: true,
            ..Self::conditional(name, autocomplete)
        }
    }

    /// A field that is required in some cases, which only the server knows.
    pub(crate) const fn conditional(name: &'static str, autocomplete: &'static str) -> Self {
        Self {
            required: false,
            ..Self::required(name, autocomplete)
        }
    }

    /// Changes the input type.
    pub(crate) const fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    /// Renders the field.
    pub(crate) fn view(self, messages: Messages, form: &FormState) -> impl IntoView + use<> {
        let fault = field_error_of(messages, form, self.id, self.name);
        let hint = self.hint.then(|| {
            let text = messages.text(&format!("hint-{}", self.name));
            view! { <p class="hint" id=format!("{}-hint", self.id)>{text}</p> }
        });
        view! {
            <div class="field">
                {label(messages, self.id, self.name, self.optional)}
                <input
                    id=self.id
                    name=self.name
                    type=self.kind
                    dir=(self.kind == "text").then_some("auto")
                    value=form.value(self.name).to_owned()
                    autocomplete=self.autocomplete
                    required=self.required
                    minlength=(self.min_length > 0).then(|| self.min_length.to_string())
                    maxlength=self.max_length.to_string()
                    aria-invalid=form.is_invalid(self.name).then_some("true")
                    aria-describedby=described_by(self.id, form.is_invalid(self.name), self.hint)
                    data-fault=messages.text(&format!("fault-{}", self.name))
                />
                {hint}
                {fault}
            </div>
        }
    }
}

fn label(
    messages: Messages,
    id: &'static str,
    name: &'static str,
    optional: bool,
) -> impl IntoView {
    let optional = optional.then(|| {
        view! { <span class="optional">" " {messages.text("form-optional")}</span> }
    });
    view! { <label for=id>{messages.text(&format!("field-{name}"))} {optional}</label> }
}

/// An optional multi-line text field.
pub(crate) fn text_area(
    messages: Messages,
    form: &FormState,
    name: &'static str,
    max_length: usize,
) -> AnyView {
    // Leptos does not escape the content of a text area, and browsers ignore one line break at its
    // beginning.
    let text = form.value(name).replace('&', "&amp;").replace('<', "&lt;");
    view! {
        <div class="field">
            {label(messages, name, name, true)}
            <textarea
                id=name
                name=name
                rows="3"
                dir="auto"
                maxlength=max_length.to_string()
                aria-invalid=form.is_invalid(name).then_some("true")
                aria-describedby=described_by(name, form.is_invalid(name), false)
                data-fault=messages.text(&format!("fault-{name}"))
                inner_html=format!("\n{text}")
            ></textarea>
            {field_error(messages, form, name)}
        </div>
    }
    .into_any()
}

/// The error message beside a field.
fn field_error(messages: Messages, form: &FormState, name: &'static str) -> impl IntoView + use<> {
    field_error_of(messages, form, name, name)
}

/// The error message of a field whose id is not its name.
pub(crate) fn field_error_of(
    messages: Messages,
    form: &FormState,
    id: &str,
    name: &str,
) -> impl IntoView + use<> {
    let id = format!("{id}-wrong");
    form.is_invalid(name).then(|| {
        let text = messages.text(&error_key(name));
        view! { <p class="wrong" id=id>{text}</p> }
    })
}

fn described_by(id: &str, wrong: bool, hint: bool) -> Option<String> {
    let wrong = wrong.then(|| format!("{id}-wrong"));
    let hint = hint.then(|| format!("{id}-hint"));
    let ids: Vec<String> = wrong.into_iter().chain(hint).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

/// The error summary of a form: a link to each invalid field, or any other error.
pub(crate) fn error_summary(messages: Messages, form: &FormState) -> Option<AnyView> {
    if let Some(problem) = &form.problem {
        let key = problem_key(messages, problem);
        return Some(
            view! {
                <div class="alert" role="alert" tabindex="-1" autofocus>
                    <p>{messages.text(&key)}</p>
                </div>
            }
            .into_any(),
        );
    }
    let links = form.invalid_fields.iter().map(|name| {
        view! {
            <li>
                <a href=format!("#{}", id_of(name))>{messages.text(&error_key(name))}</a>
            </li>
        }
    });
    let links = links.collect::<Vec<_>>();
    (!links.is_empty()).then(|| {
        view! {
            <div class="alert" role="alert" tabindex="-1" autofocus>
                <p>{messages.text("form-wrong")}</p>
                <ul>{links}</ul>
            </div>
        }
        .into_any()
    })
}

/// The id of the element in which an error can be corrected.
fn id_of(name: &str) -> &str {
    if name == "coupons" { "code" } else { name }
}

/// The message key of a field's error. Fields of one kind (`quantity-17`) share their messages.
fn error_key(name: &str) -> String {
    let kind = name.split_once('-').map_or(name, |(kind, _)| kind);
    format!("fault-{kind}")
}

/// The error summary as plain text, for the live region.
pub(crate) fn announcement(messages: Messages, form: &FormState) -> Vec<String> {
    match &form.problem {
        Some(problem) => vec![messages.text(&problem_key(messages, problem))],
        None => {
            let mut keys: Vec<_> = form.invalid_fields.iter().map(|it| error_key(it)).collect();
            keys.dedup();
            keys.iter().map(|key| messages.text(key)).collect()
        }
    }
}

fn problem_key(messages: Messages, problem: &str) -> String {
    let key = format!("problem-{problem}");
    if messages.contains(&key) {
        key
    } else {
        "problem-other".to_owned()
    }
}

/// The fields of an address.
pub(crate) fn address(messages: Messages, form: &FormState) -> AnyView {
    let input = |input: Input| input.view(messages, form).into_any();
    view! {
        {input(Input::required("name", "name"))}
        {input(Input::optional("company", "organization"))}
        {country(messages, form)}
        {input(Input::required("line1", "address-line1"))}
        {input(Input::optional("line2", "address-line2"))}
        <div class="pair">
            {input(Input::conditional("postcode", "postal-code"))}
            {input(Input::required("city", "address-level2"))}
        </div>
        {input(Input::conditional("region", "address-level1"))}
        {input(Input::optional("phone", "tel").kind("tel"))}
    }
    .into_any()
}

fn country(messages: Messages, form: &FormState) -> AnyView {
    let chosen = form.value("country").to_owned();
    let mut countries: Vec<(String, &str)> = COUNTRIES
        .iter()
        .map(|it| (messages.text(&format!("country-{}", it.code)), it.code))
        .collect();
    countries.sort();
    let options = countries.into_iter().map(|(name, code)| {
        view! { <option value=code selected=code == chosen>{name}</option> }
    });
    let options = options.collect::<Vec<_>>();
    let none = chosen.is_empty();
    view! {
        <div class="field">
            {label(messages, "country", "country", false)}
            <select
                id="country"
                name="country"
                autocomplete="country"
                required
                aria-invalid=form.is_invalid("country").then_some("true")
                aria-describedby=described_by("country", form.is_invalid("country"), false)
                data-fault=messages.text("fault-country")
            >
                <option value="" selected=none>
                    {messages.text("field-country-choose")}
                </option>
                {options}
            </select>
            {field_error(messages, form, "country")}
        </div>
    }
    .into_any()
}

/// A radio button with its content.
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

/// A hidden field.
pub(crate) fn hidden(name: &'static str, value: &str) -> impl IntoView + use<> {
    hidden_as(name.to_owned(), value)
}

/// A hidden field with a computed name.
pub(crate) fn hidden_as(name: String, value: &str) -> impl IntoView + use<> {
    view! { <input type="hidden" name=name value=value.to_owned() /> }
}
