//! The settings of the listeners, and which sources of client addresses all settings make trusted.

use std::net::SocketAddr;

use clap::Args;

use super::Config;

/// The operators' listener, and the limits of connections. Durations are in milliseconds.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub struct NetConfig {
    /// The address for /metrics, /readyz and /healthz, which only operators should reach, or off
    #[arg(
        long,
        env = "MALLARD_OPS_LISTEN",
        default_value = "127.0.0.1:9464",
        global = true
    )]
    #[arg(value_parser = ops_listen)]
    pub ops_listen: OpsListen,

    /// The most connections from one network, an IPv4 address or IPv6 /64; 0 is no limit. The edge,
    /// trusted proxies and this machine may have more
    #[arg(
        long,
        env = "MALLARD_CONNECTIONS_PER_NETWORK",
        default_value_t = 512,
        global = true
    )]
    pub connections_per_network: usize,

    /// How long an idle connection stays open; longer than a proxy keeps it, so that the proxy does
    /// not send into a closing one
    #[arg(
        long,
        env = "MALLARD_IDLE_TIMEOUT_MS",
        default_value_t = 75_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub idle_timeout_ms: u64,

    /// How long a client may take to receive the next 16 KiB of a response
    #[arg(
        long,
        env = "MALLARD_WRITE_TIMEOUT_MS",
        default_value_t = 30_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub write_timeout_ms: u64,

    /// How long the server keeps serving after SIGTERM while /readyz fails, so that load balancers
    /// stop sending requests. A second signal ends the wait
    #[arg(long, env = "MALLARD_DRAIN_MS", default_value_t = 5_000, global = true)]
    pub drain_ms: u64,
}

/// The address of the operators' listener, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpsListen(pub Option<SocketAddr>);

fn ops_listen(text: &str) -> Result<OpsListen, String> {
    if ["off", "0"].contains(&text) {
        return Ok(OpsListen(None));
    }
    let address = text.parse().map(|address| OpsListen(Some(address)));
    address.map_err(|_| "must be an address with a port, such as 127.0.0.1:9464, or off".into())
}

impl Config {
    /// The trusted sources of client addresses, one sentence each, in order of precedence.
    pub fn trusted_address_sources(&self) -> Vec<String> {
        let mut believed = Vec::new();
        if self.edge_secret.is_some() {
            believed.push("the address that the edge signs with --edge-secret".to_owned());
        }
        if !self.trusted_proxies.is_empty() {
            let proxies: Vec<_> = self
                .trusted_proxies
                .iter()
                .map(ToString::to_string)
                .collect();
            let proxies = proxies.join(", ");
            believed.push(format!(
                "X-Forwarded-For from {proxies}: the last address that is none of these; \
                 without one, the proxy's own address"
            ));
        }
        believed.push(
            "X-Forwarded-For from a proxy on this machine: its last address; a connection from this \
             machine without that field has no rate limits by address"
                .to_owned(),
        );
        believed.push(match self.require_edge {
            true => "nobody else: other connections are refused".to_owned(),
            false => "the peer address of any other connection".to_owned(),
        });
        believed
    }

    /// Warnings about likely mistakes in the settings for client addresses.
    pub fn address_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let named = self.edge_secret.is_some() || !self.trusted_proxies.is_empty();
        if let Some(all) = self.trusted_proxies.iter().find(|it| it.prefix_len() == 0) {
            warnings.push(format!(
                "--trusted-proxies has {all}: every client can claim any address"
            ));
        }
        if self.require_edge && !named {
            warnings.push(
                "--require-edge without --edge-secret or --trusted-proxies refuses every request"
                    .to_owned(),
            );
        }
        if !named && self.listen.ip().is_loopback() {
            warnings.push(
                "only this machine can connect, and neither --edge-secret nor --trusted-proxies is set: rate \
                 limits by address have no effect unless a proxy here sets X-Forwarded-For"
                    .to_owned(),
            );
        }
        if !named && self.is_secure() && !self.listen.ip().is_loopback() {
            warnings.push(
                "the shop is on https, and neither --edge-secret nor --trusted-proxies is set: all clients \
                 of a proxy count as one and share its rate limits"
                    .to_owned(),
            );
        }
        warnings
    }

    /// Sources and warnings as comment lines, for `origin config`.
    pub fn describe_addresses(&self) -> String {
        let mut text = "\n# A client's address is taken from:\n".to_owned();
        for sentence in self.trusted_address_sources() {
            text.push_str(&format!("# - {sentence}\n"));
        }
        for warning in self.address_warnings() {
            text.push_str(&format!("# warning: {warning}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    fn config(more: &[&str]) -> Config {
        let command = Config::augment_args(clap::Command::new("origin"));
        let args = ["origin"].iter().chain(more);
        Config::from_arg_matches(&command.get_matches_from(args)).unwrap()
    }

    #[test]
    fn the_operators_listener_is_separate_or_off() {
        let at = |text: &str| config(&["--ops-listen", text]).net.ops_listen.0;
        assert!(config(&[]).net.ops_listen.0.unwrap().ip().is_loopback());
        assert_eq!(at("off"), None);
        assert_eq!(at("0"), None);
        assert_eq!(at("10.0.0.1:81"), Some("10.0.0.1:81".parse().unwrap()));
        assert!(ops_listen("9464").is_err());
    }

    /// A proxy that is not configured causes a warning.
    #[test]
    fn likely_mistakes_cause_warnings() {
        let warnings = |more: &[&str]| config(more).address_warnings();
        let said = |more: &[&str], word: &str| {
            let warnings = warnings(more);
            assert!(warnings.iter().any(|it| it.contains(word)), "{warnings:?}");
        };
        let public = ["--listen", "192.0.2.1:80"];
        assert_eq!(warnings(&public), [""; 0]);
        assert_eq!(warnings(&["--edge-secret", "s"]), [""; 0]);
        assert_eq!(warnings(&["--trusted-proxies", "127.0.0.1"]), [""; 0]);
        said(&[], "X-Forwarded-For");
        said(&["--trusted-proxies", "0.0.0.0/0"], "every client");
        said(&["--require-edge"], "refuses every request");
        let https = ["--base-url", "https://shop.example"];
        said(&[&public[..], &https].concat(), "count as one");
    }

    #[test]
    fn trusted_sources_are_listed() {
        let flags = [
            "--edge-secret",
            "s3cret",
            "--trusted-proxies",
            "10.0.0.0/8",
            "--require-edge",
        ];
        let text = config(&flags).describe_addresses();
        for part in [
            "edge signs",
            "from 10.0.0.0/8",
            "this machine",
            "nobody else",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(
            !text.contains("s3cret") && !text.contains("warning"),
            "{text}"
        );
        assert!(text.lines().all(|it| it.is_empty() || it.starts_with('#')));
    }
}
