//! The limits of unpaid orders, reservations, card attempts and mails.

use clap::Args;

/// The limits of buying. A limit of 0 is none.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub struct Buying {
    /// The most units of one item in a cart, up to 999
    #[arg(
        long,
        env = "MALLARD_LIMIT_LINE_UNITS",
        default_value_t = 99,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=999))]
    pub limit_line_units: i64,

    /// The most unpaid orders of one buyer: an account, or an email address of guests. 0 is no
    /// limit
    #[arg(
        long,
        env = "MALLARD_LIMIT_UNPAID_ORDERS",
        default_value_t = 3,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    pub limit_unpaid_orders: i64,

    /// The most units on unpaid orders of one buyer, including the new one; 0 is no limit
    #[arg(
        long,
        env = "MALLARD_LIMIT_UNPAID_UNITS",
        default_value_t = 100,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    pub limit_unpaid_units: i64,

    /// The most that unpaid orders of one buyer may total, including the new one, in minor units of
    /// the currency; 0 is no limit
    #[arg(
        long,
        env = "MALLARD_LIMIT_UNPAID_MINOR",
        default_value_t = 1_000_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    pub limit_unpaid_minor: i64,

    /// How many times the limits of one buyer apply to a network's unpaid orders; 0 is no limit
    #[arg(
        long,
        env = "MALLARD_LIMIT_UNPAID_NETWORK",
        default_value_t = 4,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    pub limit_unpaid_network: i64,

    /// The most units reserved for carts in checkout from one network; more can be ordered, but are
    /// not reserved. 0 is no limit
    #[arg(
        long,
        env = "MALLARD_LIMIT_HELD_UNITS",
        default_value_t = 200,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    pub limit_held_units: i64,

    /// How long an order by bank transfer may stay unpaid if its buyer has never paid one with an
    /// account; at most as long as for others
    #[arg(
        long,
        env = "MALLARD_TRANSFER_STRANGER_WITHIN_MS",
        default_value_t = 86_400_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    pub transfer_stranger_within_ms: i64,

    /// Whether an order by bank transfer takes its stock when it is paid, not when it is placed; it
    /// then waits for items that are out of stock
    #[arg(long, env = "MALLARD_TRANSFER_TAKES_STOCK_WHEN_PAID", global = true)]
    pub transfer_takes_stock_when_paid: bool,

    /// After how many declined cards card payments for an order are paused; 0 is never
    #[arg(
        long,
        env = "MALLARD_LIMIT_DECLINES_ORDER",
        default_value_t = 5,
        global = true
    )]
    pub limit_declines_order: u32,

    /// After how many declined cards in an hour card payments from one network are paused; 0 is
    /// never
    #[arg(
        long,
        env = "MALLARD_LIMIT_DECLINES_NETWORK",
        default_value_t = 10,
        global = true
    )]
    pub limit_declines_network: u32,

    /// The first pause after too many declined cards; each further one is twice as long, up to a
    /// day
    #[arg(
        long,
        env = "MALLARD_DECLINE_PAUSE_MS",
        default_value_t = 3_600_000,
        global = true
    )]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=86_400_000))]
    pub decline_pause_ms: i64,

    /// The most emails per hour to one address about unpaid orders; 0 is no limit
    #[arg(
        long,
        env = "MALLARD_LIMIT_UNPAID_MAILS",
        default_value_t = 10,
        global = true
    )]
    pub limit_unpaid_mails: u32,
}
