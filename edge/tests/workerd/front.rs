//! The cache that can be in front of the edge: it keeps what the edge calls everybody's, and nothing else, and
//! is purged with it.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use shared::edge::PURGE;

use crate::support::{Answer, Edge, Origin, Request, SECRET, SHARED, needed};

/// An edge with the stand-in in front of it.
fn behind_front(origin: &Origin, environment: &[(&str, &str)]) -> Edge {
    let folder = needed("EDGE_DIR");
    let text = fs::read_to_string(format!("{folder}/workerd.capnp")).unwrap();
    let module = "(name = \"front.mjs\", esModule = embed \"front.mjs\"),";
    let limit = "(name = \"FRONT_PURGES\", fromEnvironment = \"FRONT_PURGES\"),";
    let text = text
        .replace("modules = [", &format!("modules = [{module}"))
        .replace("bindings = [", &format!("bindings = [{limit}"));
    let place = tempfile::tempdir().unwrap();
    for file in ["index.js", "index_bg.wasm"] {
        fs::copy(format!("{folder}/{file}"), place.path().join(file)).unwrap();
    }
    fs::write(place.path().join("front.mjs"), include_str!("front.mjs")).unwrap();
    let config = place.path().join("workerd.capnp");
    fs::write(&config, text).unwrap();
    let usual = [("EDGE_SECRET", SECRET), ("CDN_IN_FRONT", "on")];
    let environment = [&usual, environment].concat();
    Edge::start_as(&config.display().to_string(), origin, &environment)
}

/// An origin whose every answer is its version at the time of the question.
fn versioned() -> (Origin, Arc<AtomicU64>) {
    let version = Arc::new(AtomicU64::new(1));
    let now = Arc::clone(&version);
    let origin = Origin::start(move |_| {
        Answer::new(now.load(Ordering::SeqCst).to_string())
            .with(SHARED.0, SHARED.1)
            .with("Cache-Control", "public, max-age=0")
            .with("Cache-Tag", "mug,home")
    });
    (origin, version)
}

#[test]
fn what_is_everybodys_is_kept_in_front_and_purged_there() {
    let (origin, version) = versioned();
    let edge = behind_front(&origin, &[]);
    let front = |path: &str| {
        let reply = edge.get(path);
        assert!(!reply.fields.contains_key("cache-tag"), "{reply:?}");
        let said = reply.field("cf-cache-status").to_owned();
        (said, reply.text().to_owned())
    };
    let answer = |said: &str, text: &str| (said.to_owned(), text.to_owned());
    assert_eq!(front("/p/mug"), answer("MISS", "1"));
    assert_eq!(front("/p/mug"), answer("HIT", "1"));
    version.store(2, Ordering::SeqCst);
    edge.purge(r#"{"tags":[{"name":"other"}]}"#);
    assert_eq!(front("/p/mug"), answer("HIT", "1"));
    edge.purge(r#"{"tags":[{"name":"mug"}]}"#);
    assert_eq!(front("/p/mug"), answer("MISS", "2"));
    version.store(3, Ordering::SeqCst);
    edge.purge(r#"{"everything":true}"#);
    assert_eq!(front("/p/mug"), answer("MISS", "3"));
    assert_eq!(origin.asked("/p/mug"), 3);
}

/// That cache knows no contract: what the edge passes on is not for it, whatever the origin says or does not.
#[test]
fn what_is_somebodys_is_never_kept_in_front() {
    let origin = Origin::start(|request: &Request| {
        let answer = Answer::new(format!("of {}", request.field("cookie")));
        match request.target.as_str() {
            "/silent" => answer,
            "/other" => answer.with("Cache-Control", "max-age=600"),
            _ => answer.with(SHARED.0, SHARED.1),
        }
    });
    let edge = behind_front(&origin, &[]);
    for path in ["/cart", "/account", "/api/v1/visitor", "/silent", "/other"] {
        for who in ["ann", "bob"] {
            let reply = edge.send("GET", path, &[("cookie", who)], b"");
            assert_eq!(reply.text(), format!("of {who}"), "{path}");
            assert_eq!(reply.field("cf-cache-status"), "BYPASS", "{path}");
        }
    }
}

/// A purge that the cache in front does not take is one that has to be tried again.
#[test]
fn a_purge_that_is_refused_in_front_is_told_so() {
    let (origin, version) = versioned();
    let edge = behind_front(&origin, &[("FRONT_PURGES", "0")]);
    assert_eq!(edge.get("/p/mug").text(), "1");
    version.store(2, Ordering::SeqCst);
    let reply = edge.call("POST", PURGE, r#"{"tags":[{"name":"mug"}]}"#);
    assert_eq!((reply.status, reply.text()), (503, "rate limited\n"));
    let reply = edge.call("POST", PURGE, r#"{"tags":[]}"#);
    assert_eq!(reply.status, 204);
}
