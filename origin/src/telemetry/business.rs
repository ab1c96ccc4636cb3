//! Business metrics: carts, orders, payments, stock and images.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OrderLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PaymentLabels {
    method: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PauseLabels {
    scope: &'static str,
}

/// Counters of carts, orders, payments and stock. The conversion rate is placed orders over carts;
/// checkouts without an order are abandoned.
#[derive(Debug, Default)]
pub struct BusinessMetrics {
    /// New carts.
    pub carts: Counter<u64, AtomicU64>,
    /// Carts that began checkout.
    pub checkouts: Counter<u64, AtomicU64>,
    orders: Family<OrderLabels, Counter<u64, AtomicU64>>,
    payments: Family<PaymentLabels, Counter<u64, AtomicU64>>,
    card_pauses: Family<PauseLabels, Counter<u64, AtomicU64>>,
    cards_refused: Counter<u64, AtomicU64>,
    /// Emails about unpaid orders that were not sent because their address had too many.
    pub mails_withheld: Counter<u64, AtomicU64>,
    stock_rows: Gauge,
    stock_differs: Gauge,
    /// Images that are still to be encoded as AVIF.
    pub avif_waiting: Gauge,
}

impl BusinessMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("shop_carts", "New carts", self.carts.clone());
        let checkouts = self.checkouts.clone();
        registry.register("shop_checkouts", "Carts that began checkout", checkouts);
        let orders = self.orders.clone();
        registry.register("shop_orders", "Requests to place an order", orders);
        let payments = self.payments.clone();
        registry.register("shop_payments", "Finished payments", payments);
        let pauses = self.card_pauses.clone();
        let about = "Pauses of card payments after too many declined cards";
        registry.register("shop_card_pauses", about, pauses);
        let refused = self.cards_refused.clone();
        let about = "Payments refused because of declined cards";
        registry.register("shop_cards_refused", about, refused);
        let withheld = self.mails_withheld.clone();
        let about =
            "Emails about unpaid orders that were not sent because their address had too many";
        registry.register("shop_mails_withheld", about, withheld);
        let (rows, differs) = (self.stock_rows.clone(), self.stock_differs.clone());
        registry.register("shop_stock_rows", "Stock rows", rows);
        let about = "Stock rows that differ from their ledger";
        registry.register("shop_stock_rows_different", about, differs);
        let waiting = self.avif_waiting.clone();
        let about = "Images that are still to be encoded as AVIF";
        registry.register("shop_images_waiting_for_avif", about, waiting);
    }

    /// Counts a request to place an order.
    pub fn order(&self, placed: bool) {
        let outcome = if placed { "placed" } else { "refused" };
        self.orders.get_or_create(&OrderLabels { outcome }).inc();
    }

    /// Counts a finished payment.
    pub fn payment(&self, method: &str, captured: bool) {
        let labels = PaymentLabels {
            method: method.to_owned(),
            outcome: if captured { "captured" } else { "failed" },
        };
        self.payments.get_or_create(&labels).inc();
    }

    /// Counts a pause after too many declined cards: of an order, or of a network.
    pub fn card_pause(&self, scope: &'static str) {
        self.card_pauses.get_or_create(&PauseLabels { scope }).inc();
    }

    /// Counts a payment that was refused because of declined cards.
    pub fn card_refused(&self) {
        self.cards_refused.inc();
    }

    /// Records the number of stock rows, and how many differ from their ledger.
    pub fn stock(&self, rows: i64, differs: i64) {
        self.stock_rows.set(rows);
        self.stock_differs.set(differs);
    }
}
