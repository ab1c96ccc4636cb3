//! The two syntaxes of cache directives: the list of RFC 9111 §5.2, and the structured dictionary
//! of RFC 9213 §2.1.

use std::convert::Infallible;

use sfv::{
    BareItemFromInput, GenericBareItem, KeyRef, Parser,
    visitor::{
        DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor,
    },
};

/// A cache directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The name in lower case.
    pub name: String,
    /// The argument.
    pub value: DirectiveValue,
}

/// The argument of a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectiveValue {
    /// There is no argument.
    Flag,
    /// A text. A number is kept as its digits.
    Text(String),
    /// A value of a type that this directive does not take.
    Invalid,
    /// The boolean false, which means that the directive is absent.
    False,
}

/// Parses the directives of one `Cache-Control` line. A quoted argument may contain commas.
pub fn parse_list(line: &str) -> Vec<Directive> {
    let mut found = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (directive, after) = rest.split_at(end_of_directive(rest));
        rest = after.strip_prefix(',').unwrap_or(after);
        let (name, value) = match directive.split_once('=') {
            Some((name, argument)) => (
                name,
                DirectiveValue::Text(argument.trim().trim_matches('"').to_owned()),
            ),
            None => (directive, DirectiveValue::Flag),
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

/// Parses the directives of a structured dictionary; None if it is invalid. Of a repeated name the
/// last value counts, and parameters are ignored.
pub fn parse_dictionary(text: &str) -> Option<Vec<Directive>> {
    Parser::new(text)
        .parse_dictionary_with_visitor(DirectiveDictionary(Vec::new()))
        .ok()
}

struct DirectiveDictionary(Vec<Directive>);

impl<'de> DictionaryVisitor<'de> for DirectiveDictionary {
    type Out = Vec<Directive>;
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        let name = key.as_str();
        self.0.retain(|it| it.name != name);
        self.0.push(Directive {
            name: name.to_owned(),
            value: DirectiveValue::Invalid,
        });
        Ok(DictionaryMember(&mut self.0))
    }

    fn finish(self) -> Result<Self::Out, Infallible> {
        Ok(self.0)
    }
}

/// The dictionary member that is being parsed: the last directive.
struct DictionaryMember<'m>(&'m mut Vec<Directive>);

impl<'de> EntryVisitor<'de> for DictionaryMember<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for DictionaryMember<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        if let Some(last) = self.0.last_mut() {
            last.value = directive_value(&last.name, &item);
        }
        Ok(Ignored)
    }
}

/// Maps a structured value to an argument (RFC 9213 §2.1): seconds are integers, and field names
/// are a string or a token.
fn directive_value(name: &str, item: &BareItemFromInput<'_>) -> DirectiveValue {
    let lists_fields = matches!(name, "no-cache" | "private");
    match item {
        GenericBareItem::Boolean(true) => DirectiveValue::Flag,
        GenericBareItem::Boolean(false) => DirectiveValue::False,
        GenericBareItem::Integer(number) => DirectiveValue::Text(i64::from(*number).to_string()),
        GenericBareItem::String(text) if lists_fields => {
            DirectiveValue::Text(text.as_str().to_owned())
        }
        GenericBareItem::Token(text) if lists_fields => {
            DirectiveValue::Text(text.as_str().to_owned())
        }
        _ => DirectiveValue::Invalid,
    }
}
