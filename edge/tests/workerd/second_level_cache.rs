//! The second-level cache: processes of the edge share stored responses through the Cache API.

use std::{
    collections::HashMap,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::support::{
    OriginHealth, SHARED_CACHE_CONTROL, TestEdge, TestOrigin, TestResponse, environment_variable,
};

/// The entries by URL, each with its tags and its body.
type StoredEntries = Arc<Mutex<HashMap<String, (Vec<String>, Vec<u8>)>>>;

/// A cache server with the protocol of workerd's Cache API: GET looks up an entry, PUT stores a
/// response in wire format, and PURGE deletes an entry.
fn cache() -> (TestOrigin, StoredEntries) {
    let entries = StoredEntries::default();
    let shared_entries = Arc::clone(&entries);
    let cache = TestOrigin::start(move |request| {
        let name = format!("{}{}", request.field("host"), request.target);
        let mut entries = entries.lock().unwrap();
        let mut response = TestResponse::new("");
        if request.method == "PUT" {
            let end = request.body.windows(4).position(|it| it == b"\r\n\r\n");
            let (head, body) = request.body.split_at(end.unwrap() + 4);
            entries.insert(name, (tags(head), body.to_vec()));
            response.status = 204;
            return response;
        }
        if request.method == "PURGE" {
            response.status = entries.remove(&name).map_or(404, |_| 200);
            return response;
        }
        match entries.get(&name) {
            Some((_, body)) => TestResponse::new(body.clone()).with_field("CF-Cache-Status", "HIT"),
            None => {
                response.status = 504;
                response.with_field("CF-Cache-Status", "MISS")
            }
        }
    });
    (cache, shared_entries)
}

fn tags(head: &[u8]) -> Vec<String> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let tags = head
        .lines()
        .find_map(|line| line.strip_prefix("cache-tag:"));
    let tags = tags.unwrap_or_default().split(',');
    tags.map(|tag| tag.trim().to_owned()).collect()
}

/// Purges the zone of `host` by tag, as Cloudflare's API does.
fn purge_zone(entries: &StoredEntries, host: &str, tag: &str) {
    let of_zone = |name: &String| name.split('/').next() == Some(host);
    let mut entries = entries.lock().unwrap();
    entries.retain(|name, (tags, _)| !of_zone(name) || tags.iter().all(|it| it != tag));
}

/// Starts two edges in front of one origin, with this second-level cache.
fn two_edges(origin: &TestOrigin, cache: &TestOrigin, fresh_ms: &str) -> [TestEdge; 2] {
    let folder = environment_variable("EDGE_DIR");
    let text = fs::read_to_string(format!("{folder}/workerd.capnp")).unwrap();
    let service = format!(
        "(name = \"cache\", external = (address = \"{}\", http = ())),",
        cache.address
    );
    let text = text
        .replace("services = [", &format!("services = [{service}"))
        .replace("bindings = [", "cacheApiOutbound = \"cache\", bindings = [");
    let folder_copy = tempfile::tempdir().unwrap();
    for file in ["index.js", "index_bg.wasm"] {
        fs::copy(format!("{folder}/{file}"), folder_copy.path().join(file)).unwrap();
    }
    let config = folder_copy.path().join("workerd.capnp");
    fs::write(&config, text).unwrap();
    let environment = [("CACHE_API", "on"), ("MEMORY_FRESH_MS", fresh_ms)];
    let config = config.display().to_string();
    [(); 2].map(|()| TestEdge::start_with_config(&config, origin, &environment))
}

/// Repeats a request until `Cache-Status` contains this text.
fn until(edge: &TestEdge, path: &str, said: &str) {
    for _ in 0..400 {
        if edge.get(path).cache_status_contains(said) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{path} never says {said}");
}

#[test]
fn a_response_stored_by_one_edge_is_a_hit_for_the_other() {
    let origin = TestOrigin::start(|request| {
        TestResponse::new(request.target.clone())
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .with_field("Vary", "Accept-Encoding")
            .with_field("Cache-Tag", "mug")
            .with_field("X-Mine", "kept")
    });
    let (cache, entries) = cache();
    let [one, other] = two_edges(&origin, &cache, "60000");
    assert!(
        one.get("/p/mug?variant=1")
            .cache_status_contains("fwd=uri-miss")
    );
    until(&other, "/p/mug?variant=1", "hit");
    let response = other.get("/p/mug?variant=1");
    assert_eq!(response.text(), "/p/mug?variant=1");
    assert_eq!(response.field("x-mine"), "kept");
    assert!(
        origin.request_count("/p/mug?variant=1") <= 2,
        "{:?}",
        origin.requests()
    );
    assert!(other.get("/p/other").cache_status_contains("fwd=uri-miss"));
    // A purge of a zone covers only URLs of the zone's hosts.
    let entries = entries.lock().unwrap();
    let name = "shop/_edge/kept/identity/p/mug?variant=1";
    assert_eq!(entries[name].0, ["mug"], "{:?}", entries.keys());
}

/// Where no purge reaches the memory, a stored response is soon looked up in the second-level
/// cache.
#[test]
fn the_second_level_is_asked_after_the_memory_time() {
    let origin = TestOrigin::start(|_| {
        TestResponse::new("mug").with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
    });
    let (cache, _) = cache();
    let [edge, _] = two_edges(&origin, &cache, "0");
    edge.get("/p/mug");
    until(&edge, "/p/mug", "detail=behind");
    let before = cache.requests().len();
    assert!(edge.get("/p/mug").cache_status_contains("detail=behind"));
    assert!(cache.requests().len() > before);
}

#[test]
fn a_failing_second_level_counts_as_a_miss() {
    let origin = TestOrigin::start(|_| {
        TestResponse::new("mug").with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
    });
    let (cache, _) = cache();
    cache.set_health(OriginHealth::Down);
    let [one, other] = two_edges(&origin, &cache, "60000");
    for edge in [&one, &other] {
        assert_eq!(edge.get("/p/mug").text(), "mug");
        assert!(edge.get("/p/mug").cache_status_contains("hit"));
    }
    assert_eq!(origin.request_count("/p/mug"), 2);
}

/// An origin that responds with its version, which each unsafe request increments.
fn versioned() -> (TestOrigin, Arc<AtomicU64>) {
    let version = Arc::new(AtomicU64::new(1));
    let now = Arc::clone(&version);
    let origin = TestOrigin::start(move |request| {
        if request.method != "GET" {
            now.fetch_add(1, Ordering::SeqCst);
        }
        TestResponse::new(now.load(Ordering::SeqCst).to_string())
            .with_field(SHARED_CACHE_CONTROL.0, SHARED_CACHE_CONTROL.1)
            .with_field("Vary", "Accept-Encoding")
            .with_field("Cache-Tag", "mug")
    });
    (origin, version)
}

#[test]
fn a_zone_purge_reaches_the_second_level() {
    let (origin, version) = versioned();
    let (cache, entries) = cache();
    let edges = two_edges(&origin, &cache, "0");
    assert_eq!(edges[0].get("/p/mug").text(), "1");
    until(&edges[1], "/p/mug", "detail=behind");
    version.store(2, Ordering::SeqCst);
    purge_zone(&entries, "shop", "other");
    assert_eq!(edges[1].get("/p/mug").text(), "1");
    purge_zone(&entries, "shop", "mug");
    for edge in &edges {
        assert_eq!(edge.get("/p/mug").text(), "2");
    }
}

/// RFC 9111 §4.4: an unsafe request invalidates the second-level cache, too.
#[test]
fn an_unsafe_request_invalidates_the_second_level() {
    let (origin, _) = versioned();
    let (cache, entries) = cache();
    let [edge, _] = two_edges(&origin, &cache, "0");
    let br = [("accept-encoding", "br")];
    for (number, method) in ["POST", "PUT", "DELETE", "PATCH"].into_iter().enumerate() {
        let text = (number + 1).to_string();
        for fields in [&[][..], &br[..]] {
            assert_eq!(edge.send("GET", "/thing", fields, b"").text(), text);
        }
        for _ in 0..400 {
            if entries.lock().unwrap().len() == 2 {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(edge.send(method, "/thing", &[], b"x").status, 200);
        assert_eq!(entries.lock().unwrap().len(), 0, "{method}");
    }
    assert_eq!(edge.get("/thing").text(), "5");
    // A personal response has no entry, so nothing is deleted.
    let purges = || {
        let requests = cache.requests().into_iter();
        requests.filter(|it| it.method == "PURGE").count()
    };
    let before = purges();
    edge.send("POST", "/cart", &[], b"x");
    assert_eq!(purges(), before);
}

/// On Cloudflare the origin has a URL, and there may be a cache between it and the Worker.
#[test]
fn no_intermediate_cache_answers_for_the_origin() {
    let (origin, _) = versioned();
    let folder = environment_variable("EDGE_DIR");
    let text = fs::read_to_string(format!("{folder}/workerd.capnp")).unwrap();
    let text = text.replace(
        "bindings = [",
        "globalOutbound = \"origin\", bindings = [
         (name = \"ORIGIN_URL\", text = \"http://origin.example/\"),",
    );
    let folder_copy = tempfile::tempdir().unwrap();
    for file in ["index.js", "index_bg.wasm"] {
        fs::copy(format!("{folder}/{file}"), folder_copy.path().join(file)).unwrap();
    }
    let config = folder_copy.path().join("workerd.capnp");
    fs::write(&config, text).unwrap();
    let edge = TestEdge::start_with_config(&config.display().to_string(), &origin, &[]);
    assert_eq!(edge.get("/p/mug").text(), "1");
    assert!(edge.get("/p/mug").cache_status_contains("hit"));
    let request = &origin.requests()[0];
    assert_eq!(request.field("host"), "origin.example");
    assert_eq!(request.field("cache-control"), "no-cache");
}
