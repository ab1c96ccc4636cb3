//! What buyers may do before they have paid, and how often cards and mails are tried.

use clap::Args;

/// The limits of buying. A limit of 0 is none.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub struct Buying {
    /// How many units of one thing a cart may hold, 999 at most
    #[arg(
        long,
        env = "MALLARD_LIMIT_LINE_UNITS",
        default_value_t = 99,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=999))]
    pub limit_line_units: i64,

    /// How many orders one buyer may have that are not paid; a buyer is an account, or an e-mail address
    /// of guests. 0 is as many as they like
    #[arg(
        long,
        env = "MALLARD_LIMIT_UNPAID_ORDERS",
        default_value_t = 3,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    pub limit_unpaid_orders: i64,

    /// How many units one buyer may have on orders that are not paid, the new one included; 0 is as many
    /// as they like
    #[arg(
        long,
        env = "MALLARD_LIMIT_UNPAID_UNITS",
        default_value_t = 100,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    pub limit_unpaid_units: i64,

    /// What one buyer's orders that are not paid may come to, the new one included, in minor units of the
    /// currency; 0 is as much as they like
    #[arg(
        long,
        env = "MALLARD_LIMIT_UNPAID_MINOR",
        default_value_t = 1_000_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    pub limit_unpaid_minor: i64,

    /// How many buyers' worth of orders that are not paid one network may have; 0 is as much as it likes
    #[arg(
        long,
        env = "MALLARD_LIMIT_UNPAID_NETWORK",
        default_value_t = 4,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    pub limit_unpaid_network: i64,

    /// How many units are held for carts in checkout of one network; what is more is not held, and can be
    /// ordered while it is there. 0 is as many as there are
    #[arg(
        long,
        env = "MALLARD_LIMIT_HELD_UNITS",
        default_value_t = 200,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    pub limit_held_units: i64,

    /// How long an order by transfer may stay unpaid of a buyer who has never paid one with an account;
    /// never longer than those of the others
    #[arg(
        long,
        env = "MALLARD_TRANSFER_STRANGER_WITHIN_MS",
        default_value_t = 86_400_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub transfer_stranger_within_ms: i64,

    /// Whether an order by transfer takes its stock when it is paid, not when it is placed; what is gone
    /// by then, it waits for
    #[arg(long, env = "MALLARD_TRANSFER_TAKES_STOCK_WHEN_PAID", global = true)]
    pub transfer_takes_stock_when_paid: bool,

    /// After how many declined cards an order takes none for a while; 0 is never
    #[arg(
        long,
        env = "MALLARD_LIMIT_DECLINES_ORDER",
        default_value_t = 5,
        global = true
    )]
    pub limit_declines_order: u32,

    /// After how many declined cards in an hour the orders of one network take none for a while; 0 is never
    #[arg(
        long,
        env = "MALLARD_LIMIT_DECLINES_NETWORK",
        default_value_t = 10,
        global = true
    )]
    pub limit_declines_network: u32,

    /// How long the first pause after too many declined cards is; each further one is twice as long, a day
    /// at most
    #[arg(
        long,
        env = "MALLARD_DECLINE_PAUSE_MS",
        default_value_t = 3_600_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=86_400_000))]
    pub decline_pause_ms: i64,

    /// How many messages one address gets in an hour about orders that nobody has paid; 0 is all of them
    #[arg(
        long,
        env = "MALLARD_LIMIT_UNPAID_MAILS",
        default_value_t = 10,
        global = true
    )]
    pub limit_unpaid_mails: u32,
}
