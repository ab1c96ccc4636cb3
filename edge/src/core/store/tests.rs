use proptest::prelude::*;

use shared::edge::{PurgeMode, PurgeTag};

use super::*;
use crate::core::{
    control::Control,
    entry::{Body, Memo},
};

const EPOCH: Epoch = Epoch::BEGIN;

fn tagged(coding: &str, length: usize, tags: &[&str]) -> Rc<Entry> {
    Rc::new(Entry {
        status: 200,
        headers: Headers::new(),
        body: Body::new((), length),
        part: None,
        came_at: 0,
        here_since: 0,
        age_at_arrival: 0,
        control: Control {
            lifetime: Some(60),
            stale_while_revalidate: 60,
            ..Control::default()
        },
        varies_on: vec![("accept-encoding".into(), Some(coding.into()))],
        tags: tags.iter().map(|&tag| Rc::from(tag)).collect(),
        as_of: None,
        stale_since: None,
        memo: Memo::default(),
    })
}

fn entry(coding: &str, length: usize) -> Rc<Entry> {
    tagged(coding, length, &[])
}

fn asking(coding: &str) -> Headers {
    [("accept-encoding", coding)].into_iter().collect()
}

fn order(mode: PurgeMode, tags: &[&str]) -> PurgeOrder {
    let tag = |name: &&str| PurgeTag {
        name: (*name).to_owned(),
        version: None,
    };
    PurgeOrder {
        mode,
        tags: tags.iter().map(tag).collect(),
        ..PurgeOrder::default()
    }
}

#[test]
fn variants_stand_side_by_side_and_are_replaced() {
    let mut store = Store::new(100_000);
    store.put("/", entry("br", 1), EPOCH);
    store.put("/", entry("gzip", 2), EPOCH);
    store.put("/", entry("br", 3), EPOCH);
    let mut length = |coding| {
        let found = store.find("/", &asking(coding)).0;
        found.map(|entry| entry.body.len())
    };
    assert_eq!(length("br"), Some(3));
    assert_eq!(length("gzip"), Some(2));
    assert_eq!(store.find("/", &asking("identity")), (None, true));
    assert_eq!(store.find("/other", &asking("br")), (None, false));
}

/// A crawler that visits every page once does not push out what shoppers look at.
#[test]
fn a_scan_pushes_out_nothing_that_is_used() {
    let mut store = Store::new(1_000_000);
    for round in 0..5 {
        for hot in 0..20 {
            let key = format!("hot-{hot}");
            if store.find(&key, &asking("br")).0.is_none() {
                assert_eq!(round, 0);
                store.put(&key, entry("br", 5_000), EPOCH);
            }
        }
    }
    for cold in 0..2_000 {
        let key = format!("cold-{cold}");
        assert!(store.find(&key, &asking("br")).0.is_none());
        store.put(&key, entry("br", 5_000), EPOCH);
    }
    let left = (0..20).filter(|hot| {
        let key = format!("hot-{hot}");
        store.find(&key, &asking("br")).0.is_some()
    });
    assert_eq!(left.count(), 20);
    assert!(store.evicted() > 1_000);
}

#[test]
fn a_hard_purge_takes_what_has_the_tag_and_nothing_else() {
    let mut store = Store::new(100_000);
    store.put("/p/mug", tagged("br", 1, &["p1", "c1"]), EPOCH);
    store.put("/p/cup", tagged("br", 1, &["p2", "c1"]), EPOCH);
    store.put("/", tagged("br", 1, &["home"]), EPOCH);
    store.purge(&order(PurgeMode::Hard, &["p1", "nobody"]), 0);
    let is_there = |store: &mut Store, key| store.find(key, &asking("br")).0.is_some();
    assert!(!is_there(&mut store, "/p/mug") && is_there(&mut store, "/p/cup"));
    assert_eq!(store.len(), 2);
    store.purge(&order(PurgeMode::Hard, &["c1"]), 0);
    assert!(!is_there(&mut store, "/p/cup") && is_there(&mut store, "/"));
}

#[test]
fn a_soft_purge_leaves_it_stale() {
    let mut store = Store::new(100_000);
    store.put("/p/mug", tagged("br", 1, &["p1"]), EPOCH);
    store.purge(&order(PurgeMode::Soft, &["p1"]), 5_000);
    let found = store.find("/p/mug", &asking("br")).0.unwrap();
    assert!(!found.is_fresh(5_000) && found.may_serve_while_renewing(5_000));
    assert!(!found.may_serve_while_renewing(65_000));
    // Purging it again does not make it younger.
    store.purge(&order(PurgeMode::Soft, &["p1"]), 60_000);
    let found = store.find("/p/mug", &asking("br")).0.unwrap();
    assert!(!found.may_serve_while_renewing(65_000));
}

/// The event loop does nothing else meanwhile: a purge of what is on thousands of pages looks at none.
#[test]
fn a_purge_costs_as_much_as_it_has_tags() {
    let mut store = Store::new(100_000_000);
    for number in 0..10_000 {
        store.put(&format!("/p/{number}"), tagged("br", 1, &["home"]), EPOCH);
    }
    store.purge(&order(PurgeMode::Soft, &["home"]), 5_000);
    store.purge(&order(PurgeMode::Hard, &["nobody"]), 5_000);
    assert_eq!(store.judged(), 0);
    for _ in 0..3 {
        let found = store.find("/p/7", &asking("br")).0.unwrap();
        assert_eq!(found.stale_since, Some(5_000));
    }
    // Once to see that it is concerned, and once to make it stale.
    assert_eq!(store.judged(), 2);
    store.purge(&order(PurgeMode::Hard, &["home"]), 6_000);
    assert_eq!((store.judged(), store.len()), (2, 10_000));
    assert_eq!(store.find("/p/7", &asking("br")), (None, false));
    assert_eq!(store.len(), 9_999);
}

/// What was purged is remembered up to a limit; one past it, what is stored has been compared with it.
#[test]
fn what_is_purged_stays_so_when_it_is_forgotten() {
    let mut store = Store::new(100_000);
    store.put("/p/mug", tagged("br", 1, &["p0"]), EPOCH);
    store.put("/p/cup", tagged("br", 1, &["cup"]), EPOCH);
    for number in 0..crate::core::purge::REMEMBERED_MAX {
        store.purge(&order(PurgeMode::Hard, &[&format!("p{number}")]), 0);
    }
    assert_eq!((store.len(), store.judged()), (2, 0));
    store.purge(&order(PurgeMode::Hard, &["one more"]), 0);
    assert_eq!((store.len(), store.judged()), (1, 2));
    assert!(store.find("/p/cup", &asking("br")).0.is_some());
    assert_eq!(store.find("/p/mug", &asking("br")), (None, false));
}

/// RFC 9111 §4.4, and the answer that was on its way when somebody changed what it is about.
#[test]
fn what_is_invalid_is_not_stored_however_late_it_comes() {
    let mut store = Store::new(100_000);
    store.put("/a", entry("br", 1), EPOCH);
    let asked = store.epoch();
    store.invalidate("/a", 0);
    assert_eq!(store.find("/a", &asking("br")), (None, false));
    assert!(!store.put("/a", entry("br", 1), asked));
    assert!(!store.put_recalled("/a", entry("br", 1), asked));
    assert!(store.put("/b", entry("br", 1), asked));
    let asked = store.epoch();
    assert!(store.put_recalled("/a", entry("br", 1), asked));
    assert!(store.put("/a", entry("br", 1), asked));
}

/// Parts of one whole lie side by side; the whole is instead of them.
#[test]
fn parts_stand_beside_parts_of_the_same_whole() {
    let part = |text: &str, tag: &str| {
        let mut headers = Headers::new();
        headers.append("etag", tag);
        Rc::new(Entry {
            part: crate::core::range::Part::read(text),
            headers,
            ..Entry::clone(&entry("br", 2))
        })
    };
    let asking = |range| -> Headers {
        let lines = [("accept-encoding", "br"), ("range", range)];
        lines.into_iter().collect()
    };
    let mut store = Store::new(100_000);
    store.put("/a", part("bytes 0-1/6", "a"), EPOCH);
    store.put("/a", part("bytes 4-5/6", "a"), EPOCH);
    for (range, found) in [
        ("bytes=0-1", true),
        ("bytes=-1", true),
        ("bytes=2-3", false),
    ] {
        assert_eq!(
            store.find("/a", &asking(range)).0.is_some(),
            found,
            "{range}"
        );
    }
    store.put("/a", part("bytes 2-3/6", "b"), EPOCH);
    assert!(store.find("/a", &asking("bytes=0-1")).0.is_none());
    store.put("/a", entry("br", 6), EPOCH);
    let whole = store.find("/a", &asking("bytes=0-1")).0.unwrap();
    assert_eq!(whole.part, None);
}

proptest! {
    #[test]
    fn the_bound_holds_and_a_purge_is_seen(
        puts in prop::collection::vec((0_u8..20, 0_usize..3_000, 0_u8..4, any::<bool>()), 0..100),
    ) {
        let mut store = Store::new(20_000);
        for (key, length, tag, purge) in puts {
            let tag = format!("t{tag}");
            if purge {
                store.purge(&order(PurgeMode::Hard, &[&tag]), 0);
                for key in 0..20_u8 {
                    let found = store.find(&key.to_string(), &asking("br")).0;
                    prop_assert!(found.is_none_or(|it| it.tags.iter().all(|it| **it != *tag)));
                }
            }
            let epoch = store.epoch();
            store.put(&key.to_string(), tagged("br", length, &[&tag]), epoch);
            prop_assert!(store.bytes() <= 20_000);
        }
    }

    /// What was asked for before a purge is never there after it, in whatever order things happen.
    #[test]
    fn what_is_stored_is_never_older_than_a_purge(
        steps in prop::collection::vec((0_u8..3, 0_usize..4), 0..60),
    ) {
        let mut store = Store::new(100_000);
        let mut version = 0_usize;
        let mut under_way: [Option<(usize, Epoch)>; 4] = [None; 4];
        for (step, who) in steps {
            match step {
                // Somebody asks, and the origin answers with the version of now.
                0 => under_way[who] = Some((version, store.epoch())),
                // The answer comes.
                1 => if let Some((seen, epoch)) = under_way[who].take() {
                    store.put("/", tagged("br", seen, &["p1"]), epoch);
                },
                _ => {
                    version += 1;
                    store.purge(&order(PurgeMode::Hard, &["p1"]), 0);
                }
            }
            if let Some(found) = store.find("/", &asking("br")).0 {
                prop_assert_eq!(found.body.len(), version);
            }
        }
    }
}
