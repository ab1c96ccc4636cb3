//! Claims: stock that a buyer or a network has tied up without having paid for it, counted against
//! the limits of unpaid orders and held carts. Owns all SQL of `stock_claims`.

use std::collections::{HashMap, HashSet};

use shared::id::UserId;
use sqlx::{AnyConnection, Row as _, any::AnyRow};

use crate::db::{self, Rows, Tx};

/// Whom a claim is counted for. The database stores only a hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claimant(String);

impl Claimant {
    /// Unpaid orders of guests with this e-mail address.
    pub fn email(email: &str) -> Self {
        Self::hashed("email", email)
    }

    /// Unpaid orders of an account.
    pub fn account(user: UserId) -> Self {
        Self::hashed("account", &user.to_string())
    }

    /// Unpaid orders from this network.
    pub fn network(network: &str) -> Self {
        Self::hashed("network", network)
    }

    /// Unpaid orders from all networks of this site.
    pub fn site(site: &str) -> Self {
        Self::hashed("site", site)
    }

    /// Held carts of this network.
    pub fn holding(network: &str) -> Self {
        Self::hashed("holding", network)
    }

    fn hashed(kind: &str, name: &str) -> Self {
        let hash = blake3::hash(format!("{kind}:{name}").as_bytes());
        Self(hash.to_hex()[..32].to_owned())
    }
}

/// The unpaid units and value of one order or held cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockClaim {
    /// Whom it is counted for.
    pub claimant: Claimant,
    /// Its number among the claims of this claimant; part of the unique key.
    slot: i64,
    /// The id of the order or cart.
    pub owner: i64,
    /// Units.
    pub units: i64,
    /// Value in minor units of the shop's currency.
    pub value_minor: i64,
}

/// The sum of a claimant's claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClaimTotals {
    /// Number of orders or carts.
    pub count: i64,
    /// Units.
    pub units: i64,
    /// Value in minor units.
    pub value_minor: i64,
}

/// The claims of some claimants, as read by a transaction.
#[derive(Clone, Debug, Default)]
pub struct StockClaims(HashMap<Claimant, Vec<StockClaim>>);

impl StockClaims {
    /// Sums a claimant's claims, leaving out those of `owner`.
    pub fn total_excluding(&self, claimant: &Claimant, owner: i64) -> ClaimTotals {
        let others = self
            .of_claimant(claimant)
            .iter()
            .filter(|it| it.owner != owner);
        others.fold(ClaimTotals::default(), |sum, it| ClaimTotals {
            count: sum.count + 1,
            units: sum.units + it.units,
            value_minor: sum.value_minor + it.value_minor,
        })
    }

    /// The orders or carts of a claimant, the oldest first.
    pub fn owners(&self, claimant: &Claimant) -> Vec<i64> {
        let mut owners: Vec<i64> = self
            .of_claimant(claimant)
            .iter()
            .map(|it| it.owner)
            .collect();
        owners.sort_unstable();
        owners
    }

    /// The units that `owner` has claimed for this claimant, or `None` without a claim.
    pub fn units(&self, claimant: &Claimant, owner: i64) -> Option<i64> {
        let mut own = self.of_claimant(claimant).iter();
        Some(own.find(|it| it.owner == owner)?.units)
    }

    /// The claimant that `owner` is counted for.
    pub fn claimant_of(&self, owner: i64) -> Option<Claimant> {
        let mut all = self.0.values().flatten();
        Some(all.find(|it| it.owner == owner)?.claimant.clone())
    }

    /// Sets the claim of `owner`: it keeps its slot, or takes the lowest free one.
    pub fn set(
        &mut self,
        claimant: &Claimant,
        owner: i64,
        units: i64,
        value_minor: i64,
    ) -> StockClaim {
        let own = self.0.entry(claimant.clone()).or_default();
        let before = own.iter().position(|it| it.owner == owner);
        let slot = match before {
            Some(place) => own.remove(place).slot,
            None => {
                let taken: HashSet<i64> = own.iter().map(|it| it.slot).collect();
                (0..).find(|slot| !taken.contains(slot)).unwrap_or(i64::MAX)
            }
        };
        let claim = StockClaim {
            claimant: claimant.clone(),
            slot,
            owner,
            units,
            value_minor,
        };
        own.push(claim.clone());
        claim
    }

    /// Removes all claims of `owner`.
    pub fn remove(&mut self, owner: i64) {
        for own in self.0.values_mut() {
            own.retain(|it| it.owner != owner);
        }
    }

    fn of_claimant(&self, claimant: &Claimant) -> &[StockClaim] {
        self.0.get(claimant).map_or(&[], Vec::as_slice)
    }

    fn read(&mut self, rows: &[AnyRow]) -> Result<(), db::Error> {
        for row in rows {
            let claimant = Claimant(row.try_get("subject")?);
            let own = self.0.entry(claimant.clone()).or_default();
            own.push(StockClaim {
                claimant,
                slot: row.try_get("slot")?,
                owner: row.try_get("owner")?,
                units: row.try_get("units")?,
                value_minor: row.try_get("value_minor")?,
            });
        }
        Ok(())
    }
}

/// Lists the claims of these claimants; `lock` is the locking clause, or empty.
pub async fn list_claims(
    conn: &mut AnyConnection,
    mut claimants: Vec<Claimant>,
    lock: &'static str,
) -> Result<StockClaims, db::Error> {
    claimants.sort_unstable();
    claimants.dedup();
    let mut claims = StockClaims::default();
    for chunk in claimants.chunks(Rows::MAX) {
        let head = "
            select subject, slot, owner, units, value_minor
              from stock_claims
             where subject in ";
        let mut query = Rows::among(head, chunk.iter().map(|it| it.0.clone()));
        query.push(" order by subject, slot").push(lock);
        claims.read(&query.build().fetch_all(&mut *conn).await?)?;
    }
    Ok(claims)
}

/// Lists the claimants that these orders or carts are counted for.
pub async fn list_claimants(
    conn: &mut AnyConnection,
    owners: &[i64],
) -> Result<Vec<Claimant>, db::Error> {
    let mut found = Vec::new();
    for chunk in owners.chunks(Rows::MAX) {
        let head = "
            select subject
              from stock_claims
             where owner in ";
        let mut query = Rows::among(head, chunk.iter().copied());
        let subjects: Vec<String> = query.build_query_scalar().fetch_all(&mut *conn).await?;
        found.extend(subjects.into_iter().map(Claimant));
    }
    Ok(found)
}

/// Inserts claims. If another transaction has taken a slot meanwhile, the unique key is violated
/// and the whole batch has to be decided again.
pub async fn add_claims(tx: &mut Tx, claims: &[StockClaim]) -> Result<(), db::Error> {
    let head = "insert into stock_claims (subject, slot, owner, units, value_minor) ";
    Rows::insert(head)
        .write(tx, claims, |mut row, it| {
            row.push_bind(it.claimant.0.clone())
                .push_bind(it.slot)
                .push_bind(it.owner)
                .push_bind(it.units)
                .push_bind(it.value_minor);
        })
        .await
}

/// Deletes the claims of these orders or carts.
pub async fn delete_claims(tx: &mut Tx, owners: &[i64]) -> Result<(), db::Error> {
    for chunk in owners.chunks(Rows::MAX) {
        let head = "
            delete from stock_claims
             where owner in ";
        let mut query = Rows::among(head, chunk.iter().copied());
        query.build().execute(tx.conn()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_takes_the_first_free_slot_and_keeps_it() {
        let (ann, bob) = (
            Claimant::email("ann@example.org"),
            Claimant::email("bob@example.org"),
        );
        let mut claims = StockClaims::default();
        let slots = [1, 2, 3].map(|owner| claims.set(&ann, owner, 2, 10).slot);
        assert_eq!((slots, claims.set(&bob, 4, 1, 1).slot), ([0, 1, 2], 0));
        assert_eq!(claims.set(&ann, 2, 7, 10).slot, 1);
        claims.remove(1);
        assert_eq!(claims.set(&ann, 5, 1, 10).slot, 0);
        assert_eq!(claims.owners(&ann), [2, 3, 5]);
        let others = ClaimTotals {
            count: 2,
            units: 8,
            value_minor: 20,
        };
        assert_eq!(claims.total_excluding(&ann, 3), others);
        assert_eq!(claims.claimant_of(4), Some(bob));
        assert_eq!(claims.claimant_of(1), None);
    }

    #[test]
    fn a_claim_contains_no_address() {
        let claimant = Claimant::network("192.0.2.1");
        assert!(!claimant.0.contains("192"));
        assert_eq!(claimant.0.len(), 32);
        assert_ne!(claimant, Claimant::holding("192.0.2.1"));
    }
}
