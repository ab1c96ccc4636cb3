//! A CDN in front of the edge: it stores only responses that the contract declares shared, and is
//! purged with the edge.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use shared::edge::PURGE;

use crate::support::{
    ReceivedRequest, SECRET, SHARED_CACHE_CONTROL, TestEdge, TestOrigin, TestResponse,
    environment_variable,
};

/// Starts an edge behind the stand-in for the CDN.
fn edge_behind_cdn(origin: &TestOrigin, environment: &[(&str, &str)]) -> TestEdge {
    let folder = environment_variable("EDGE_DIR");
    let text = fs::read_to_string(format!("{folder}/workerd.capnp")).unwrap();
    let module = "(name = \"cdn_in_front.mjs\", esModule = embed \"cdn_in_front.mjs\"),";
    let limit = "(name = \"FRONT_PURGES\", fromEnvironment = \"FRONT_PURGES\"),";
    let text = text
        .replace("modules = [", &format!("modules = [{module}"))
        .replace("bindings = [", &format!("bindings = [{limit}"));
    let folder_copy = tempfile::tempdir().unwrap();
    for file in ["index.js", "index_bg.wasm"] {
        fs::copy(format!("{folder}/{file}"), folder_copy.path().join(file)).unwrap();
    }
    fs::write(
        folder_copy.path().join("cdn_in_front.mjs"),
        include_str!("cdn_in_front.mjs"),
    )
    .unwrap();
    let config = folder_copy.path().join("workerd.capnp");
    fs::write(&config, text).unwrap();
    let usual = [("EDGE_SECRET", SECRET), ("CDN_IN_FRONT", "on")];
    let environment = [&usual, environment].concat();
    TestEdge::start_with_config(&config.display().to_string(), origin, &environment)
}

/// An origin whose every response is the current version.
fn versioned() -> (TestOrigin, Arc<AtomicU64>) {
    let version = Arc::new(AtomicU64::new(1));
    let now = Arc::clone(&version);
    let origin = TestOrigin::start(move |_| {
        TestResponse::new(now.load(Ordering::SeqCst).to_string())
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .with_field("Cache-Control", "public, max-age=0")
            .with_field("Cache-Tag", "mug,home")
    });
    (origin, version)
}

#[test]
fn the_cdn_stores_shared_responses_and_is_purged() {
    let (origin, version) = versioned();
    let edge = edge_behind_cdn(&origin, &[]);
    let front = |path: &str| {
        let response = edge.get(path);
        assert!(!response.fields.contains_key("cache-tag"), "{response:?}");
        let status = response.field("cf-cache-status").to_owned();
        (status, response.text().to_owned())
    };
    let expected = |status: &str, text: &str| (status.to_owned(), text.to_owned());
    assert_eq!(front("/p/mug"), expected("MISS", "1"));
    assert_eq!(front("/p/mug"), expected("HIT", "1"));
    version.store(2, Ordering::SeqCst);
    edge.purge(r#"{"tags":[{"name":"other"}]}"#);
    assert_eq!(front("/p/mug"), expected("HIT", "1"));
    edge.purge(r#"{"tags":[{"name":"mug"}]}"#);
    assert_eq!(front("/p/mug"), expected("MISS", "2"));
    version.store(3, Ordering::SeqCst);
    edge.purge(r#"{"everything":true}"#);
    assert_eq!(front("/p/mug"), expected("MISS", "3"));
    assert_eq!(origin.request_count("/p/mug"), 3);
}

/// The CDN knows no contract, so the edge forbids it to store personal responses, whatever fields
/// the origin sends.
#[test]
fn the_cdn_never_stores_personal_responses() {
    let origin = TestOrigin::start(|request: &ReceivedRequest| {
        let response = TestResponse::new(format!("of {}", request.field("cookie")));
        match request.target.as_str() {
            "/silent" => response,
            "/other" => response.with_field("Cache-Control", "max-age=600"),
            _ => response.with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1),
        }
    });
    let edge = edge_behind_cdn(&origin, &[]);
    for path in ["/cart", "/account", "/api/v1/visitor", "/silent", "/other"] {
        for who in ["ann", "bob"] {
            let response = edge.send("GET", path, &[("cookie", who)], b"");
            assert_eq!(response.text(), format!("of {who}"), "{path}");
            assert_eq!(response.field("cf-cache-status"), "BYPASS", "{path}");
        }
    }
}

/// If the CDN rejects a purge, the edge answers with an error so that the origin sends it again.
#[test]
fn a_purge_that_the_cdn_rejects_is_an_error() {
    let (origin, version) = versioned();
    let edge = edge_behind_cdn(&origin, &[("FRONT_PURGES", "0")]);
    assert_eq!(edge.get("/p/mug").text(), "1");
    version.store(2, Ordering::SeqCst);
    let response = edge.call_signed("POST", PURGE, r#"{"tags":[{"name":"mug"}]}"#);
    assert_eq!((response.status, response.text()), (503, "rate limited\n"));
    let response = edge.call_signed("POST", PURGE, r#"{"tags":[]}"#);
    assert_eq!(response.status, 204);
}
