//! The settings: each described once, as a flag with its environment variable and default. A file
//! may replace the defaults; the environment replaces the file; a flag replaces all.

mod buying;
mod file;
mod net;
mod parse;
mod paths;
mod services;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use ipnet::IpNet;
use shared::{id::NODE_MAX, money::Currency};

use crate::{checkout::Rules, redis::Redis, telemetry::LogFormat};

pub use buying::Buying;
pub use file::{describe, with_file};
pub use net::{NetConfig, OpsListen};
use parse::{base_url, email, network, secret};

/// The settings. Durations are in milliseconds, sizes in bytes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub struct Config {
    /// Where to listen
    #[arg(
        long,
        env = "MALLARD_LISTEN",
        default_value = "127.0.0.1:3000",
        global = true
    )]
    pub listen: SocketAddr,

    /// The listeners
    #[command(flatten)]
    pub net: NetConfig,

    /// Where shoppers reach the shop; every absolute address begins with it
    #[arg(
        long,
        env = "MALLARD_BASE_URL",
        default_value = "http://127.0.0.1:8080",
        global = true
    )]
    #[arg(value_parser = base_url)]
    pub base_url: String,

    /// What the shop is called
    #[arg(
        long,
        env = "MALLARD_SHOP_NAME",
        default_value = "Mallard",
        global = true
    )]
    pub shop_name: String,

    /// How to reach the shop, as the contact page shows it: company, address, register
    #[arg(long, env = "MALLARD_CONTACT", default_value = "", global = true)]
    pub contact: String,

    /// Where shoppers' messages to the shop go
    #[arg(long, env = "MALLARD_CONTACT_EMAIL", global = true)]
    #[arg(value_parser = email)]
    pub contact_email: Option<String>,

    /// The currency of every price (ISO 4217)
    #[arg(long, env = "MALLARD_CURRENCY", default_value = "USD", global = true)]
    pub currency: Currency,

    /// From how many units on "only a few left" is not said any more
    #[arg(long, env = "MALLARD_LOW_STOCK", default_value_t = 6, global = true)]
    pub low_stock: u32,

    /// How long a new order may stay unpaid before it is given up; one that is paid by transfer may longer
    #[arg(
        long,
        env = "MALLARD_PAY_WITHIN_MS",
        default_value_t = 1_800_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub pay_within_ms: i64,

    /// How long a new order by transfer may stay unpaid of an account that has paid one before; a bank takes
    /// days
    #[arg(
        long,
        env = "MALLARD_TRANSFER_WITHIN_MS",
        default_value_t = 604_800_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub transfer_within_ms: i64,

    /// How long what is in a cart is kept for its shopper in checkout; doing something extends it
    #[arg(
        long,
        env = "MALLARD_HOLD_MS",
        default_value_t = 900_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub hold_ms: i64,

    /// After how many days a guest's cart is deleted that nobody came back to; a browser knows it for 30
    #[arg(long, env = "MALLARD_CART_DAYS", default_value_t = 30, global = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub cart_days: u32,

    /// How many days the audit log says who has signed in, and who has tried to
    #[arg(
        long,
        env = "MALLARD_SIGN_IN_DAYS",
        default_value_t = 90,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub sign_in_days: u32,

    /// A TOML file with the rules for shipping and tax, see docs/checkout.md
    #[arg(
        long,
        env = "MALLARD_CHECKOUT_RULES",
        value_name = "FILE",
        global = true
    )]
    pub checkout_rules: Option<PathBuf>,

    /// The ways to pay, with commas between them: manual, test, stripe
    #[arg(
        long,
        env = "MALLARD_PAYMENT_METHODS",
        default_value = "manual",
        value_delimiter = ',',
        global = true
    )]
    #[arg(value_parser = ["manual", "test", "stripe"])]
    pub payment_methods: Vec<String>,

    /// Where a transfer goes, as buyers read it on their order: name, account, bank
    #[arg(long, env = "MALLARD_TRANSFER_TO", default_value = "", global = true)]
    pub transfer_to: String,

    /// Whether a shop on https may offer the payment method test, with which anybody buys for nothing
    #[arg(long, env = "MALLARD_TEST_PAYMENTS_ON_HTTPS", global = true)]
    pub test_payments_on_https: bool,

    /// The secret key of the Stripe account
    #[arg(
        long,
        env = "MALLARD_STRIPE_SECRET_KEY",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub stripe_secret_key: Option<String>,

    /// The secret with which Stripe signs its events
    #[arg(
        long,
        env = "MALLARD_STRIPE_WEBHOOK_SECRET",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub stripe_webhook_secret: Option<String>,

    /// Where Stripe's API is
    #[arg(
        long,
        env = "MALLARD_STRIPE_URL",
        default_value = "https://api.stripe.com",
        global = true
    )]
    #[arg(value_parser = base_url)]
    pub stripe_url: String,

    /// After how long without an answer a payment's provider is asked again
    #[arg(
        long,
        env = "MALLARD_PAYMENT_ASK_MS",
        default_value_t = 10_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub payment_ask_ms: i64,

    /// How long a process may take to deliver messages that it has taken, before another one does
    #[arg(
        long,
        env = "MALLARD_OUTBOX_LEASE_MS",
        default_value_t = 60_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub outbox_lease_ms: i64,

    /// The token with which those who run the shop use the operators' endpoints; nobody may without one
    #[arg(
        long,
        env = "MALLARD_OPERATOR_TOKEN",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub operator_token: Option<String>,

    /// How often one address may try to sign in, in a minute; 0 is as often as it likes
    #[arg(long, env = "MALLARD_LIMIT_LOGIN", default_value_t = 5, global = true)]
    pub limit_login: u32,

    /// How many times as much a whole site may ask as one client in it: an IPv6 /48, an IPv4 /24; 0 is
    /// as much as it likes
    #[arg(long, env = "MALLARD_LIMIT_SITE", default_value_t = 8, global = true)]
    pub limit_site: u32,

    /// How many times as much a provider's network may ask as one client in it: an IPv6 /32, an IPv4
    /// /16; 0 is as much as it likes
    #[arg(
        long,
        env = "MALLARD_LIMIT_PROVIDER",
        default_value_t = 64,
        global = true
    )]
    pub limit_provider: u32,

    /// How often one address may open an account, in a minute
    #[arg(
        long,
        env = "MALLARD_LIMIT_SIGN_UP",
        default_value_t = 3,
        global = true
    )]
    pub limit_sign_up: u32,

    /// How often one address may be sent a link of a kind, in an hour: for an account, a password, a move
    #[arg(long, env = "MALLARD_LIMIT_RESET", default_value_t = 3, global = true)]
    pub limit_reset: u32,

    /// How often coupons may be tried in one cart, and by one address in all carts, in a minute
    #[arg(
        long,
        env = "MALLARD_LIMIT_COUPONS",
        default_value_t = 10,
        global = true
    )]
    pub limit_coupons: u32,

    /// How often one address may place an order, and how often have what is in a cart kept, in a minute
    #[arg(
        long,
        env = "MALLARD_LIMIT_CHECKOUT",
        default_value_t = 10,
        global = true
    )]
    pub limit_checkout: u32,

    /// What buyers may do before they have paid
    #[command(flatten)]
    pub buying: Buying,

    /// How often one address may ask the API, in a minute
    #[arg(
        long,
        env = "MALLARD_LIMIT_API",
        default_value_t = 1_200,
        global = true
    )]
    pub limit_api: u32,

    /// The hosts that webhooks may go to although they are not public or have no https, with commas between
    #[arg(
        long,
        env = "MALLARD_WEBHOOK_HOSTS",
        value_delimiter = ',',
        global = true
    )]
    pub webhook_hosts: Vec<String>,

    /// Whether owners and staff need a second factor: without one they have no rights
    #[arg(long, env = "MALLARD_REQUIRE_SECOND_FACTOR", global = true)]
    pub require_second_factor: bool,

    /// For how long a password that was given lets people pay back money and change roles and keys
    #[arg(
        long,
        env = "MALLARD_REAUTHENTICATE_MS",
        default_value_t = 600_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub reauthenticate_ms: i64,

    /// Redis, over which several origins share finished answers, sessions and what they count: redis:// or
    /// rediss:// and an address, redis-sentinel://HOST,HOST#MASTER, or redis-cluster://HOST,HOST
    #[arg(long, env = "MALLARD_REDIS_URL", hide_env_values = true, global = true)]
    pub redis_url: Option<String>,

    /// How long Redis may take to answer
    #[arg(
        long,
        env = "MALLARD_REDIS_TIMEOUT_MS",
        default_value_t = 25,
        global = true
    )]
    pub redis_timeout_ms: u64,

    /// The edges on workerd that are told of changes, each process by its own address, with commas
    /// between
    #[arg(
        long,
        env = "MALLARD_EDGE_URLS",
        value_delimiter = ',',
        value_parser = base_url,
        global = true
    )]
    pub edge_urls: Vec<String>,

    /// The id of the zone at Cloudflare that is told of changes
    #[arg(long, env = "MALLARD_CLOUDFLARE_ZONE", global = true)]
    pub cloudflare_zone: Option<String>,

    /// A token that may purge that zone
    #[arg(
        long,
        env = "MALLARD_CLOUDFLARE_TOKEN",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub cloudflare_token: Option<String>,

    /// Where Cloudflare's API is
    #[arg(
        long,
        env = "MALLARD_CLOUDFLARE_URL",
        default_value = "https://api.cloudflare.com",
        global = true
    )]
    #[arg(value_parser = base_url)]
    pub cloudflare_url: String,

    /// The secret with which edge and origin know each other
    #[arg(
        long,
        env = "MALLARD_EDGE_SECRET",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub edge_secret: Option<String>,

    /// The proxies whose X-Forwarded-For is believed, as addresses or networks with commas between
    #[arg(
        long,
        env = "MALLARD_TRUSTED_PROXIES",
        value_delimiter = ',',
        global = true
    )]
    #[arg(value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Whether only what comes through the edge or a trusted proxy is answered
    #[arg(long, env = "MALLARD_REQUIRE_EDGE", global = true)]
    pub require_edge: bool,

    /// The keys that sign the tokens of programs, NAME:KEY with commas between; the first one signs.
    /// Without them, a key in the data folder's `token-keys`, which is made when it is not there
    #[arg(
        long,
        env = "MALLARD_TOKEN_KEYS",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub token_keys: Option<String>,

    /// The keys that seal secrets in the database, NAME:KEY with commas between; the first one seals, all of
    /// them open. Without them, a key in the data folder's `sealing.key`, which is made when it is not there
    #[arg(
        long,
        env = "MALLARD_SEALING_KEYS",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub sealing_keys: Option<String>,

    /// From whom buyers get mail
    #[arg(
        long,
        env = "MALLARD_MAIL_FROM",
        default_value = "Mallard <shop@mallard.example>",
        global = true
    )]
    pub mail_from: String,

    /// smtp://, smtps:// or smtp+starttls address of the mail server; without one, each message is a
    /// file in the data folder's `mail`
    #[arg(long, env = "MALLARD_SMTP_URL", hide_env_values = true, global = true)]
    pub smtp_url: Option<String>,

    /// Which of the processes on one database this is, from 0 to 1023; without it, the process takes a
    /// number from 512 on that no other has
    #[arg(long, env = "MALLARD_NODE_ID", global = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(..=i64::from(NODE_MAX)))]
    pub node_id: Option<u16>,

    /// After how long without a sign of life a process has lost its node id to whoever wants it
    #[arg(
        long,
        env = "MALLARD_NODE_LEASE_MS",
        default_value_t = 10_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1_000..))]
    pub node_lease_ms: u64,

    /// How far the clocks of this machine and of the database may differ, and how far that of the
    /// database may jump; beyond it nothing is ended for its age
    #[arg(
        long,
        env = "MALLARD_CLOCK_SKEW_MAX_MS",
        default_value_t = 30_000,
        global = true
    )]
    pub clock_skew_max_ms: u64,

    /// The folder for what the shop keeps: the database file and pictures
    #[arg(long, env = "MALLARD_DATA_DIR", default_value = "data", global = true)]
    pub data_dir: PathBuf,

    /// The most pixels of a picture that is taken; unpacked, each takes four bytes of memory or more
    #[arg(
        long,
        env = "MALLARD_PICTURE_PIXELS",
        default_value_t = 50_000_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub picture_pixels: u64,

    /// The folder with the built stylesheet and islands, and their manifest
    #[arg(
        long,
        env = "MALLARD_ASSETS_DIR",
        default_value = "target/site",
        global = true
    )]
    pub assets_dir: PathBuf,

    /// How many bytes of finished answers this process keeps; 0 is none
    #[arg(
        long,
        env = "MALLARD_L1_BYTES",
        default_value_t = 67_108_864,
        global = true
    )]
    pub l1_bytes: u64,

    /// For how long an answer about products or a category is kept when nothing of it changes
    #[arg(
        long,
        env = "MALLARD_PRODUCT_INFO_MS",
        default_value_t = 1_800_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub product_info_ms: i64,

    /// For how long an answer about the best of the whole shop is kept when nothing of it changes
    #[arg(
        long,
        env = "MALLARD_HOT_PRODUCTS_MS",
        default_value_t = 3_600_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub hot_products_ms: i64,

    /// sqlite://FILE or mysql://USER:PASSWORD@HOST/DATABASE; mallard.db in the data folder if absent
    #[arg(
        long,
        env = "MALLARD_DATABASE_URL",
        hide_env_values = true,
        global = true
    )]
    pub database_url: Option<String>,

    /// A replica of the database, from which what is shown of the catalogue is read
    #[arg(
        long,
        env = "MALLARD_DATABASE_REPLICA_URL",
        hide_env_values = true,
        global = true
    )]
    pub database_replica_url: Option<String>,

    /// How far the replica may lag behind; beyond that everything is read from the database itself
    #[arg(
        long,
        env = "MALLARD_DATABASE_REPLICA_LAG_MAX_MS",
        default_value_t = 10_000,
        global = true
    )]
    pub database_replica_lag_max_ms: u64,

    /// The most connections to open; SQLite has one writer and up to 16 readers
    #[arg(
        long,
        env = "MALLARD_DATABASE_CONNECTIONS",
        default_value_t = 100,
        global = true
    )]
    pub database_connections: u32,

    /// How long a request waits for a database connection
    #[arg(
        long,
        env = "MALLARD_DATABASE_ACQUIRE_MS",
        default_value_t = 3_000,
        global = true
    )]
    pub database_acquire_ms: u64,

    /// How long SQLite waits for another writer
    #[arg(
        long,
        env = "MALLARD_DATABASE_BUSY_MS",
        default_value_t = 5_000,
        global = true
    )]
    pub database_busy_ms: u64,

    /// How long a request may take, from its headers to its answer
    #[arg(
        long,
        env = "MALLARD_REQUEST_TIMEOUT_MS",
        default_value_t = 10_000,
        global = true
    )]
    pub request_timeout_ms: u64,

    /// How long a client may take to send the headers of a request, from when it connects or they begin
    #[arg(
        long,
        env = "MALLARD_HEADER_TIMEOUT_MS",
        default_value_t = 10_000,
        global = true
    )]
    pub header_timeout_ms: u64,

    /// The largest request body
    #[arg(
        long,
        env = "MALLARD_BODY_MAX",
        default_value_t = 1_048_576,
        global = true
    )]
    pub body_max: usize,

    /// The most connections from clients; one more ends those that have done nothing for longest
    #[arg(
        long,
        env = "MALLARD_CONNECTIONS_MAX",
        default_value_t = 10_000,
        global = true
    )]
    pub connections_max: usize,

    /// How long requests in flight may take to finish when the server stops
    #[arg(
        long,
        env = "MALLARD_SHUTDOWN_MS",
        default_value_t = 10_000,
        global = true
    )]
    pub shutdown_ms: u64,

    /// What is logged: error, warn, info, debug, trace, or a filter such as origin=debug,sqlx=warn
    #[arg(long, env = "MALLARD_LOG", default_value = "info", global = true)]
    pub log: String,

    /// How the log is written
    #[arg(
        long,
        env = "MALLARD_LOG_FORMAT",
        default_value = "json",
        global = true
    )]
    pub log_format: LogFormat,
}

impl Config {
    /// Whether shoppers reach the shop over HTTPS.
    pub fn is_secure(&self) -> bool {
        self.base_url.starts_with("https://")
    }

    /// How the shop ships and taxes: as its file says, or as every new shop does.
    pub fn rules(&self) -> Result<Rules, String> {
        let Some(path) = &self.checkout_rules else {
            return Rules::default_for(self.currency);
        };
        let in_file = |error: String| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| in_file(error.to_string()))?;
        Rules::parse(&text, self.currency).map_err(in_file)
    }

    /// Whether the ways to pay can be offered.
    pub fn check_payments(&self) -> Result<(), String> {
        let offers = |method: &str| self.payment_methods.iter().any(|it| it == method);
        if offers("stripe") && self.stripe_secret_key.is_none() {
            return Err("the payment method stripe needs --stripe-secret-key".to_owned());
        }
        if offers("test") && self.is_secure() && !self.test_payments_on_https {
            return Err(
                "with the payment method test anybody buys for nothing: leave it out of \
                 --payment-methods, or set --test-payments-on-https for a shop that is only looked at"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// What origins share, if there is one.
    pub fn redis(&self) -> Result<Option<Redis>, String> {
        let timeout = Duration::from_millis(self.redis_timeout_ms);
        let url = self.redis_url.as_deref();
        url.map(|url| Redis::new(url, timeout)).transpose()
    }

    /// What is seen of the settings by everybody.
    pub fn shown(&self) -> impl std::fmt::Debug {
        (
            &self.base_url,
            &self.shop_name,
            (&self.contact, &self.contact_email),
            (self.currency, self.low_stock),
            (&self.payment_methods, &self.transfer_to),
        )
    }
}
