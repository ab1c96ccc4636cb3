//! Totals computed by hand: coupons, taxes and shipping combined, and each boundary.

use shared::{
    address::Address, cart::CouponRefusal, id::CouponId, money::Currency, time::Timestamp,
};

use super::{Coupon, Effect, Parcel, Rules, Sum, SumLine, sum};

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

/// The totals of these lines with these coupons, without shipping and taxes.
fn without_shipping(lines: &[SumLine], coupons: &[Coupon]) -> Sum {
    sum(lines, coupons, |_| 0, (0, true), NOW)
}

fn line(price: i64, quantity: i64) -> SumLine {
    SumLine { price, quantity }
}

#[test]
fn coupons_apply_one_after_the_other() {
    let percent = |percent: i64| Effect::Percentage(percent * 100);
    let (amount, shipping) = (Effect::Amount, Effect::FreeShipping);
    for (effects, expected) in [
        // 5.00 off 20.00, and a tenth of the other 15.00.
        ([amount(500), percent(10)], [500, 150]),
        ([percent(10), amount(500)], [200, 500]),
        // Half of 20.00, and half of the other 10.00.
        ([percent(50), percent(50)], [1_000, 500]),
        ([amount(1_900), amount(500)], [1_900, 100]),
        ([percent(100), amount(500)], [2_000, 0]),
        // Shipping is free once.
        ([shipping, shipping], [500, 0]),
        ([amount(500), shipping], [500, 500]),
    ] {
        let coupons = effects.map(coupon);
        let found = sum(&[line(1_000, 2)], &coupons, |_| 500, (0, true), NOW);
        let [first, second] = expected;
        assert_eq!(
            found.coupons,
            [(first, None), (second, None)],
            "{effects:?}"
        );
        let paid = 2_500 - first - second;
        assert_eq!(
            (found.discount, found.total),
            (first + second, paid),
            "{effects:?}"
        );
    }
}

#[test]
fn a_percentage_is_rounded_half_up() {
    for (price, hundredths, expected) in [
        // 5 % of 0.10 are half a cent.
        (10, 500, 1),
        (10, 499, 0),
        (10, 1_499, 1),
        (10, 1_500, 2),
        // 12.5 % of 9.99 are 1.24875.
        (999, 1_250, 125),
        (999, 1_251, 125),
        (999, 10_000, 999),
        (999, 0, 0),
    ] {
        let found = without_shipping(&[line(price, 1)], &[coupon(Effect::Percentage(hundredths))]);
        assert_eq!(found.discount, expected, "{hundredths} of {price}");
    }
}

#[test]
fn a_minimum_is_compared_with_the_value_before_discounts() {
    let items = [line(1_000, 2)];
    let least = |minimum_minor, effect| Coupon {
        minimum_minor,
        ..coupon(effect)
    };
    let first = coupon(Effect::Amount(1_500));
    let reached = [first.clone(), least(2_000, Effect::Amount(100))];
    assert_eq!(
        without_shipping(&items, &reached).coupons,
        [(1_500, None), (100, None)]
    );
    let missed = [first, least(2_001, Effect::Amount(100))];
    assert_eq!(
        without_shipping(&items, &missed).coupons,
        [(1_500, None), (0, Some(CouponRefusal::BelowMinimum))]
    );
    // A refused coupon does not make shipping free.
    for (minimum, shipped_free) in [(2_000, true), (2_001, false)] {
        let coupons = [least(minimum, Effect::FreeShipping)];
        let found = sum(&items, &coupons, |_| 500, (TAX, false), NOW);
        // 20.00 have 4.00 of tax, and shipping for 5.00 has 1.00.
        let expected = if shipped_free {
            [500, 400, 2_400]
        } else {
            [0, 500, 3_000]
        };
        assert_eq!([found.discount, found.tax, found.total], expected);
    }
}

#[test]
fn a_refused_coupon_excludes_no_other() {
    let alone = Coupon {
        stackable: false,
        minimum_minor: 2_001,
        ..coupon(Effect::Amount(100))
    };
    let coupons = [
        alone,
        coupon(Effect::Amount(300)),
        coupon(Effect::Amount(200)),
    ];
    assert_eq!(
        without_shipping(&[line(1_000, 2)], &coupons).coupons,
        [
            (0, Some(CouponRefusal::BelowMinimum)),
            (300, None),
            (200, None)
        ]
    );
}

#[test]
fn a_discount_is_spread_over_the_lines_by_value() {
    for (lines, off, expected) in [
        // 10.00 and 30.00 share 4.00 as one to three.
        (vec![line(1_000, 1), line(1_000, 3)], 400, vec![100, 300]),
        (vec![line(1_000, 3), line(1_000, 1)], 400, vec![300, 100]),
        // Thirds of 1.00: 0.33, then 0.67 together, then 1.00 together.
        (vec![line(1_000, 1); 3], 100, vec![33, 34, 33]),
        (vec![line(500, 1), line(500, 1)], 1, vec![1, 0]),
        // A discount beyond the value takes the value.
        (vec![line(100, 1), line(300, 1)], 1_000, vec![100, 300]),
        (vec![line(0, 1), line(500, 2)], 250, vec![0, 250]),
        (vec![line(0, 1)], 250, vec![0]),
    ] {
        let found = without_shipping(&lines, &[coupon(Effect::Amount(off))]);
        let discounts: Vec<i64> = found.lines.iter().map(|it| it.discount).collect();
        assert_eq!(discounts, expected, "{off} off {lines:?}");
    }
}

#[test]
fn each_line_is_taxed_on_its_own() {
    let two = [line(13, 1), line(13, 1)];
    for (included, each, shipping_tax, total) in [
        // 20 % of 0.13 are 0.026, and of 0.12 for shipping 0.024.
        (false, 3, 2, 26 + 12 + 8),
        // 0.13 include 0.0217, and 0.12 include 0.02.
        (true, 2, 2, 26 + 12),
    ] {
        let found = sum(&two, &[], |_| 12, (TAX, included), NOW);
        let taxes: Vec<i64> = found.lines.iter().map(|it| it.tax).collect();
        assert_eq!(taxes, [each, each], "tax included: {included}");
        assert_eq!(
            (found.tax, found.total),
            (2 * each + shipping_tax, total),
            "tax included: {included}"
        );
    }
    // A line that a coupon makes free has no tax.
    let free = [coupon(Effect::Percentage(10_000))];
    let found = sum(&two, &free, |_| 12, (TAX, false), NOW);
    assert_eq!((found.lines[0].tax, found.tax, found.total), (0, 2, 14));
}
