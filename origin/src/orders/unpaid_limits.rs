//! Limits of what a buyer, a network and a site may have on unpaid orders.

use shared::{
    id::OrderId,
    locale::Locale,
    money::{Currency, Money},
};

use crate::{
    cart,
    config::Config,
    inventory::{ClaimTotals, Claimant, StockClaim, StockClaims},
};

use super::{Obstacle, batch::Placement};

/// The claimants that an order is counted for.
#[derive(Clone, Debug)]
pub(super) struct BuyerClaimants {
    person: Claimant,
    network: Option<Claimant>,
    site: Option<Claimant>,
}

impl BuyerClaimants {
    /// The buyer of a cart: its account, or a guest by e-mail address, counted separately so that a
    /// guest cannot use up the limit of an account with the same address. `None` while the cart has
    /// neither.
    pub(super) fn from_cart(cart: &cart::StoredCart, placement: &Placement) -> Option<Self> {
        let person = match cart.user {
            Some(user) => Claimant::account(user),
            None => Claimant::email(cart.email.as_deref()?),
        };
        Some(Self {
            person,
            network: placement.network.client().map(Claimant::network),
            site: placement.network.site().map(Claimant::site),
        })
    }

    /// All claimants, to read their claims.
    pub(super) fn claimants(self) -> impl Iterator<Item = Claimant> {
        let claimants = [Some(self.person), self.network, self.site];
        claimants.into_iter().flatten()
    }

    /// The buyer's unpaid orders, the oldest first. For a guest only those from the same network,
    /// because an e-mail address alone proves nothing.
    pub(super) fn unpaid(&self, cart: &cart::StoredCart, claims: &StockClaims) -> Vec<OrderId> {
        let mut own = claims.owners(&self.person);
        if cart.user.is_none() {
            let network = self.network.as_ref();
            let near = network.map_or_else(Vec::new, |it| claims.owners(it));
            own.retain(|order| near.contains(order));
        }
        own.into_iter().map(OrderId::new).collect()
    }

    /// Adds the claims of a new order.
    pub(super) fn claim(
        &self,
        claims: &mut StockClaims,
        order: OrderId,
        (units, value_minor): (i64, i64),
    ) -> Vec<StockClaim> {
        let claimants = self.clone().claimants();
        claimants
            .map(|it| claims.set(&it, order.get(), units, value_minor))
            .collect()
    }
}

/// Limits of unpaid orders; 0 means unlimited.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnpaidLimits {
    pub(super) orders: i64,
    pub(super) units: i64,
    pub(super) value_minor: i64,
    /// The limits of a network, as a multiple.
    pub(super) network: i64,
    /// The limits of a site, as a multiple of those of a network.
    pub(super) site: i64,
}

impl UnpaidLimits {
    pub(super) fn from_config(config: &Config) -> Self {
        let buying = &config.buying;
        Self {
            orders: buying.limit_unpaid_orders,
            units: buying.limit_unpaid_units,
            value_minor: buying.limit_unpaid_minor,
            network: buying.limit_unpaid_network,
            site: i64::from(config.limit_site),
        }
    }

    /// Lists the limits that an order with these units and this value would exceed.
    pub(super) fn excess(
        self,
        buyer: &BuyerClaimants,
        claims: &StockClaims,
        (units, value_minor): (i64, i64),
        currency: Currency,
    ) -> Vec<Obstacle> {
        let sum = |claimant: &Claimant| {
            let has = claims.total_excluding(claimant, 0);
            ClaimTotals {
                count: has.count + 1,
                units: has.units.saturating_add(units),
                value_minor: has.value_minor.saturating_add(value_minor),
            }
        };
        let site = self.network.saturating_mul(self.site);
        let whose = [
            (Some(&buyer.person), 1, ""),
            (buyer.network.as_ref(), self.network, " from one network"),
            (buyer.site.as_ref(), site, " from one site"),
        ];
        let limited = whose.into_iter().filter(|(_, times, _)| *times > 0);
        let mut excess = limited.filter_map(|(claimant, times, whose)| {
            Some(self.above(sum(claimant?), times, whose, currency))
        });
        excess.find(|it| !it.is_empty()).unwrap_or_default()
    }

    fn above(self, has: ClaimTotals, times: i64, whose: &str, currency: Currency) -> Vec<Obstacle> {
        let above = |limit: i64, has: i64| limit > 0 && has > limit.saturating_mul(times);
        let mut excess = Vec::new();
        let mut add = |field: &str, most: String| {
            excess.push(Obstacle {
                field: field.to_owned(),
                why: format!("At most {most} may be on unpaid orders{whose}."),
                may_be_own_order: true,
            });
        };
        if above(self.orders, has.count) {
            let most = self.orders.saturating_mul(times);
            excess.push(Obstacle {
                field: "orders".to_owned(),
                why: format!("At most {most} unpaid orders{whose} are allowed."),
                may_be_own_order: true,
            });
            return excess;
        }
        if above(self.units, has.units) {
            add(
                "units",
                format!("{} units", self.units.saturating_mul(times)),
            );
        }
        if above(self.value_minor, has.value_minor) {
            let most = Money::new(self.value_minor.saturating_mul(times), currency);
            add("value", most.display(Locale::En));
        }
        excess
    }
}

#[cfg(test)]
mod tests {
    use shared::id::UserId;

    use super::*;

    fn buyer(user: i64, network: Option<&str>) -> BuyerClaimants {
        BuyerClaimants {
            person: Claimant::account(UserId::new(user)),
            network: network.map(Claimant::network),
            site: network.map(|it| Claimant::site(&it[..it.len() - 1])),
        }
    }

    fn fields(
        limits: UnpaidLimits,
        buyer: &BuyerClaimants,
        claims: &StockClaims,
        new: (i64, i64),
    ) -> Vec<String> {
        let excess = limits.excess(buyer, claims, new, Currency::USD);
        excess.into_iter().map(|it| it.field).collect()
    }

    const LIMITS: UnpaidLimits = UnpaidLimits {
        orders: 2,
        units: 10,
        value_minor: 1_000,
        network: 2,
        site: 2,
    };

    #[test]
    fn each_limit_is_exact() {
        let (ann, none) = (buyer(1, None), StockClaims::default());
        for (units, value, expected) in [
            (10, 1_000, &[][..]),
            (11, 1_000, &["units"]),
            (10, 1_001, &["value"]),
            (11, 1_001, &["units", "value"]),
        ] {
            assert_eq!(
                fields(LIMITS, &ann, &none, (units, value)),
                expected,
                "{units} {value}"
            );
        }
        let mut claims = StockClaims::default();
        ann.claim(&mut claims, OrderId::new(1), (4, 400));
        assert!(fields(LIMITS, &ann, &claims, (6, 600)).is_empty());
        assert_eq!(fields(LIMITS, &ann, &claims, (7, 601)), ["units", "value"]);
        ann.claim(&mut claims, OrderId::new(2), (1, 1));
        assert_eq!(fields(LIMITS, &ann, &claims, (1, 1)), ["orders"]);
        let free = UnpaidLimits {
            orders: 0,
            units: 0,
            value_minor: 0,
            network: 0,
            site: 0,
        };
        assert!(fields(free, &ann, &claims, (999_999, i64::MAX)).is_empty());
    }

    #[test]
    fn a_network_has_a_multiple_of_the_limit() {
        let mut claims = StockClaims::default();
        for user in 1..=4 {
            let buyer = buyer(user, Some("192.0.2.1"));
            assert!(
                fields(LIMITS, &buyer, &claims, (5, 500)).is_empty(),
                "{user}"
            );
            buyer.claim(&mut claims, OrderId::new(user), (5, 500));
        }
        let (near, far) = (buyer(5, Some("192.0.2.1")), buyer(5, Some("192.0.2.2")));
        let away = buyer(6, Some("198.51.100.1"));
        assert_eq!(fields(LIMITS, &near, &claims, (1, 1)), ["orders"]);
        assert!(fields(LIMITS, &far, &claims, (1, 1)).is_empty());
        let more = UnpaidLimits {
            orders: 9,
            ..LIMITS
        };
        assert_eq!(fields(more, &near, &claims, (1, 1)), ["units", "value"]);
        assert!(
            fields(
                UnpaidLimits {
                    network: 0,
                    ..LIMITS
                },
                &near,
                &claims,
                (1, 1)
            )
            .is_empty()
        );
        // All networks of a site are counted together.
        for user in 5..=8 {
            buyer(user, Some("192.0.2.2")).claim(&mut claims, OrderId::new(user), (5, 500));
        }
        let third = buyer(9, Some("192.0.2.3"));
        assert_eq!(fields(LIMITS, &third, &claims, (1, 1)), ["orders"]);
        assert!(fields(UnpaidLimits { site: 0, ..LIMITS }, &third, &claims, (1, 1)).is_empty());
        assert!(fields(LIMITS, &away, &claims, (1, 1)).is_empty());
    }
}
