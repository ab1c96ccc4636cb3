//! The two syntaxes of cache directives: the list of RFC 9111 §5.2, and the structured dictionary of
//! RFC 9213 §2.1.

use std::convert::Infallible;

use sfv::{
    BareItemFromInput, GenericBareItem, KeyRef, Parser,
    visitor::{
        DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor,
    },
};

/// One directive, its name in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The name.
    pub name: String,
    /// What it is set to.
    pub value: Value,
}

/// What a directive is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// To nothing: it is only there.
    Flag,
    /// To this text; a number is its digits.
    Text(String),
    /// To something that this directive is never set to.
    Wrong,
    /// To false: as good as not there.
    Off,
}

/// The directives of a line of `Cache-Control`. A quoted argument may hold commas.
pub fn plain(line: &str) -> Vec<Directive> {
    let mut found = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (directive, after) = rest.split_at(end_of_directive(rest));
        rest = after.strip_prefix(',').unwrap_or(after);
        let (name, value) = match directive.split_once('=') {
            Some((name, argument)) => (
                name,
                Value::Text(argument.trim().trim_matches('"').to_owned()),
            ),
            None => (directive, Value::Flag),
        };
        if !name.trim().is_empty() {
            found.push(Directive {
                name: name.trim().to_ascii_lowercase(),
                value,
            });
        }
    }
    found
}

fn end_of_directive(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// The directives of a structured dictionary, or nothing when it is none. Of a name that is there
/// twice the last counts; parameters mean nothing.
pub fn structured(text: &str) -> Option<Vec<Directive>> {
    Parser::new(text)
        .parse_dictionary_with_visitor(Dictionary(Vec::new()))
        .ok()
}

struct Dictionary(Vec<Directive>);

impl<'de> DictionaryVisitor<'de> for Dictionary {
    type Out = Vec<Directive>;
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        let name = key.as_str();
        self.0.retain(|it| it.name != name);
        self.0.push(Directive {
            name: name.to_owned(),
            value: Value::Wrong,
        });
        Ok(Member(&mut self.0))
    }

    fn finish(self) -> Result<Self::Out, Infallible> {
        Ok(self.0)
    }
}

/// The member that is being read: the last.
struct Member<'m>(&'m mut Vec<Directive>);

impl<'de> EntryVisitor<'de> for Member<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for Member<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        if let Some(last) = self.0.last_mut() {
            last.value = value(&last.name, &item);
        }
        Ok(Ignored)
    }
}

/// What RFC 9213 §2.1 maps a value to: seconds are integers, names of fields a string or a token.
fn value(name: &str, item: &BareItemFromInput<'_>) -> Value {
    let lists_fields = matches!(name, "no-cache" | "private");
    match item {
        GenericBareItem::Boolean(true) => Value::Flag,
        GenericBareItem::Boolean(false) => Value::Off,
        GenericBareItem::Integer(number) => Value::Text(i64::from(*number).to_string()),
        GenericBareItem::String(text) if lists_fields => Value::Text(text.as_str().to_owned()),
        GenericBareItem::Token(text) if lists_fields => Value::Text(text.as_str().to_owned()),
        _ => Value::Wrong,
    }
}
