//! The cache behind the memory: what one process of the edge has fetched is there for the others.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use crate::support::{Answer, Edge, Health, Origin, SHARED, needed};

/// A cache as workerd talks to it: GET asks for what is kept, and PUT keeps an answer as it would be
/// on the wire.
fn cache() -> Origin {
    let kept: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
    Origin::start(move |request| {
        let name = format!("{}{}", request.field("host"), request.target);
        let mut kept = kept.lock().unwrap();
        if request.method == "PUT" {
            let head = request.body.windows(4).position(|it| it == b"\r\n\r\n");
            kept.insert(name, request.body[head.unwrap() + 4..].to_vec());
            let mut answer = Answer::new("");
            answer.status = 204;
            return answer;
        }
        match kept.get(&name) {
            Some(body) => Answer::new(body.clone()).with("CF-Cache-Status", "HIT"),
            None => {
                let mut answer = Answer::new("").with("CF-Cache-Status", "MISS");
                answer.status = 504;
                answer
            }
        }
    })
}

/// Two edges before one origin, with this cache behind both of them.
fn pair_before(origin: &Origin, cache: &Origin, fresh_ms: &str) -> [Edge; 2] {
    let folder = needed("EDGE_DIR");
    let text = fs::read_to_string(format!("{folder}/workerd.capnp")).unwrap();
    let service = format!(
        "(name = \"cache\", external = (address = \"{}\", http = ())),",
        cache.address
    );
    let text = text
        .replace("services = [", &format!("services = [{service}"))
        .replace("bindings = [", "cacheApiOutbound = \"cache\", bindings = [");
    let place = tempfile::tempdir().unwrap();
    for file in ["index.js", "index_bg.wasm"] {
        fs::copy(format!("{folder}/{file}"), place.path().join(file)).unwrap();
    }
    let config = place.path().join("workerd.capnp");
    fs::write(&config, text).unwrap();
    let environment = [("CACHE_API", "on"), ("MEMORY_FRESH_MS", fresh_ms)];
    let config = config.display().to_string();
    [(); 2].map(|()| Edge::start_as(&config, origin, &environment))
}

/// Asks until the answer says this.
fn until(edge: &Edge, path: &str, said: &str) {
    for _ in 0..400 {
        if edge.get(path).says(said) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{path} never says {said}");
}

#[test]
fn what_one_has_fetched_is_there_for_the_other() {
    let origin = Origin::start(|request| {
        Answer::new(request.target.clone())
            .with(SHARED.0, SHARED.1)
            .with("Vary", "Accept-Encoding")
            .with("Cache-Tag", "mug")
            .with("X-Mine", "kept")
    });
    let cache = cache();
    let [one, other] = pair_before(&origin, &cache, "60000");
    assert!(one.get("/p/mug?variant=1").says("fwd=uri-miss"));
    until(&other, "/p/mug?variant=1", "hit");
    let reply = other.get("/p/mug?variant=1");
    assert_eq!(reply.text(), "/p/mug?variant=1");
    assert_eq!(reply.field("x-mine"), "kept");
    assert!(
        origin.asked("/p/mug?variant=1") <= 2,
        "{:?}",
        origin.requests()
    );
    assert!(other.get("/p/other").says("fwd=uri-miss"));
}

/// Where no purge reaches a memory it is not believed for long: the cache behind it is.
#[test]
fn a_memory_is_believed_for_as_long_as_it_is_said() {
    let origin = Origin::start(|_| Answer::new("mug").with(SHARED.0, SHARED.1));
    let cache = cache();
    let [edge, _] = pair_before(&origin, &cache, "0");
    edge.get("/p/mug");
    until(&edge, "/p/mug", "detail=behind");
    let before = cache.requests().len();
    assert!(edge.get("/p/mug").says("detail=behind"));
    assert!(cache.requests().len() > before);
}

#[test]
fn a_cache_that_fails_is_a_cache_that_forgets() {
    let origin = Origin::start(|_| Answer::new("mug").with(SHARED.0, SHARED.1));
    let cache = cache();
    cache.is(Health::Killed);
    let [one, other] = pair_before(&origin, &cache, "60000");
    for edge in [&one, &other] {
        assert_eq!(edge.get("/p/mug").text(), "mug");
        assert!(edge.get("/p/mug").says("hit"));
    }
    assert_eq!(origin.asked("/p/mug"), 2);
}
