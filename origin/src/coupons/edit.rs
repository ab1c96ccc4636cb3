//! Reading and saving coupons, for staff.

use shared::{
    coupon::{Coupon, CouponList, ListCoupons, SaveCoupon},
    cursor::{Cursor, Direction},
    id::CouponId,
};
use sqlx::AnyConnection;

use crate::{
    audit::{self, Actor, Change},
    checkout, db,
    platform::Platform,
};

use super::{Error, model, store};

const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: u32 = 100;

/// Lists a page of coupons.
pub(super) async fn list(platform: &Platform, query: &ListCoupons) -> Result<CouponList, Error> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let why = format!("limit must be a whole number from 1 to {LIMIT_MAX}.");
        return Err(Error::Invalid(vec![("limit", why)]));
    }
    let before = query.cursor.map_or(i64::MAX, |it| it.id);
    let mut reader = platform.db.read().await?;
    let mut found = store::list(&mut reader, before, i64::from(limit) + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| Cursor {
        order: 0,
        direction: Direction::After,
        key: last.id.get(),
        id: last.id.get(),
    });
    let currency = platform.config.currency;
    let coupons = found
        .iter()
        .map(|it| model::to_public(it, currency))
        .collect();
    Ok(CouponList { coupons, next })
}

/// Finds the coupon with this code.
pub(super) async fn find_coupon(platform: &Platform, code: &str) -> Result<Coupon, Error> {
    let mut reader = platform.db.read().await?;
    let found = find(&mut reader, &model::normalize_code(code), "").await?;
    let found = found.ok_or(Error::NoSuchCoupon)?;
    Ok(model::to_public(&found, platform.config.currency))
}

/// Creates or updates a coupon; the flag says whether it is new.
pub(super) async fn save(
    platform: &Platform,
    actor: &Actor,
    code: &str,
    request: &SaveCoupon,
) -> Result<(Coupon, bool), Error> {
    let currency = platform.config.currency;
    let id = CouponId::new(platform.ids.next(platform.clock.now()));
    let made = model::new_coupon(id, code, request, currency).map_err(Error::Invalid)?;
    let save = async || {
        let mut tx = platform.db.write().await?;
        // Orders lock the row before they use the coupon, so that `used` is current here.
        let lock = tx.dialect().for_update();
        let before = find(tx.conn(), &made.code, lock).await?;
        let used = before.as_ref().map_or(0, |it| it.used);
        if made.limit_total.is_some_and(|limit| limit < used) {
            let why = format!(
                "limit_total must be at least {used}: the coupon has been used that often. Set `active` to false to switch it off."
            );
            return Err(Error::Invalid(vec![("limit_total", why)]));
        }
        match &before {
            Some(_) => store::save(&mut tx, &made).await?,
            None => store::add(&mut tx, &made).await?,
        }
        let after = checkout::Coupon {
            used,
            ..made.clone()
        };
        let after = model::to_public(&after, currency);
        let shown = before.as_ref().map(|it| model::to_public(it, currency));
        let change = Change::new("coupon.save", format!("coupon:{}", after.code));
        let change = change.from(&shown).to(&after);
        audit::record(&mut tx, platform.context(), actor, &[change]).await?;
        tx.commit().await?;
        Ok((after, before.is_none()))
    };
    db::retry_on_conflict(save, Error::is_conflict).await
}

async fn find(
    conn: &mut AnyConnection,
    code: &str,
    lock: &'static str,
) -> Result<Option<checkout::Coupon>, db::Error> {
    Ok(store::list_by_code(conn, &[code], lock).await?.remove(code))
}
