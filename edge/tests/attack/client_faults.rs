//! Faults of a client must not affect other clients.

use std::{io::Write, thread, time::Duration};

use crate::{
    buyers::{buy_during_attack, buy_during_maintenance},
    client::{self, connect, head, send},
    shop::TestShop,
};

/// GET requests with a body, which HTTP gives no meaning, also with `Content-Length: 0`.
#[test]
fn get_requests_with_a_body_stop_no_buyer() {
    let shop = TestShop::open(&[]);
    buy_during_attack(&shop, 3, |number, end| {
        let (length, body) = [("0", ""), ("4", "evil"), ("1", "x")][number];
        let request = head("GET", "/cart", &[("content-length", length)]) + body;
        end.until(|| {
            let response = send(shop.edge, request.as_bytes()).unwrap();
            assert!(matches!(response.status, 200 | 400), "{response:?}");
        })
    });
}

/// Requests that are aborted, malformed, or have a method that the edge does not forward.
#[test]
fn broken_requests_stop_no_buyer() {
    let shop = TestShop::open(&[]);
    let chunked = head("POST", "/cart", &[("transfer-encoding", "chunked")]);
    let requests = [
        head("POST", "/cart", &[("content-length", "10")]) + "abc",
        chunked.clone() + "3\r\nabc\r\nnonsense\r\n",
        chunked + "zz\r\n",
        head("TRACE", "/cart", &[]),
        head("PUT", "/api/v1/carts/1", &[("content-length", "1000000")]) + "{",
    ];
    buy_during_attack(&shop, requests.len(), |number, end| {
        end.until(|| {
            let mut stream = connect(shop.edge).unwrap();
            let _ = stream.write_all(requests[number].as_bytes());
            thread::sleep(Duration::from_millis(5));
        })
    });
}

/// Forty clients that send their bodies byte by byte.
#[test]
fn slow_bodies_stop_no_buyer() {
    let shop = TestShop::open(&[]);
    buy_during_attack(&shop, 40, |_, end| {
        let mut stream = connect(shop.edge).unwrap();
        let head = head("POST", "/cart", &[("content-length", "1000")]);
        stream.write_all(head.as_bytes()).unwrap();
        end.until(|| {
            let _ = stream.write_all(b"x");
            thread::sleep(Duration::from_millis(200));
        })
    });
}

/// Bodies up to five megabytes get the origin's response; bodies above the limit are rejected by
/// the edge.
#[test]
fn large_bodies_stop_no_buyer() {
    let shop = TestShop::open(&[]);
    let body = vec![b'x'; 5 * 1_024 * 1_024];
    buy_during_attack(&shop, 2, |number, end| {
        let mut megabytes = number;
        end.until(|| {
            megabytes = megabytes % 5 + 1;
            let body = &body[..megabytes * 1_024 * 1_024];
            let length = body.len().to_string();
            let head = head("POST", "/nothing", &[("content-length", &length)]);
            let response = send(shop.edge, &[head.as_bytes(), body].concat()).unwrap();
            assert_eq!(response.status, 404, "{}", response.head);
        })
    });
    let head = head("POST", "/nothing", &[("content-length", "99999999999")]);
    assert_eq!(send(shop.edge, head.as_bytes()).unwrap().status, 413);
}

/// Concurrent misses for pages that do not exist.
#[test]
fn cache_misses_stop_no_buyer() {
    let shop = TestShop::open(&[]);
    buy_during_attack(&shop, 8, |number, end| {
        let mut page = number;
        end.until(|| {
            page += 8;
            let path = format!("/p/nothing-{page}");
            let response = client::send_json(shop.edge, "GET", &path, &[], None).unwrap();
            assert!(
                matches!(response.status, 404 | 429 | 503),
                "{}",
                response.head
            );
        })
    });
}

/// The origin is restarted while buyers place orders.
#[test]
fn a_restart_stops_no_buyer() {
    let mut shop = TestShop::open(&[]);
    let (edge, sku) = (shop.edge, shop.sku.clone());
    buy_during_maintenance(edge, &sku, || {
        for _ in 0..2 {
            thread::sleep(Duration::from_millis(500));
            shop.restart_origin();
        }
        thread::sleep(Duration::from_millis(500));
    });
}
