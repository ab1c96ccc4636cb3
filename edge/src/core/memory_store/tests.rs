use proptest::prelude::*;

use shared::edge::{PurgeMode, PurgeTag};

use super::*;
use crate::core::{
    cache_control::CacheControl,
    stored_response::{AdapterMemo, StoredBody},
};

const EPOCH: PurgeEpoch = PurgeEpoch::START;

fn tagged(coding: &str, length: usize, tags: &[&str]) -> Rc<StoredResponse> {
    Rc::new(StoredResponse {
        status: 200,
        headers: Headers::new(),
        body: StoredBody::new((), length),
        content_range: None,
        received_at: 0,
        stored_at: 0,
        corrected_initial_age: 0,
        cache_control: CacheControl {
            freshness_lifetime: Some(60),
            stale_while_revalidate: 60,
            ..CacheControl::default()
        },
        vary_values: vec![("accept-encoding".into(), Some(coding.into()))],
        tags: tags.iter().map(|&tag| Rc::from(tag)).collect(),
        catalogue_version: None,
        invalidated_at: None,
        memo: AdapterMemo::default(),
    })
}

fn response(coding: &str, length: usize) -> Rc<StoredResponse> {
    tagged(coding, length, &[])
}

fn request(coding: &str) -> Headers {
    [("accept-encoding", coding)].into_iter().collect()
}

fn purge_request(mode: PurgeMode, tags: &[&str]) -> PurgeRequest {
    let tag = |name: &&str| PurgeTag {
        name: (*name).to_owned(),
        version: None,
    };
    PurgeRequest {
        mode,
        tags: tags.iter().map(tag).collect(),
        ..PurgeRequest::default()
    }
}

#[test]
fn variants_are_stored_side_by_side_and_replaced() {
    let mut store = MemoryStore::new(100_000);
    store.put("/", response("br", 1), EPOCH);
    store.put("/", response("gzip", 2), EPOCH);
    store.put("/", response("br", 3), EPOCH);
    let mut length = |coding| {
        let found = store.find("/", &request(coding)).0;
        found.map(|response| response.body.len())
    };
    assert_eq!(length("br"), Some(3));
    assert_eq!(length("gzip"), Some(2));
    assert_eq!(store.find("/", &request("identity")), (None, true));
    assert_eq!(store.find("/other", &request("br")), (None, false));
}

/// A crawler that visits every page once does not evict the pages that shoppers look at.
#[test]
fn a_scan_does_not_evict_popular_responses() {
    let mut store = MemoryStore::new(1_000_000);
    for round in 0..5 {
        for hot in 0..20 {
            let key = format!("hot-{hot}");
            if store.find(&key, &request("br")).0.is_none() {
                assert_eq!(round, 0);
                store.put(&key, response("br", 5_000), EPOCH);
            }
        }
    }
    for cold in 0..2_000 {
        let key = format!("cold-{cold}");
        assert!(store.find(&key, &request("br")).0.is_none());
        store.put(&key, response("br", 5_000), EPOCH);
    }
    let left = (0..20).filter(|hot| {
        let key = format!("hot-{hot}");
        store.find(&key, &request("br")).0.is_some()
    });
    assert_eq!(left.count(), 20);
    assert!(store.evicted() > 1_000);
}

#[test]
fn a_hard_purge_removes_the_responses_with_its_tag_only() {
    let mut store = MemoryStore::new(100_000);
    store.put("/p/mug", tagged("br", 1, &["p1", "c1"]), EPOCH);
    store.put("/p/cup", tagged("br", 1, &["p2", "c1"]), EPOCH);
    store.put("/", tagged("br", 1, &["home"]), EPOCH);
    store.purge(&purge_request(PurgeMode::Hard, &["p1", "nobody"]), 0);
    let is_there = |store: &mut MemoryStore, key| store.find(key, &request("br")).0.is_some();
    assert!(!is_there(&mut store, "/p/mug") && is_there(&mut store, "/p/cup"));
    assert_eq!(store.len(), 2);
    store.purge(&purge_request(PurgeMode::Hard, &["c1"]), 0);
    assert!(!is_there(&mut store, "/p/cup") && is_there(&mut store, "/"));
}

#[test]
fn a_soft_purge_makes_a_response_stale() {
    let mut store = MemoryStore::new(100_000);
    store.put("/p/mug", tagged("br", 1, &["p1"]), EPOCH);
    store.purge(&purge_request(PurgeMode::Soft, &["p1"]), 5_000);
    let found = store.find("/p/mug", &request("br")).0.unwrap();
    assert!(!found.is_fresh(5_000) && found.may_serve_while_revalidating(5_000));
    assert!(!found.may_serve_while_revalidating(65_000));
    // A second soft purge does not extend the time for which the response may be served stale.
    store.purge(&purge_request(PurgeMode::Soft, &["p1"]), 60_000);
    let found = store.find("/p/mug", &request("br")).0.unwrap();
    assert!(!found.may_serve_while_revalidating(65_000));
}

/// A purge blocks the event loop, so it must not visit the thousands of responses that have its
/// tag.
#[test]
fn the_cost_of_a_purge_depends_on_its_tags_only() {
    let mut store = MemoryStore::new(100_000_000);
    for number in 0..10_000 {
        store.put(&format!("/p/{number}"), tagged("br", 1, &["home"]), EPOCH);
    }
    store.purge(&purge_request(PurgeMode::Soft, &["home"]), 5_000);
    store.purge(&purge_request(PurgeMode::Hard, &["nobody"]), 5_000);
    assert_eq!(store.purge_checks(), 0);
    for _ in 0..3 {
        let found = store.find("/p/7", &request("br")).0.unwrap();
        assert_eq!(found.invalidated_at, Some(5_000));
    }
    // One check finds that a purge applies, and one applies it.
    assert_eq!(store.purge_checks(), 2);
    store.purge(&purge_request(PurgeMode::Hard, &["home"]), 6_000);
    assert_eq!((store.purge_checks(), store.len()), (2, 10_000));
    assert_eq!(store.find("/p/7", &request("br")), (None, false));
    assert_eq!(store.len(), 9_999);
}

/// The purge log is bounded: at its limit the stored responses are checked, and the log is
/// compacted.
#[test]
fn compacting_the_purge_log_keeps_purged_responses_out() {
    let mut store = MemoryStore::new(100_000);
    store.put("/p/mug", tagged("br", 1, &["p0"]), EPOCH);
    store.put("/p/cup", tagged("br", 1, &["cup"]), EPOCH);
    for number in 0..crate::core::purge_log::PURGE_RECORDS_MAX {
        store.purge(&purge_request(PurgeMode::Hard, &[&format!("p{number}")]), 0);
    }
    assert_eq!((store.len(), store.purge_checks()), (2, 0));
    store.purge(&purge_request(PurgeMode::Hard, &["one more"]), 0);
    assert_eq!((store.len(), store.purge_checks()), (1, 2));
    assert!(store.find("/p/cup", &request("br")).0.is_some());
    assert_eq!(store.find("/p/mug", &request("br")), (None, false));
}

/// RFC 9111 §4.4, also for a response that was on its way during the invalidation.
#[test]
fn a_late_response_to_an_invalidated_key_is_not_stored() {
    let mut store = MemoryStore::new(100_000);
    store.put("/a", response("br", 1), EPOCH);
    let requested_in = store.epoch();
    store.invalidate("/a", 0);
    assert_eq!(store.find("/a", &request("br")), (None, false));
    assert!(!store.put("/a", response("br", 1), requested_in));
    assert!(!store.put_from_second_level("/a", response("br", 1), requested_in));
    assert!(store.put("/b", response("br", 1), requested_in));
    let requested_in = store.epoch();
    assert!(store.put_from_second_level("/a", response("br", 1), requested_in));
    assert!(store.put("/a", response("br", 1), requested_in));
}

/// Ranges of one representation are stored side by side; the complete representation replaces them.
#[test]
fn ranges_of_the_same_representation_are_stored_side_by_side() {
    let part = |text: &str, tag: &str| {
        let mut headers = Headers::new();
        headers.append("etag", tag);
        Rc::new(StoredResponse {
            content_range: crate::core::byte_range::ContentRange::parse(text),
            headers,
            ..StoredResponse::clone(&response("br", 2))
        })
    };
    let request = |range| -> Headers {
        let lines = [("accept-encoding", "br"), ("range", range)];
        lines.into_iter().collect()
    };
    let mut store = MemoryStore::new(100_000);
    store.put("/a", part("bytes 0-1/6", "a"), EPOCH);
    store.put("/a", part("bytes 4-5/6", "a"), EPOCH);
    for (range, found) in [
        ("bytes=0-1", true),
        ("bytes=-1", true),
        ("bytes=2-3", false),
    ] {
        assert_eq!(
            store.find("/a", &request(range)).0.is_some(),
            found,
            "{range}"
        );
    }
    store.put("/a", part("bytes 2-3/6", "b"), EPOCH);
    assert!(store.find("/a", &request("bytes=0-1")).0.is_none());
    store.put("/a", response("br", 6), EPOCH);
    let whole = store.find("/a", &request("bytes=0-1")).0.unwrap();
    assert_eq!(whole.content_range, None);
}

/// An eighth of the store is the largest response that it stores.
#[test]
fn a_response_has_a_largest_size() {
    // An eighth of this store is 10,000 bytes, and a response counts 256 more than its body.
    let mut store = MemoryStore::new(80_000);
    assert!(store.put("/at", response("br", 9_744), EPOCH));
    assert!(store.find("/at", &request("br")).0.is_some());
    for size in [9_745, 79_000] {
        assert!(!store.put("/past", response("br", size), EPOCH), "{size}");
        assert!(!store.put_from_second_level("/past", response("br", size), EPOCH));
        assert_eq!(store.find("/past", &request("br")), (None, false));
    }
    assert_eq!(store.len(), 1);
}

/// A response that is too large to be stored leaves the other variants of its key alone.
#[test]
fn a_refused_response_leaves_the_other_variants() {
    let mut store = MemoryStore::new(80_000);
    assert!(store.put("/", response("br", 1), EPOCH));
    assert!(store.put("/", response("gzip", 1), EPOCH));
    assert!(!store.put("/", response("gzip", 9_745), EPOCH));
    assert!(store.find("/", &request("br")).0.is_some());
    // The refused response is newer than the one that was stored for its selecting fields.
    assert!(store.find("/", &request("gzip")).0.is_none());
}

/// A key has at most eight variants: the ninth replaces the oldest one.
#[test]
fn a_key_has_a_largest_number_of_variants() {
    let mut store = MemoryStore::new(100_000);
    let codings = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    for (number, coding) in codings.iter().enumerate() {
        assert!(store.put("/", response(coding, 1), EPOCH));
        for (earlier, coding) in codings[..=number].iter().enumerate() {
            let is_stored = store.find("/", &request(coding)).0.is_some();
            assert_eq!(is_stored, earlier + 8 > number, "{coding} of {number}");
        }
    }
    assert_eq!(store.len(), 1);
}

proptest! {
    #[test]
    fn the_size_limit_holds_and_purges_apply(
        puts in prop::collection::vec((0_u8..20, 0_usize..3_000, 0_u8..4, any::<bool>()), 0..100),
    ) {
        let mut store = MemoryStore::new(20_000);
        for (key, length, tag, purge) in puts {
            let tag = format!("t{tag}");
            if purge {
                store.purge(&purge_request(PurgeMode::Hard, &[&tag]), 0);
                for key in 0..20_u8 {
                    let found = store.find(&key.to_string(), &request("br")).0;
                    prop_assert!(found.is_none_or(|it| it.tags.iter().all(|it| **it != *tag)));
                }
            }
            let epoch = store.epoch();
            store.put(&key.to_string(), tagged("br", length, &[&tag]), epoch);
            prop_assert!(store.bytes() <= 20_000);
        }
    }

    /// In any order of events, a response that was requested before a purge is never found after
    /// it.
    #[test]
    fn no_stored_response_predates_a_purge(
        steps in prop::collection::vec((0_u8..3, 0_usize..4), 0..60),
    ) {
        let mut store = MemoryStore::new(100_000);
        let mut version = 0_usize;
        let mut under_way: [Option<(usize, PurgeEpoch)>; 4] = [None; 4];
        for (step, who) in steps {
            match step {
                // The origin is asked and responds with the current version.
                0 => under_way[who] = Some((version, store.epoch())),
                // The response arrives.
                1 => if let Some((seen, epoch)) = under_way[who].take() {
                    store.put("/", tagged("br", seen, &["p1"]), epoch);
                },
                _ => {
                    version += 1;
                    store.purge(&purge_request(PurgeMode::Hard, &["p1"]), 0);
                }
            }
            if let Some(found) = store.find("/", &request("br")).0 {
                prop_assert_eq!(found.body.len(), version);
            }
        }
    }
}
