//! The totals of a cart.

use shared::{cart::CouponRefusal, time::Timestamp};

use super::{Coupon, Effect};

/// A line to add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumLine {
    /// The unit price in minor units.
    pub price: i64,
    /// Units.
    pub quantity: i64,
}

/// The amounts of a line, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineSum {
    /// Price times quantity.
    pub total: i64,
    /// Its share of the discount.
    pub discount: i64,
    /// Its tax.
    pub tax: i64,
}

/// The totals, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// The lines, in the same order.
    pub lines: Vec<LineSum>,
    /// The discount of each coupon, and why it was refused, if it was.
    pub coupons: Vec<(i64, Option<CouponRefusal>)>,
    /// The value of all lines.
    pub items: i64,
    /// The discount on items and shipping.
    pub discount: i64,
    /// The shipping costs before discounts.
    pub shipping: i64,
    /// The tax, included in the total or added to it.
    pub tax: i64,
    /// The amount to pay.
    pub total: i64,
}

/// Computes the totals. `shipping` returns the shipping costs for a value of items after discounts;
/// `tax` is a rate in hundredths of a per cent.
pub fn sum(
    lines: &[SumLine],
    coupons: &[Coupon],
    shipping: impl FnOnce(i64) -> i64,
    (tax, tax_included): (i64, bool),
    now: Timestamp,
) -> Sum {
    let mut sum = Sum {
        lines: lines
            .iter()
            .map(|line| LineSum {
                total: line.price.saturating_mul(line.quantity),
                ..LineSum::default()
            })
            .collect(),
        ..Sum::default()
    };
    sum.items = sum.lines.iter().map(|line| line.total).sum();
    let (off_items, free_shipping) = sum.use_coupons(coupons, now);
    sum.shipping = shipping(sum.items - off_items);
    let off_shipping = if free_shipping { sum.shipping } else { 0 };
    if let Some(place) = coupons
        .iter()
        .zip(&sum.coupons)
        .position(|(coupon, (_, refused))| {
            coupon.effect == Effect::FreeShipping && refused.is_none()
        })
    {
        sum.coupons[place].0 = off_shipping;
    }
    sum.discount = off_items + off_shipping;
    spread(off_items, sum.items, &mut sum.lines);
    for line in &mut sum.lines {
        line.tax = tax_of(line.total - line.discount, tax, tax_included);
    }
    let shipping_tax = tax_of(sum.shipping - off_shipping, tax, tax_included);
    sum.tax = sum.lines.iter().map(|line| line.tax).sum::<i64>() + shipping_tax;
    sum.total = sum.items - sum.discount + sum.shipping;
    if !tax_included {
        sum.total += sum.tax;
    }
    sum
}

impl Sum {
    /// Applies the coupons one after the other; returns the discount on items, and whether shipping
    /// is free.
    fn use_coupons(&mut self, coupons: &[Coupon], now: Timestamp) -> (i64, bool) {
        let (mut off, mut free_shipping) = (0, false);
        // A coupon that cannot be combined excludes all coupons after it.
        let (mut others, mut alone) = (false, false);
        for coupon in coupons {
            let mut refused = coupon.refused(self.items, now, others);
            if refused.is_none() && alone {
                refused = Some(CouponRefusal::NotTogether);
            }
            let mut takes = 0;
            if refused.is_none() {
                others = true;
                alone = !coupon.stackable;
                let left = self.items - off;
                takes = match coupon.effect {
                    Effect::Percentage(hundredths) => share(left, hundredths, 10_000),
                    Effect::Amount(minor) => minor.clamp(0, left),
                    Effect::FreeShipping => {
                        free_shipping = true;
                        0
                    }
                };
                off += takes;
            }
            self.coupons.push((takes, refused));
        }
        (off, free_shipping)
    }
}

/// `amount · part / whole`, rounded half up; no argument is negative.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    if whole == 0 {
        return 0;
    }
    let exact = i128::from(amount) * i128::from(part);
    let rounded = (exact * 2 + i128::from(whole)) / (i128::from(whole) * 2);
    i64::try_from(rounded).unwrap_or(i64::MAX)
}

/// The tax included in an amount, or added to it.
fn tax_of(amount: i64, rate: i64, included: bool) -> i64 {
    if included {
        amount - share(amount, 10_000, 10_000 + rate)
    } else {
        share(amount, rate, 10_000)
    }
}

/// Distributes a discount over the lines in proportion to their value. Each line gets the rounded
/// running total less what was distributed before, so that the shares add up exactly.
fn spread(discount: i64, items: i64, lines: &mut [LineSum]) {
    let (mut worth, mut given) = (0, 0);
    for line in lines {
        worth += line.total;
        let due = share(discount, worth, items);
        line.discount = (due - given).min(line.total);
        given += line.discount;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use shared::id::CouponId;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

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

    fn line(price: i64, quantity: i64) -> SumLine {
        SumLine { price, quantity }
    }

    #[test]
    fn totals_computed_by_hand() {
        let coupons = [
            coupon(Effect::Percentage(1_000)),
            coupon(Effect::Amount(500)),
        ];
        let found = sum(
            &[line(1_999, 3), line(250, 1)],
            &coupons,
            |_| 600,
            (1_900, true),
            NOW,
        );
        // 62.47 less 10 % (6.25) less 5.00, and 6.00 for shipping.
        assert_eq!(
            (found.items, found.discount, found.shipping),
            (6_247, 1_125, 600)
        );
        assert_eq!(found.total, 6_247 - 1_125 + 600);
        assert_eq!(found.coupons, [(625, None), (500, None)]);
        let without = sum(&[line(10_000, 1)], &[], |_| 0, (725, false), NOW);
        assert_eq!((without.tax, without.total), (725, 10_725));
    }

    #[test]
    fn free_shipping_discounts_the_shipping_costs() {
        let found = sum(
            &[line(100, 1)],
            &[coupon(Effect::FreeShipping)],
            |_| 900,
            (0, true),
            NOW,
        );
        assert_eq!(
            (found.shipping, found.discount, found.total),
            (900, 900, 100)
        );
        assert_eq!(found.coupons, [(900, None)]);
    }

    #[test]
    fn a_refused_coupon_has_a_reason() {
        let at = |ms| Some(Timestamp::from_millis(ms));
        let plain = coupon(Effect::Amount(100));
        for (changed, why) in [
            (
                Coupon {
                    active: false,
                    ..plain.clone()
                },
                CouponRefusal::Unknown,
            ),
            (
                Coupon {
                    starts_at: at(1_000_001),
                    ..plain.clone()
                },
                CouponRefusal::NotYet,
            ),
            (
                Coupon {
                    ends_at: at(1_000_000),
                    ..plain.clone()
                },
                CouponRefusal::Over,
            ),
            (
                Coupon {
                    limit_total: Some(3),
                    used: 3,
                    ..plain.clone()
                },
                CouponRefusal::UsedUp,
            ),
            (
                Coupon {
                    limit_customer: Some(1),
                    used_by_customer: 1,
                    ..plain.clone()
                },
                CouponRefusal::UsedUp,
            ),
            (
                Coupon {
                    minimum_minor: 1_001,
                    ..plain.clone()
                },
                CouponRefusal::BelowMinimum,
            ),
        ] {
            let found = sum(&[line(1_000, 1)], &[changed], |_| 0, (0, true), NOW);
            assert_eq!((found.coupons, found.total), (vec![(0, Some(why))], 1_000));
        }
        let alone = Coupon {
            stackable: false,
            ..plain.clone()
        };
        for pair in [[alone.clone(), plain.clone()], [plain, alone]] {
            let found = sum(&[line(1_000, 1)], &pair, |_| 0, (0, true), NOW);
            assert_eq!(
                found.coupons,
                [(100, None), (0, Some(CouponRefusal::NotTogether))]
            );
        }
    }

    proptest! {
        #[test]
        fn parts_add_up_and_are_never_negative(
            lines in vec((0_i64..1_000_000_000_000, 1_i64..1_000), 0..200),
            effects in vec(prop_oneof![
                (0_i64..=10_000).prop_map(Effect::Percentage),
                (0_i64..2_000_000_000_000).prop_map(Effect::Amount),
                Just(Effect::FreeShipping),
            ], 0..5),
            shipping in 0_i64..1_000_000,
            rate in 0_i64..=10_000,
            included: bool,
        ) {
            let lines: Vec<_> = lines.into_iter().map(|(price, quantity)| line(price, quantity)).collect();
            let coupons: Vec<_> = effects.into_iter().map(coupon).collect();
            let sum = sum(&lines, &coupons, |_| shipping, (rate, included), NOW);
            let off_shipping: i64 = sum.discount - sum.lines.iter().map(|it| it.discount).sum::<i64>();
            prop_assert!(off_shipping == 0 || off_shipping == shipping);
            prop_assert_eq!(sum.items, sum.lines.iter().map(|it| it.total).sum::<i64>());
            prop_assert_eq!(sum.discount, sum.coupons.iter().map(|it| it.0).sum::<i64>());
            for it in &sum.lines {
                prop_assert!(it.discount >= 0 && it.discount <= it.total && it.tax >= 0);
            }
            let added = if included { 0 } else { sum.tax };
            prop_assert_eq!(sum.total, sum.items - sum.discount + sum.shipping + added);
            prop_assert!(sum.total >= 0 && sum.tax >= 0);
        }
    }
}
