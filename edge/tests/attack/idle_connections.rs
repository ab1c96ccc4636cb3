//! Clients that hold connections without sending requests, or without reading responses, must not
//! keep others from buying.

use std::{io::Write, net::TcpStream, thread, time::Duration};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{
    buyers::buy_during_attack,
    client::{connect, send_json},
    shop::TestShop,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
const LARGE: &[u8] = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: shop\r\n\r\n";
/// All kinds together have as many connections as the origin accepts.
const CONNECTIONS_PER_KIND: usize = 2_500;

/// Raises the limit of open files: this process has as many connections as the origin.
fn allow_many_connections() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    assert!(
        hard > 12_000,
        "this needs 12,000 open files, the limit is {hard}"
    );
}

/// Ten thousand idle connections, and new ones all the time; the operators' endpoint responds, too.
#[test]
fn idle_connections_stop_no_buyer() {
    allow_many_connections();
    let shop = TestShop::open(&[]);
    let half = &PREFACE[..PREFACE.len() / 2];
    let opened = [PREFACE, SETTINGS].concat();
    let sent = [&b""[..], b"G", half, &opened];
    let open = |number: usize| {
        let mut stream = connect(shop.origin).unwrap();
        stream.write_all(sent[number % sent.len()]).unwrap();
        stream
    };
    let mut held: Vec<TcpStream> = (0..CONNECTIONS_PER_KIND * sent.len()).map(open).collect();
    let ready = || {
        send_json(shop.ops, "GET", "/readyz", &[], None)
            .unwrap()
            .status
    };
    assert_eq!(ready(), 200, "{} connections are silent", held.len());
    buy_during_attack(&shop, sent.len(), |number, end| {
        let mut mine = Vec::new();
        end.until(|| {
            mine.push(open(number));
            thread::sleep(Duration::from_millis(1));
        })
    });
    assert_eq!(ready(), 200);
    held.clear();
}

/// Clients that request large responses and do not read them.
#[test]
fn slow_readers_stop_no_buyer() {
    allow_many_connections();
    let limits = ["--write-timeout-ms", "500", "--connections-max", "200"];
    let shop = TestShop::open(&limits);
    buy_during_attack(&shop, 4, |_, end| {
        let mut mine = Vec::new();
        end.until(|| {
            let mut stream = connect(shop.origin).unwrap();
            // The origin may have closed the connection to free a slot.
            let _ = stream.write_all(&LARGE.repeat(8));
            mine.push(stream);
            thread::sleep(Duration::from_millis(5));
        })
    });
}

/// Clients that send HTTP/2 frames other than requests at full speed.
#[test]
fn floods_of_frames_stop_no_buyer() {
    let shop = TestShop::open(&[]);
    buy_during_attack(&shop, 4, |number, end| {
        let frames = [PING, SETTINGS][number % 2].repeat(100);
        end.until(|| {
            let mut stream = connect(shop.origin).unwrap();
            stream.write_all(&[PREFACE, SETTINGS].concat()).unwrap();
            // Until the origin closes the connection.
            while stream.write_all(&frames).is_ok() {}
        })
    });
}
