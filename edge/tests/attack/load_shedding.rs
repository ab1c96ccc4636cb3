//! Under overload the origin sheds requests of clients that browse, and never of clients that buy.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{buyers::buy_during_attack, client, shop::TestShop};

/// Three hundred connections send searches that are in no cache.
#[test]
fn random_searches_stop_no_buyer() {
    let shop = TestShop::open(&[]);
    let (refused, numbers) = (AtomicUsize::new(0), AtomicUsize::new(0));
    buy_during_attack(&shop, 300, |attacker, end| {
        let network = format!("203.0.{}.{}", attacker / 250, attacker % 250 + 1);
        end.until(|| {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            let path = format!("/search?q=mug+{number:x}+tea");
            let fields = [("x-real-ip", &*network)];
            // Any result is acceptable for an attacker.
            let response = client::send_json(shop.edge, "GET", &path, &fields, None);
            let busy = response.is_ok_and(|it| it.status == 503);
            refused.fetch_add(usize::from(busy), Ordering::Relaxed);
        })
    });
    println!(
        "{} of {} searches refused",
        refused.into_inner(),
        numbers.into_inner()
    );
}
