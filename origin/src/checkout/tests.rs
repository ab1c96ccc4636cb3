//! Totals computed by hand: coupons, taxes and shipping combined, and each boundary.

use shared::{
    address::Address, cart::CouponRefusal, id::CouponId, money::Currency, time::Timestamp,
};

use super::{Coupon, Effect, Parcel, Rules, SumLine, sum};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
/// 20 per cent, in hundredths of a per cent.
const TAX: i64 = 2_000;

fn coupon(effect: Effect) -> Coupon {
    Coupon {
        id: CouponId::new(1),
        code: "WELCOME".into(),
        effect,
        minimum_minor: 0,
        starts_at: None,
        ends_at: None,
        limit_total: None,
        limit_customer: None,
        used: 0,
        used_by_customer: 0,
        stackable: true,
        active: true,
    }
}

/// Shipping for 5.00, free above goods of 18.00; up to 5 kg and goods of 50.00.
fn shipping(value_minor: i64, weight_g: i64) -> Option<i64> {
    let text = r#"
        [tax]
        included = true
        [[shipping]]
        code = "post"
        name = "Post"
        zones = [{ countries = ["DE"], price = "5.00", free_from = "18.00",
                   weight_max_g = 5000, value_max = "50.00" }]"#;
    let address = Address {
        country: "DE".into(),
        ..Address::default()
    };
    let parcel = Parcel {
        value_minor,
        weight_g,
    };
    let rules = Rules::parse(text, Currency::USD).unwrap();
    rules.shipping("post", &address, parcel)
}

/// Two units with coupons: discount, shipping, tax and total.
fn total(price: i64, effects: &[Effect], free: bool, included: bool) -> [i64; 4] {
    let coupons: Vec<Coupon> = effects.iter().copied().map(coupon).collect();
    let lines = [SumLine { price, quantity: 2 }];
    let cost = |value: i64| {
        if free {
            shipping(value, 0).unwrap()
        } else {
            500
        }
    };
    let sum = sum(&lines, &coupons, cost, (TAX, included), NOW);
    let of_lines: i64 = sum.lines.iter().map(|it| it.tax).sum();
    assert!(of_lines <= sum.tax);
    [sum.discount, sum.shipping, sum.tax, sum.total]
}

#[test]
fn coupons_tax_and_shipping_by_hand() {
    let tenth = Effect::Percentage(1_000);
    let (amount, none) = (Effect::Amount(500), Effect::FreeShipping);
    for (effects, included, expected) in [
        // 20.00 include 3.33 of tax, 5.00 include 0.83.
        (&[][..], true, [0, 500, 333 + 83, 2_500]),
        (&[], false, [0, 500, 400 + 100, 3_000]),
        // 18.00 include 3.00.
        (&[tenth], true, [200, 500, 300 + 83, 2_300]),
        (&[tenth], false, [200, 500, 360 + 100, 2_760]),
        // 15.00 include 2.50.
        (&[amount], true, [500, 500, 250 + 83, 2_000]),
        (&[amount], false, [500, 500, 300 + 100, 2_400]),
        // Free shipping has no tax.
        (&[none], true, [500, 500, 333, 2_000]),
        (&[none], false, [500, 500, 400, 2_400]),
        (&[tenth, none], true, [700, 500, 300, 1_800]),
        (&[tenth, none], false, [700, 500, 360, 2_160]),
        (&[none, amount], false, [1_000, 500, 300, 1_800]),
    ] {
        let found = total(1_000, effects, false, included);
        assert_eq!(found, expected, "{effects:?}, tax included: {included}");
    }
}

#[test]
fn free_shipping_depends_on_the_discounted_value() {
    let off = Effect::Amount;
    for (price, effects, included, expected) in [
        (900, &[][..], true, [0, 0, 300, 1_800]),
        (899, &[], true, [0, 500, 300 + 83, 2_298]),
        (1_000, &[off(199)], true, [199, 0, 300, 1_801]),
        (1_000, &[off(200)], true, [200, 0, 300, 1_800]),
        (1_000, &[off(201)], true, [201, 500, 300 + 83, 2_299]),
        (1_000, &[off(200)], false, [200, 0, 360, 2_160]),
        (1_000, &[off(201)], false, [201, 500, 360 + 100, 2_759]),
        (
            1_000,
            &[Effect::Percentage(1_000)],
            false,
            [200, 0, 360, 2_160],
        ),
        (
            1_000,
            &[Effect::Percentage(1_005)],
            false,
            [201, 500, 360 + 100, 2_759],
        ),
    ] {
        let found = total(price, effects, true, included);
        assert_eq!(
            found, expected,
            "{price} {effects:?}, tax included: {included}"
        );
    }
}

#[test]
fn a_method_is_limited_by_its_zone() {
    for (value, weight, expected) in [
        (1_799, 0, Some(500)),
        (1_800, 0, Some(0)),
        (5_000, 5_000, Some(0)),
        (5_001, 5_000, None),
        (5_000, 5_001, None),
        (100, 5_000, Some(500)),
    ] {
        assert_eq!(shipping(value, weight), expected, "{value} {weight}");
    }
}

#[test]
fn a_coupon_applies_at_its_boundaries() {
    let at = |ms| Some(Timestamp::from_millis(ms));
    let plain = coupon(Effect::Amount(100));
    let minimum = |minimum_minor| Coupon {
        minimum_minor,
        ..plain.clone()
    };
    let from = |ms| Coupon {
        starts_at: at(ms),
        ..plain.clone()
    };
    let until = |ms| Coupon {
        ends_at: at(ms),
        ..plain.clone()
    };
    let used = |used| Coupon {
        limit_total: Some(3),
        used,
        ..plain.clone()
    };
    let by_customer = |used_by_customer| Coupon {
        limit_customer: Some(2),
        used_by_customer,
        ..plain.clone()
    };
    for (coupon, refused) in [
        (minimum(1_000), None),
        (minimum(1_001), Some(CouponRefusal::BelowMinimum)),
        (from(1_000_000), None),
        (from(1_000_001), Some(CouponRefusal::NotYet)),
        (until(1_000_001), None),
        (until(1_000_000), Some(CouponRefusal::Over)),
        (used(2), None),
        (used(3), Some(CouponRefusal::UsedUp)),
        (by_customer(1), None),
        (by_customer(2), Some(CouponRefusal::UsedUp)),
    ] {
        assert_eq!(coupon.refused(1_000, NOW, false), refused, "{coupon:?}");
    }
}
