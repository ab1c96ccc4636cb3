//! Counters of the edge, for Prometheus and for the log.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use shared::cache_key::RouteClass;

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// From a fresh stored response.
    Hit,
    /// From a stale stored response.
    Stale,
    /// From the origin, for a request that fills the cache.
    Miss,
    /// From the response to another client's collapsed request.
    Collapsed,
    /// From the origin, without using the cache.
    Bypass,
    /// With a response that the edge generated.
    Generated,
}

/// An event between edge and origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginEvent {
    /// A request was sent.
    RequestSent,
    /// There was no connection, or it was lost.
    Unreachable,
    /// The origin did not respond in time.
    Timeout,
    /// The origin responded with 500, 502, 503 or 504.
    ServerError,
    /// A request was sent again.
    Retried,
    /// A request was not sent, because a breaker is open.
    Rejected,
    /// The origin shed load: 503 with `Retry-After`.
    Overloaded,
    /// The origin was probed.
    Probed,
    /// A client's request was incomplete or could not be forwarded.
    ClientFault,
    /// A purge request arrived.
    PurgeReceived,
    /// A response predated a purge, and was not stored.
    OutdatedResponse,
}

const REQUEST_OUTCOMES: [(RequestOutcome, &str); 6] = [
    (RequestOutcome::Hit, "hit"),
    (RequestOutcome::Stale, "stale"),
    (RequestOutcome::Miss, "miss"),
    (RequestOutcome::Collapsed, "collapsed"),
    (RequestOutcome::Bypass, "bypass"),
    (RequestOutcome::Generated, "own"),
];

const ORIGIN_EVENTS: [(OriginEvent, &str); 11] = [
    (OriginEvent::RequestSent, "asked"),
    (OriginEvent::Unreachable, "unreachable"),
    (OriginEvent::Timeout, "late"),
    (OriginEvent::ServerError, "failed"),
    (OriginEvent::Retried, "retried"),
    (OriginEvent::Rejected, "spared"),
    (OriginEvent::Overloaded, "busy"),
    (OriginEvent::Probed, "probed"),
    (OriginEvent::ClientFault, "client_fault"),
    (OriginEvent::PurgeReceived, "purged"),
    (OriginEvent::OutdatedResponse, "outdated"),
];

/// The counters of this isolate.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    requests: [[u64; REQUEST_OUTCOMES.len()]; RouteClass::ALL.len()],
    events: [u64; ORIGIN_EVENTS.len()],
}

/// Values at this moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
    /// Keys in the memory store.
    pub keys: u64,
    /// Bytes in the memory store.
    pub bytes: u64,
    /// Keys evicted so far.
    pub evicted: u64,
    /// Whether no breaker is open.
    pub breaker_closed: bool,
}

impl Counters {
    /// Counts a request.
    pub fn count_request(&mut self, class: RouteClass, outcome: RequestOutcome) {
        self.requests[class as usize][outcome as usize] += 1;
    }

    /// Counts an event.
    pub fn count_event(&mut self, event: OriginEvent) {
        self.events[event as usize] += 1;
    }

    /// Formats the counters in the Prometheus text format.
    pub fn prometheus(&self, now: Gauges) -> String {
        let mut text = String::new();
        head(
            &mut text,
            "requests_total",
            "counter",
            "Requests by kind and outcome",
        );
        for (class, name) in RouteClass::ALL {
            for (outcome, result) in REQUEST_OUTCOMES {
                let count = self.requests[class as usize][outcome as usize];
                line(
                    &mut text,
                    &format!("requests_total{{class=\"{name}\",result=\"{result}\"}}"),
                    count,
                );
            }
        }
        head(
            &mut text,
            "origin_total",
            "counter",
            "Events between edge and origin",
        );
        for (event, name) in ORIGIN_EVENTS {
            let name = format!("origin_total{{event=\"{name}\"}}");
            line(&mut text, &name, self.events[event as usize]);
        }
        for (name, kind, help, value) in [
            ("store_keys", "gauge", "Cache keys in memory", now.keys),
            (
                "store_bytes",
                "gauge",
                "Bytes of entries in memory",
                now.bytes,
            ),
            (
                "store_evicted_total",
                "counter",
                "Cache keys evicted from memory",
                now.evicted,
            ),
            (
                "breaker_closed",
                "gauge",
                "Whether requests reach the origin",
                u64::from(now.breaker_closed),
            ),
        ] {
            head(&mut text, name, kind, help);
            line(&mut text, name, value);
        }
        text
    }

    /// Formats the counters as one line of the log, without those that are zero.
    pub fn log_line(&self, now: Gauges) -> String {
        let mut fields = Map::new();
        fields.insert("message".into(), "edge counters since start".into());
        let mut add = |name: String, count: u64| {
            if count > 0 {
                fields.insert(name, Value::from(count));
            }
        };
        for (class, name) in RouteClass::ALL {
            for (outcome, result) in REQUEST_OUTCOMES {
                let count = self.requests[class as usize][outcome as usize];
                add(format!("requests.{name}.{result}"), count);
            }
        }
        for (event, name) in ORIGIN_EVENTS {
            add(format!("origin.{name}"), self.events[event as usize]);
        }
        add("store.keys".into(), now.keys);
        add("store.bytes".into(), now.bytes);
        add("store.evicted".into(), now.evicted);
        Value::Object(fields).to_string()
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(
        text,
        "# HELP mallard_edge_{name} {help}.\n# TYPE mallard_edge_{name} {kind}"
    );
}

fn line(text: &mut String, name: &str, value: u64) {
    let _ = writeln!(text, "mallard_edge_{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_exported() {
        let mut counters = Counters::default();
        counters.count_request(RouteClass::Page, RequestOutcome::Hit);
        counters.count_request(RouteClass::Page, RequestOutcome::Hit);
        counters.count_request(RouteClass::Api, RequestOutcome::Bypass);
        counters.count_event(OriginEvent::Timeout);
        let now = Gauges {
            keys: 3,
            ..Gauges::default()
        };
        let text = counters.prometheus(now);
        for line in [
            "mallard_edge_requests_total{class=\"page\",result=\"hit\"} 2",
            "mallard_edge_requests_total{class=\"api\",result=\"bypass\"} 1",
            "mallard_edge_origin_total{event=\"late\"} 1",
            "mallard_edge_store_keys 3",
            "mallard_edge_breaker_closed 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        let log: Value = serde_json::from_str(&counters.log_line(now)).unwrap();
        assert_eq!(log["requests.page.hit"], 2);
        assert_eq!(log.get("requests.page.miss"), None);
    }

    #[test]
    fn labels_are_in_the_order_of_their_variants() {
        for (place, (outcome, _)) in REQUEST_OUTCOMES.into_iter().enumerate() {
            assert_eq!(outcome as usize, place);
        }
        for (place, (event, _)) in ORIGIN_EVENTS.into_iter().enumerate() {
            assert_eq!(event as usize, place);
        }
        for (place, (class, _)) in RouteClass::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, place);
        }
    }
}
