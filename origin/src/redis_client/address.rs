//! The address of Redis: one server, the master that Sentinels name, or a cluster.
//!
//! - `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, and `rediss://` over TLS
//! - `redis-sentinel://[USER:PASSWORD@]HOST[:PORT],…[/DATABASE]#MASTER`: the hosts are the
//!   Sentinels, user and password those of the server
//! - `redis-cluster://[USER:PASSWORD@]HOST[:PORT],…`: some of its nodes

use ::redis::{
    Client, ErrorKind, IntoConnectionInfo as _, RedisConnectionInfo, RedisError,
    aio::PubSub,
    cluster::ClusterClient,
    sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType},
};
use url::Url;

use super::RedisConnection;

const SENTINEL_PORT: u16 = 26_379;
const CLUSTER_PORT: u16 = 6_379;

/// The address of Redis.
#[derive(Clone)]
pub(super) enum RedisAddress {
    Server(Client),
    Sentinels {
        urls: Vec<String>,
        master: String,
        login: RedisConnectionInfo,
    },
    Cluster {
        urls: Vec<String>,
        client: Box<ClusterClient>,
    },
}

impl RedisAddress {
    /// Parses an address. Errors do not repeat it, because it may contain a password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |error: RedisError| format!("the Redis address: {error}");
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("the Redis address: must begin with redis://".to_owned());
        };
        match scheme {
            "redis-sentinel" => Self::sentinels(rest),
            "redis-cluster" => {
                let (hosts, url) = split(rest)?;
                let urls = each(&hosts, CLUSTER_PORT, &userinfo(&url));
                let client = ClusterClient::new(urls.clone()).map_err(wrong)?;
                Ok(Self::Cluster {
                    urls,
                    client: Box::new(client),
                })
            }
            _ => Client::open(text).map(Self::Server).map_err(wrong),
        }
    }

    fn sentinels(rest: &str) -> Result<Self, String> {
        let (hosts, url) = split(rest)?;
        let master = url.fragment().filter(|it| !it.is_empty()).ok_or(
            "the Redis address: a Sentinel address must name the master, as in redis-sentinel://HOST#MASTER",
        )?;
        let mut server = url.clone();
        server.set_fragment(None);
        let server = server.as_str().into_connection_info();
        let server = server.map_err(|error| format!("the Redis address: {error}"))?;
        Ok(Self::Sentinels {
            urls: each(&hosts, SENTINEL_PORT, ""),
            master: master.to_owned(),
            login: server.redis_settings().clone(),
        })
    }

    /// Connects for commands.
    pub(super) async fn connect(&self) -> Result<RedisConnection, RedisError> {
        match self {
            Self::Cluster { client, .. } => client
                .get_async_connection()
                .await
                .map(RedisConnection::Cluster),
            _ => {
                let client = self.server().await?;
                let connection = client.get_multiplexed_async_connection().await?;
                Ok(RedisConnection::Server(connection))
            }
        }
    }

    /// Connects for subscriptions. In a cluster any node will do, because messages reach all of
    /// them.
    pub(super) async fn connect_pub_sub(&self) -> Result<PubSub, RedisError> {
        let Self::Cluster { urls, .. } = self else {
            return self.server().await?.get_async_pubsub().await;
        };
        let mut failed = (ErrorKind::ClusterConnectionNotFound, "no node responds").into();
        for url in urls {
            match Client::open(url.as_str())?.get_async_pubsub().await {
                Ok(channels) => return Ok(channels),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// The server, the master, or the first node of a cluster.
    async fn server(&self) -> Result<Client, RedisError> {
        match self {
            Self::Server(client) => Ok(client.clone()),
            Self::Cluster { urls, .. } => Client::open(urls.first().map_or("", |it| it.as_str())),
            Self::Sentinels {
                urls,
                master,
                login,
            } => {
                let node =
                    SentinelNodeConnectionInfo::default().set_redis_connection_info(login.clone());
                let urls = urls.clone();
                let kind = SentinelServerType::Master;
                SentinelClient::build(urls, master.clone(), Some(node), kind)?
                    .async_get_client()
                    .await
            }
        }
    }
}

/// Splits off the hosts. The URL has only the first of them, so that it can be parsed.
fn split(rest: &str) -> Result<(Vec<String>, Url), String> {
    let wrong = "the Redis address: must be hosts separated by commas";
    let authority = rest.split(['/', '#', '?']).next().unwrap_or_default();
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    let hosts: Vec<String> = hosts.split(',').map(str::to_owned).collect();
    if hosts.iter().any(String::is_empty) {
        return Err(wrong.to_owned());
    }
    let alone = rest.replacen(&hosts.join(","), &hosts[0], 1);
    let url = Url::parse(&format!("redis://{alone}")).map_err(|_| wrong)?;
    for host in &hosts {
        Url::parse(&format!("redis://{host}")).map_err(|_| wrong)?;
    }
    Ok((hosts, url))
}

/// `USER:PASSWORD@`, still percent-encoded.
fn userinfo(url: &Url) -> String {
    match (url.username(), url.password()) {
        ("", None) => String::new(),
        (user, None) => format!("{user}@"),
        (user, Some(password)) => format!("{user}:{password}@"),
    }
}

/// A URL for each host.
fn each(hosts: &[String], port: u16, userinfo: &str) -> Vec<String> {
    let at = |host: &String| {
        let has_port = host.rsplit(']').next().is_some_and(|it| it.contains(':'));
        let port = if has_port {
            String::new()
        } else {
            format!(":{port}")
        };
        format!("redis://{userinfo}{host}{port}")
    };
    hosts.iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed() {
        let parse = |text: &str| RedisAddress::parse(text).unwrap();
        assert!(matches!(parse("redis://h"), RedisAddress::Server(_)));
        let RedisAddress::Cluster { urls, .. } = parse("redis-cluster://u:p%40@a:1,b,[::1]") else {
            panic!("a cluster is expected");
        };
        let hosts = ["a:1", "b:6379", "[::1]:6379"].map(|it| format!("redis://u:p%40@{it}"));
        assert_eq!(urls, hosts);
        let RedisAddress::Sentinels {
            urls,
            master,
            login,
        } = parse("redis-sentinel://u:p%40+@a,b:2/3#shop")
        else {
            panic!("Sentinels are expected");
        };
        assert_eq!(urls, ["redis://a:26379", "redis://b:2"]);
        let found = (login.username(), login.password(), login.db());
        assert_eq!(
            (master.as_str(), found),
            ("shop", (Some("u"), Some("p@+"), 3))
        );
    }

    #[test]
    fn errors_do_not_contain_the_password() {
        for text in [
            "",
            "localhost:6379",
            "http://u:secret@h",
            "redis-sentinel://u:secret@h",
            "redis-sentinel://u:secret@h/x#m",
            "redis-cluster://u:secret@",
            "redis-cluster://u:secret@a,,b",
            "redis-cluster://u:secret@a:port,b",
        ] {
            let error = RedisAddress::parse(text).err();
            let error = error.unwrap_or_else(|| panic!("{text} was taken"));
            assert!(error.starts_with("the Redis address: "), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
