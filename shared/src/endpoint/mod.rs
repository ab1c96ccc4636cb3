//! The endpoint table: origin's routes, ui's client, the edge's cache keys, the OpenAPI document
//! and the tests all derive from it.

use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// An endpoint of the API with the types of its path parameters `P`, query `Q`, body `B` and
/// response `R`.
pub struct Endpoint<P, Q, B, R> {
    /// Everything but the types.
    pub spec: EndpointSpec,
    types: PhantomData<fn(P, Q, B) -> R>,
}

/// An endpoint without its types.
#[derive(Clone, Copy, Debug)]
pub struct EndpointSpec {
    /// The operation id, which is also the handler's name.
    pub id: &'static str,
    /// The method.
    pub method: Method,
    /// The path, with `{name}` for each parameter.
    pub path: &'static str,
    /// A one-line summary.
    pub summary: &'static str,
    /// The query parameters that affect the response, sorted.
    pub query: &'static [&'static str],
    /// Whether responses may be stored.
    pub caching: Caching,
    /// The success statuses: 200, 201 for something created, 202 for something that completes
    /// later.
    pub done: &'static [u16],
    /// The problems that it may report, beside those of every endpoint.
    pub problems: &'static [crate::problem::ProblemKind],
}

/// A request method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads; safe.
    Get,
    /// Creates or starts something.
    Post,
    /// Replaces something; idempotent.
    Put,
    /// Changes a part.
    Patch,
    /// Deletes something; idempotent.
    Delete,
}

impl Method {
    /// The method name in a request.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Whether an endpoint's responses may be stored; each response carries the exact policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// The same for everybody: shared caches may store it.
    Shared,
    /// No cache may store it.
    Private,
}

impl<P, Q, B, R> Endpoint<P, Q, B, R> {
    /// The path with its parameters filled in and percent-encoded.
    pub fn path(&self, parameters: &[&str]) -> String {
        let mut path = String::new();
        let mut rest = self.spec.path;
        let mut parameters = parameters.iter();
        while let Some((before, (_, after))) = rest
            .split_once('{')
            .and_then(|(before, tail)| Some((before, tail.split_once('}')?)))
        {
            path.push_str(before);
            encode_segment(parameters.next().copied().unwrap_or_default(), &mut path);
            rest = after;
        }
        path + rest
    }
}

/// Percent-encodes characters that a path segment may not contain (RFC 3986 §3.3).
pub fn encode_segment(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(byte));
            }
            _ => {
                let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
                into.push('%');
                into.push(digit(byte >> 4));
                into.push(digit(byte & 15));
            }
        }
    }
}

/// The schemas of an endpoint's types.
pub struct Schemas {
    /// The path parameters.
    pub path: Schema,
    /// The query parameters.
    pub query: Schema,
    /// The request body.
    pub body: Schema,
    /// The response body.
    pub response: Schema,
}

impl Schemas {
    /// Whether the request has no body.
    pub fn is_empty_body(&self) -> bool {
        self.refers_to("/NoParameters")
    }

    /// Whether the request body is a file instead of JSON.
    pub fn is_binary_body(&self) -> bool {
        self.refers_to("/Bytes")
    }

    fn refers_to(&self, name: &str) -> bool {
        let reference = self.body.as_value()["$ref"].as_str();
        reference.is_some_and(|it| it.ends_with(name))
    }
}

impl<P: JsonSchema, Q: JsonSchema, B: JsonSchema, R: JsonSchema> Endpoint<P, Q, B, R> {
    /// The schemas of its types; shared definitions are added to the generator.
    fn schemas(generator: &mut SchemaGenerator) -> Schemas {
        Schemas {
            path: P::json_schema(generator),
            query: Q::json_schema(generator),
            body: generator.subschema_for::<B>(),
            response: generator.subschema_for::<R>(),
        }
    }
}

/// The given success statuses, or the default.
macro_rules! done {
    () => {
        &[200]
    };
    ($statuses:expr) => {
        $statuses
    };
}

/// Declares endpoints and their table.
macro_rules! endpoints {
    ($(
        $(#[$doc:meta])*
        $name:ident: $method:ident($path_type:ty, $query_type:ty, $body_type:ty) -> $response_type:ty = {
            id: $id:literal, path: $path:literal, summary: $summary:literal,
            query: $query:expr, caching: $caching:expr,$( done: $done:expr,)? problems: $problems:expr,
        }
    )*) => {
        $(
            $(#[$doc])*
            pub const $name: Endpoint<$path_type, $query_type, $body_type, $response_type> = Endpoint {
                spec: EndpointSpec {
                    id: $id, method: Method::$method, path: $path, summary: $summary,
                    query: $query, caching: $caching, problems: $problems,
                    done: done!($($done)?),
                },
                types: PhantomData,
            };
        )*

        /// The endpoints of this file.
        pub(super) const ALL: &[EndpointSpec] = &[$($name.spec),*];

        /// The endpoints of this file with the schemas of their types.
        pub(super) fn with_schemas(generator: &mut SchemaGenerator) -> Vec<(EndpointSpec, Schemas)> {
            vec![$((
                $name.spec,
                Endpoint::<$path_type, $query_type, $body_type, $response_type>::schemas(generator),
            )),*]
        }
    };
}

mod account;
mod operator;
mod shop;

pub use account::*;
pub use operator::*;
pub use shop::*;

/// Every endpoint.
#[expect(unused_qualifications, reason = "every file has a table")]
pub fn all() -> impl Iterator<Item = &'static EndpointSpec> {
    [shop::ALL, account::ALL, operator::ALL]
        .into_iter()
        .flatten()
}

/// Every endpoint with the schemas of its types.
pub fn with_schemas(generator: &mut SchemaGenerator) -> Vec<(EndpointSpec, Schemas)> {
    let mut endpoints = shop::with_schemas(generator);
    endpoints.extend(account::with_schemas(generator));
    endpoints.extend(operator::with_schemas(generator));
    endpoints
}

/// A file as the request body.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(extend("format" = "binary"))]
pub struct Bytes(#[allow(dead_code, reason = "it only describes")] String);

/// No parameters, or no body.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize, JsonSchema)]
pub struct NoParameters {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_parameters_match_the_type() {
        let mut generator = SchemaGenerator::default();
        for (spec, schemas) in with_schemas(&mut generator) {
            let properties = schemas.query.as_value()["properties"].as_object();
            let mut names: Vec<_> = properties
                .into_iter()
                .flat_map(|map| map.keys().map(String::as_str))
                .collect();
            names.sort_unstable();
            assert_eq!(names, spec.query, "{}", spec.id);
        }
    }

    #[test]
    fn path_parameters_match_the_type() {
        let mut generator = SchemaGenerator::default();
        for (spec, schemas) in with_schemas(&mut generator) {
            let properties = schemas.path.as_value()["properties"].as_object();
            let names = properties.into_iter().flat_map(|map| map.keys());
            let in_path = spec.path.matches('{').count();
            assert_eq!(names.clone().count(), in_path, "{}", spec.id);
            for name in names {
                assert!(spec.path.contains(&format!("{{{name}}}")), "{}", spec.id);
            }
        }
    }

    #[test]
    fn operations_are_unique() {
        let ids: std::collections::HashSet<_> = all().map(|spec| spec.id).collect();
        let routes: std::collections::HashSet<_> = all()
            .map(|spec| (spec.method.as_str(), spec.path))
            .collect();
        assert_eq!((ids.len(), routes.len()), (all().count(), all().count()));
    }

    #[test]
    fn parameters_are_encoded_into_the_path() {
        assert_eq!(GET_PRODUCT.path(&["mug"]), "/api/v1/products/mug");
        assert_eq!(
            GET_PRODUCT.path(&["a/b ü"]),
            "/api/v1/products/a%2Fb%20%C3%BC"
        );
        assert_eq!(LIST_CATEGORIES.path(&[]), "/api/v1/categories");
    }
}
