//! The settings. Each is described once, as a flag with its environment variable and default. A
//! file overrides defaults, the environment overrides the file, and flags override all.

mod buying;
mod file;
mod images;
mod net;
mod parse;
mod paths;
mod services;

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use ipnet::IpNet;
use shared::{id::NODE_MAX, money::Currency};

use crate::telemetry::LogFormat;

pub use buying::Buying;
pub use file::{describe, with_file};
pub use images::ImageConfig;
pub use net::{NetConfig, OpsListen};
use parse::{base_url, email, network, secret};

/// The settings. Durations are in milliseconds, sizes in bytes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub struct Config {
    /// The address to listen on
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

    /// The public URL of the shop; every absolute URL begins with it
    #[arg(
        long,
        env = "MALLARD_BASE_URL",
        default_value = "http://127.0.0.1:8080",
        global = true
    )]
    #[arg(value_parser = base_url)]
    pub base_url: String,

    /// The name of the shop
    #[arg(
        long,
        env = "MALLARD_SHOP_NAME",
        default_value = "Mallard",
        global = true
    )]
    pub shop_name: String,

    /// The contact details that the contact page shows: company, address, register
    #[arg(long, env = "MALLARD_CONTACT", default_value = "", global = true)]
    pub contact: String,

    /// The email address for shoppers' messages to the shop
    #[arg(long, env = "MALLARD_CONTACT_EMAIL", global = true)]
    #[arg(value_parser = email)]
    pub contact_email: Option<String>,

    /// The currency of every price (ISO 4217)
    #[arg(long, env = "MALLARD_CURRENCY", default_value = "USD", global = true)]
    pub currency: Currency,

    /// Fewer available units than this are shown as "only a few left"
    #[arg(long, env = "MALLARD_LOW_STOCK", default_value_t = 6, global = true)]
    pub low_stock: u32,

    /// How long a new order may stay unpaid before it expires; orders by bank transfer may take
    /// longer
    #[arg(
        long,
        env = "MALLARD_PAY_WITHIN_MS",
        default_value_t = 1_800_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub pay_within_ms: i64,

    /// How long a new order by bank transfer may stay unpaid if its account has paid one before
    #[arg(
        long,
        env = "MALLARD_TRANSFER_WITHIN_MS",
        default_value_t = 604_800_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub transfer_within_ms: i64,

    /// How long the items of a cart are reserved in checkout; activity extends it
    #[arg(
        long,
        env = "MALLARD_HOLD_MS",
        default_value_t = 900_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub hold_ms: i64,

    /// After how many days an abandoned guest cart is deleted; its cookie lasts 30 days
    #[arg(long, env = "MALLARD_CART_DAYS", default_value_t = 30, global = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub cart_days: u32,

    /// How many days the audit log keeps sign-ins and attempts to sign in
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

    /// The payment methods, separated by commas: manual, test, stripe
    #[arg(
        long,
        env = "MALLARD_PAYMENT_METHODS",
        default_value = "manual",
        value_delimiter = ',',
        global = true
    )]
    #[arg(value_parser = ["manual", "test", "stripe"])]
    pub payment_methods: Vec<String>,

    /// The bank details that buyers see on their order: name, account, bank
    #[arg(long, env = "MALLARD_TRANSFER_TO", default_value = "", global = true)]
    pub transfer_to: String,

    /// Whether a shop on https may offer the payment method test, which lets anybody order without
    /// paying
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

    /// The secret that verifies events from Stripe
    #[arg(
        long,
        env = "MALLARD_STRIPE_WEBHOOK_SECRET",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub stripe_webhook_secret: Option<String>,

    /// The URL of Stripe's API
    #[arg(
        long,
        env = "MALLARD_STRIPE_URL",
        default_value = "https://api.stripe.com",
        global = true
    )]
    #[arg(value_parser = base_url)]
    pub stripe_url: String,

    /// How long to wait for a payment provider's response before asking again
    #[arg(
        long,
        env = "MALLARD_PAYMENT_ASK_MS",
        default_value_t = 10_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub payment_ask_ms: i64,

    /// How long a process may take to deliver messages it has claimed, before another one may claim
    /// them
    #[arg(
        long,
        env = "MALLARD_OUTBOX_LEASE_MS",
        default_value_t = 60_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub outbox_lease_ms: i64,

    /// The bearer token for the operators' endpoints; without one they are closed
    #[arg(
        long,
        env = "MALLARD_OPERATOR_TOKEN",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub operator_token: Option<String>,

    /// Attempts to sign in per minute from one address; 0 is no limit
    #[arg(long, env = "MALLARD_LIMIT_LOGIN", default_value_t = 5, global = true)]
    pub limit_login: u32,

    /// How many times the limits of one client apply to its site, an IPv6 /48 or IPv4 /24; 0 is no
    /// limit
    #[arg(long, env = "MALLARD_LIMIT_SITE", default_value_t = 8, global = true)]
    pub limit_site: u32,

    /// How many times the limits of one client apply to its provider, an IPv6 /32 or IPv4 /16; 0 is
    /// no limit
    #[arg(
        long,
        env = "MALLARD_LIMIT_PROVIDER",
        default_value_t = 64,
        global = true
    )]
    pub limit_provider: u32,

    /// Accounts created per minute from one address
    #[arg(
        long,
        env = "MALLARD_LIMIT_SIGN_UP",
        default_value_t = 3,
        global = true
    )]
    pub limit_sign_up: u32,

    /// Links of one kind sent per hour to one email address: for an account, a password, a new
    /// address
    #[arg(long, env = "MALLARD_LIMIT_RESET", default_value_t = 3, global = true)]
    pub limit_reset: u32,

    /// Coupon attempts per minute in one cart, and from one address in all carts
    #[arg(
        long,
        env = "MALLARD_LIMIT_COUPONS",
        default_value_t = 10,
        global = true
    )]
    pub limit_coupons: u32,

    /// Orders per minute from one address, and reservations of a cart
    #[arg(
        long,
        env = "MALLARD_LIMIT_CHECKOUT",
        default_value_t = 10,
        global = true
    )]
    pub limit_checkout: u32,

    /// The limits of buyers before they have paid
    #[command(flatten)]
    pub buying: Buying,

    /// API requests per minute from one address
    #[arg(
        long,
        env = "MALLARD_LIMIT_API",
        default_value_t = 1_200,
        global = true
    )]
    pub limit_api: u32,

    /// The hosts that webhooks may use without https or a public address, separated by commas
    #[arg(
        long,
        env = "MALLARD_WEBHOOK_HOSTS",
        value_delimiter = ',',
        global = true
    )]
    pub webhook_hosts: Vec<String>,

    /// Whether owners and staff must set up a second factor before they can use their rights
    #[arg(long, env = "MALLARD_REQUIRE_SECOND_FACTOR", global = true)]
    pub require_second_factor: bool,

    /// How long after entering the password refunds and changes of roles and keys are allowed
    #[arg(
        long,
        env = "MALLARD_REAUTHENTICATE_MS",
        default_value_t = 600_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub reauthenticate_ms: i64,

    /// Redis, through which several origins share cached responses, sessions and rate limits:
    /// redis:// or rediss:// and an address, redis-sentinel://HOST,HOST#MASTER, or
    /// redis-cluster://HOST,HOST
    #[arg(long, env = "MALLARD_REDIS_URL", hide_env_values = true, global = true)]
    pub redis_url: Option<String>,

    /// How long to wait for Redis
    #[arg(
        long,
        env = "MALLARD_REDIS_TIMEOUT_MS",
        default_value_t = 25,
        global = true
    )]
    pub redis_timeout_ms: u64,

    /// The edges on workerd to purge, each process by its own address, separated by commas
    #[arg(
        long,
        env = "MALLARD_EDGE_URLS",
        value_delimiter = ',',
        value_parser = base_url,
        global = true
    )]
    pub edge_urls: Vec<String>,

    /// The id of the Cloudflare zone to purge
    #[arg(long, env = "MALLARD_CLOUDFLARE_ZONE", global = true)]
    pub cloudflare_zone: Option<String>,

    /// A Cloudflare API token that may purge the zone
    #[arg(
        long,
        env = "MALLARD_CLOUDFLARE_TOKEN",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub cloudflare_token: Option<String>,

    /// The URL of Cloudflare's API
    #[arg(
        long,
        env = "MALLARD_CLOUDFLARE_URL",
        default_value = "https://api.cloudflare.com",
        global = true
    )]
    #[arg(value_parser = base_url)]
    pub cloudflare_url: String,

    /// The secret that edge and origin share to authenticate each other
    #[arg(
        long,
        env = "MALLARD_EDGE_SECRET",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub edge_secret: Option<String>,

    /// The proxies whose X-Forwarded-For is trusted, as addresses or networks separated by commas
    #[arg(
        long,
        env = "MALLARD_TRUSTED_PROXIES",
        value_delimiter = ',',
        global = true
    )]
    #[arg(value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Whether to refuse requests that do not come through the edge or a trusted proxy
    #[arg(long, env = "MALLARD_REQUIRE_EDGE", global = true)]
    pub require_edge: bool,

    /// The keys that sign access tokens, NAME:KEY separated by commas; the first one signs. By
    /// default a key in the data folder's `token-keys`, which is created if it is missing
    #[arg(
        long,
        env = "MALLARD_TOKEN_KEYS",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub token_keys: Option<String>,

    /// The keys that encrypt secrets in the database, NAME:KEY separated by commas; the first one
    /// encrypts, all of them decrypt. By default a key in the data folder's `sealing.key`, created
    /// if it is missing
    #[arg(
        long,
        env = "MALLARD_SEALING_KEYS",
        hide_env_values = true,
        global = true
    )]
    #[arg(value_parser = secret)]
    pub sealing_keys: Option<String>,

    /// The sender of emails to buyers
    #[arg(
        long,
        env = "MALLARD_MAIL_FROM",
        default_value = "Mallard <shop@mallard.example>",
        global = true
    )]
    pub mail_from: String,

    /// The mail server, as an smtp://, smtps:// or smtp+starttls:// address; by default each email
    /// is written to a file in the data folder's `mail`
    #[arg(long, env = "MALLARD_SMTP_URL", hide_env_values = true, global = true)]
    pub smtp_url: Option<String>,

    /// The id of this process among those on one database, from 0 to 1023; by default the process
    /// leases a free one from 512 on
    #[arg(long, env = "MALLARD_NODE_ID", global = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(..=i64::from(NODE_MAX)))]
    pub node_id: Option<u16>,

    /// After how long without a renewal the lease of a node id expires
    #[arg(
        long,
        env = "MALLARD_NODE_LEASE_MS",
        default_value_t = 10_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1_000..))]
    pub node_lease_ms: u64,

    /// How far the clocks of this machine and the database may differ, and how far the database's
    /// may jump; beyond that nothing expires
    #[arg(
        long,
        env = "MALLARD_CLOCK_SKEW_MAX_MS",
        default_value_t = 30_000,
        global = true
    )]
    pub clock_skew_max_ms: u64,

    /// The folder for the shop's data: the database file and images
    #[arg(long, env = "MALLARD_DATA_DIR", default_value = "data", global = true)]
    pub data_dir: PathBuf,

    /// The images
    #[command(flatten)]
    pub images: ImageConfig,

    /// The folder with the built stylesheet and islands, and their manifest
    #[arg(
        long,
        env = "MALLARD_ASSETS_DIR",
        default_value = "target/site",
        global = true
    )]
    pub assets_dir: PathBuf,

    /// The size of this process's response cache; 0 turns it off
    #[arg(
        long,
        env = "MALLARD_L1_BYTES",
        default_value_t = 67_108_864,
        global = true
    )]
    pub l1_bytes: u64,

    /// How long responses about products or a category are cached if nothing in them changes
    #[arg(
        long,
        env = "MALLARD_PRODUCT_INFO_MS",
        default_value_t = 1_800_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub product_info_ms: i64,

    /// How long responses about the bestsellers of the shop are cached if nothing in them changes
    #[arg(
        long,
        env = "MALLARD_HOT_PRODUCTS_MS",
        default_value_t = 3_600_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub hot_products_ms: i64,

    /// sqlite://FILE or mysql://USER:PASSWORD@HOST/DATABASE; by default mallard.db in the data
    /// folder
    #[arg(
        long,
        env = "MALLARD_DATABASE_URL",
        hide_env_values = true,
        global = true
    )]
    pub database_url: Option<String>,

    /// A replica of the database, from which the catalogue is read
    #[arg(
        long,
        env = "MALLARD_DATABASE_REPLICA_URL",
        hide_env_values = true,
        global = true
    )]
    pub database_replica_url: Option<String>,

    /// How far the replica may lag; beyond that the catalogue is read from the primary
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

    /// How long a write to SQLite waits for another one
    #[arg(
        long,
        env = "MALLARD_DATABASE_BUSY_MS",
        default_value_t = 5_000,
        global = true
    )]
    pub database_busy_ms: u64,

    /// How long a request may take, from its headers to its response
    #[arg(
        long,
        env = "MALLARD_REQUEST_TIMEOUT_MS",
        default_value_t = 10_000,
        global = true
    )]
    pub request_timeout_ms: u64,

    /// How long a client may take to send the headers of a request, from when it connects or they
    /// begin
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

    /// The most client connections; beyond that the longest idle ones are closed
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

    /// The log level: error, warn, info, debug, trace, or a filter such as origin=debug,sqlx=warn
    #[arg(long, env = "MALLARD_LOG", default_value = "info", global = true)]
    pub log: String,

    /// The format of the log
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

    /// Checks that the payment methods can be offered.
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

    /// The settings that are visible in shared responses.
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
