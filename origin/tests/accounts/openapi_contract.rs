//! Random requests to every operation: each response matches the OpenAPI document and is no server
//! error.

use std::collections::BTreeSet;

use axum::body::Body;
use http::Request;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};

use crate::{
    browser::{Browser, PASSWORD, member},
    shopper::{only, ready_cart},
    support::Shop,
};

/// The number of requests per operation; `MALLARD_CONTRACT` overrides it.
fn requests() -> u32 {
    let number = std::env::var("MALLARD_CONTRACT").ok();
    number.and_then(|it| it.parse().ok()).unwrap_or(12)
}

/// Any small JSON.
fn any_json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_text(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
    .boxed()
}

/// Texts that often break programs.
fn any_text() -> BoxedStrategy<String> {
    prop_oneof![
        "\\PC{0,12}",
        Just(String::new()),
        Just("\u{0}".to_owned()),
        Just("'; drop table users; --".to_owned()),
        Just("../../etc/passwd".to_owned()),
        Just("é\u{301}\u{202e}\u{1f600}".to_owned()),
        Just("9223372036854775808".to_owned()),
        "[a-z]{1,8}@[a-z]{1,8}\\.org",
        Just("x".repeat(70_000)),
    ]
    .boxed()
}

/// Values that mostly match a schema.
fn of_schema(schema: &Value, all: &Value, depth: u32) -> BoxedStrategy<Value> {
    if depth == 0 {
        return Just(Value::Null).boxed();
    }
    let fits = fitting(schema, all, depth);
    prop_oneof![9 => fits, 1 => any_json()].boxed()
}

fn fitting(schema: &Value, all: &Value, depth: u32) -> BoxedStrategy<Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return fitting(&all["components"]["schemas"][name], all, depth - 1);
    }
    for union in ["oneOf", "anyOf"] {
        if let Some(cases) = schema[union].as_array() {
            let cases: Vec<_> = cases
                .iter()
                .map(|it| of_schema(it, all, depth - 1))
                .collect();
            return prop::strategy::Union::new(cases).boxed();
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return prop::sample::select(words.clone()).boxed();
    }
    if let Some(word) = schema.get("const") {
        return Just(word.clone()).boxed();
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.clone()],
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(|it| it.as_str().map(str::to_owned))
            .collect(),
        _ => return any_json(),
    };
    let kinds = kinds.into_iter().map(|kind| match kind.as_str() {
        "integer" | "number" => {
            prop_oneof![any::<i64>(), -2_i64..12, Just(i64::MAX), Just(1 << 31)]
                .prop_map(Value::from)
                .boxed()
        }
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "null" => Just(Value::Null).boxed(),
        "array" => prop::collection::vec(of_schema(&schema["items"], all, depth - 1), 0..3)
            .prop_map(Value::from)
            .boxed(),
        "object" => object(schema, all, depth),
        _ => any_text().prop_map(Value::from).boxed(),
    });
    prop::strategy::Union::new(kinds.collect::<Vec<_>>()).boxed()
}

/// An object with its fields, of which one is sometimes missing.
fn object(schema: &Value, all: &Value, depth: u32) -> BoxedStrategy<Value> {
    let fields = schema["properties"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let mut whole: BoxedStrategy<Map<String, Value>> = Just(Map::new()).boxed();
    for (name, schema) in fields {
        let value = of_schema(&schema, all, depth - 1);
        let there = prop::bool::weighted(0.85);
        whole = (whole, value, there)
            .prop_map(move |(mut map, value, there)| {
                if there {
                    map.insert(name.clone(), value);
                }
                map
            })
            .boxed();
    }
    whole.prop_map(Value::Object).boxed()
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

#[tokio::test]
async fn every_response_matches_the_openapi_document() {
    let shop = Shop::on_sqlite().await;
    // Mails are stored and rate limits are off: the test is about the contract.
    let shop = shop
        .with(|config| (config.limit_login, config.limit_reset, config.limit_coupons) = (0, 0, 0))
        .await;
    shop.save(vec![only("tea", "5.00", 90)]).await;
    let cart = ready_cart(&shop, "tea-1", 1).await;
    let cart = cart.rsplit_once('/').unwrap().1;
    member(&shop, "ada@example.org").await;
    let document = shop.json("/openapi.json").await;
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::default()
    });
    let mut draw =
        |strategy: &BoxedStrategy<Value>| strategy.new_tree(&mut runner).unwrap().current();
    let text = any_text().prop_map(Value::from).boxed();
    let mut undescribed = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let body = &operation["requestBody"]["content"];
            let schema = body["application/json"]["schema"].clone();
            // Operations of an account are requested with its session, all others with the operator
            // token.
            let credential = if path.starts_with("/api/v1/account") {
                let mut browser = Browser::default();
                browser.login(&shop, "ada@example.org", PASSWORD).await;
                ("cookie", browser.cookie)
            } else {
                ("authorization", "Bearer operator".to_owned())
            };
            let bodies = of_schema(&schema, &document, 8);
            for number in 0..requests() {
                let mut address = path.replace("{cart}", cart);
                let mut query = Vec::new();
                for parameter in operation["parameters"].as_array().unwrap() {
                    let name = parameter["name"].as_str().unwrap();
                    let known = match name {
                        "sku" => "tea-1",
                        "product" | "external_id" => "tea",
                        _ => "1",
                    };
                    let value = if number % 3 == 0 {
                        known.to_owned()
                    } else {
                        match draw(&text) {
                            Value::String(text) => text.chars().take(300).collect(),
                            other => other.to_string(),
                        }
                    };
                    if parameter["in"] == "path" {
                        address = address.replace(&format!("{{{name}}}"), &encoded(&value));
                    } else if number % 2 == 0 || parameter["required"] == true {
                        query.push(format!("{name}={}", encoded(&value)));
                    }
                }
                if !query.is_empty() {
                    address = format!("{address}?{}", query.join("&"));
                }
                let sent = if schema.is_null() {
                    Value::Null
                } else {
                    draw(&bodies)
                };
                let mut request = Request::builder()
                    .method(method.to_uppercase().as_str())
                    .uri(&address)
                    .header(credential.0, &credential.1)
                    .header("idempotency-key", format!("{id}-{number}"));
                if number % 5 != 4 {
                    request = request.header("content-type", "application/json");
                }
                let reply = shop.send_body(request, Body::from(sent.to_string())).await;
                let status = reply.status.as_u16();
                let shown: String = sent.to_string().chars().take(400).collect();
                assert!(status < 500, "{id} {address} {shown}: {}", reply.text());
                let described = operation["responses"].get(status.to_string());
                let Some(described) = described else {
                    undescribed.insert(format!("{id}: {status} {}", reply.json()["type"]));
                    continue;
                };
                let media_type = reply.header("content-type");
                let content = &described["content"];
                assert!(
                    content.get(media_type).is_some() || status == 304,
                    "{id}: {status} as {media_type}"
                );
                if status >= 400 {
                    let problem = reply.json();
                    assert_eq!(problem["status"], json!(status), "{id}");
                    assert!(
                        problem["type"].as_str().unwrap().starts_with("/problems/"),
                        "{id}"
                    );
                }
            }
        }
    }
    assert!(undescribed.is_empty(), "{undescribed:#?}");
}
