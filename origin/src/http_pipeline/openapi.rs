//! The OpenAPI 3.1 document, generated from the contract, and a page to try the API. Both change
//! only with a new version of the program.

use std::sync::LazyLock;

use axum::{Router, extract::State, routing::get};
use bytes::Bytes;
use http::HeaderValue;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use shared::{
    cache::CachePolicy,
    endpoint::{self, Caching, EndpointSpec, Method, Schemas},
    problem::{self, Problem, ProblemKind},
};

use crate::{
    app::App,
    web::{Answer, Path, Refusal},
};

const DOCUMENT: &str = "/openapi.json";

static DESCRIBED: LazyLock<Value> = LazyLock::new(describe);

/// The document, the page and the explanations of problems.
pub fn routes() -> Router<App> {
    let config = utoipa_swagger_ui::Config::new([DOCUMENT]).try_it_out_enabled(true);
    let page = utoipa_swagger_ui::SwaggerUi::new("/docs").config(config);
    Router::new()
        .route(DOCUMENT, get(get_openapi))
        .route("/problems/{word}", get(explain_problem))
        .merge(page)
}

async fn get_openapi(State(app): State<App>) -> Answer {
    let mut document = DESCRIBED.clone();
    document["servers"] = json!([{ "url": app.config.base_url }]);
    let body = Bytes::from(document.to_string());
    Answer::new(
        HeaderValue::from_static("application/json"),
        body,
        CachePolicy::release(),
    )
}

#[derive(serde::Deserialize)]
struct ProblemPath {
    word: String,
}

async fn explain_problem(Path(path): Path<ProblemPath>) -> Result<Answer, Refusal> {
    let kind =
        ProblemKind::from_name(&path.word).ok_or_else(|| Refusal::of(ProblemKind::NotFound))?;
    let text = format!(
        "{} ({})\n\n{}\n",
        kind.title(),
        kind.status(),
        kind.meaning()
    );
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(Answer::new(media_type, text, CachePolicy::release()))
}

/// The document without its server.
pub fn describe() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths = Map::new();
    for (spec, schemas) in endpoint::with_schemas(&mut generator) {
        let methods = paths.entry(spec.path).or_insert_with(|| json!({}));
        methods[spec.method.as_str().to_lowercase()] =
            operation(spec, &schemas, problem.as_value());
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Mallard",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

fn operation(spec: EndpointSpec, schemas: &Schemas, problem: &Value) -> Value {
    let mut parameters = parameters("path", schemas.path.as_value());
    parameters.extend(parameters_of_query(schemas));
    let mut responses = Map::new();
    for status in spec.done {
        responses.insert(status.to_string(), ok(spec, schemas));
    }
    if spec.caching == Caching::Shared {
        let not_modified = json!({ "description": "The representation that `If-None-Match` names is still current." });
        responses.insert("304".into(), not_modified);
    }
    for kind in spec
        .problems
        .iter()
        .chain(ALWAYS)
        .chain(of_method(spec.method))
    {
        let content = json!({ problem::MEDIA_TYPE: { "schema": problem } });
        let known = responses.entry(kind.status().to_string());
        let response = known.or_insert_with(|| json!({ "description": "", "content": content }));
        let mut meanings: Vec<&str> = response["description"].as_str().into_iter().collect();
        meanings.retain(|it| !it.is_empty());
        meanings.push(kind.meaning());
        response["description"] = json!(meanings.join(" Or: "));
    }
    let mut operation = json!({
        "operationId": spec.id,
        "summary": spec.summary,
        "parameters": parameters,
        "responses": responses,
    });
    if !matches!(spec.method, Method::Get | Method::Delete) && !schemas.is_empty_body() {
        let media_type = if schemas.is_binary_body() {
            "application/octet-stream"
        } else {
            "application/json"
        };
        let content = json!({ media_type: { "schema": schemas.body.as_value() } });
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

/// The error responses of every endpoint.
const ALWAYS: &[ProblemKind] = &[
    ProblemKind::BadRequest,
    ProblemKind::Timeout,
    ProblemKind::TooManyRequests,
    ProblemKind::Internal,
    ProblemKind::Unavailable,
];

/// The error responses of endpoints with unsafe methods.
const fn of_method(method: Method) -> &'static [ProblemKind] {
    match method {
        Method::Get => &[],
        Method::Delete => &[ProblemKind::CrossSite],
        Method::Post | Method::Put | Method::Patch => &[
            ProblemKind::CrossSite,
            ProblemKind::TooLarge,
            ProblemKind::UnsupportedMediaType,
        ],
    }
}

fn ok(spec: EndpointSpec, schemas: &Schemas) -> Value {
    let mut response = json!({
        "description": spec.summary,
        "content": { "application/json": { "schema": schemas.response.as_value() } },
    });
    if spec.caching == Caching::Shared {
        response["headers"] = json!({
            "ETag": { "schema": { "type": "string" }, "description": "The entity tag of this representation." },
            "Cache-Control": { "schema": { "type": "string" } },
        });
    }
    response
}

fn parameters_of_query(schemas: &Schemas) -> Vec<Value> {
    parameters("query", schemas.query.as_value())
}

/// The properties of an object's schema, as parameters.
fn parameters(place: &str, schema: &Value) -> Vec<Value> {
    let required = |name: &str| {
        let names = schema["required"].as_array();
        names.is_some_and(|names| names.iter().any(|it| it == name))
    };
    let properties = schema["properties"].as_object();
    properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| {
            let mut schema = schema.clone();
            let description = schema
                .as_object_mut()
                .and_then(|schema| schema.remove("description"));
            json!({
                "name": name,
                "in": place,
                "required": place == "path" || required(name),
                "description": description,
                "schema": schema,
            })
        })
        .collect()
}
