//! Validation and public representation of coupons.

use shared::{
    coupon::{self, AMOUNT_MAX_MINOR, CODE_MAX, CouponEffect, SaveCoupon, USES_MAX},
    id::CouponId,
    money::{Currency, Money},
};

use crate::checkout::{Coupon, Effect, percent};

/// An invalid field and the reason.
type CouponFault = (&'static str, String);

/// Normalizes a code to upper case, so that buyers may type it in any case.
pub fn normalize_code(code: &str) -> String {
    code.trim().to_uppercase()
}

/// Whether a normalized code has a valid length.
pub fn has_code_length(code: &str) -> bool {
    (1..=CODE_MAX).contains(&code.chars().count())
}

/// Whether a coupon can be created with this code: it can be typed and used as a path segment,
/// which `.` and `..` cannot.
pub(super) fn is_code(code: &str) -> bool {
    let fits = |letter: char| letter.is_alphanumeric() || letter.is_ascii_graphic();
    has_code_length(code) && code.chars().all(fits) && code.chars().any(char::is_alphanumeric)
}

/// Builds a coupon from a request, or returns every invalid field. Whether the code exists already
/// is checked by the caller.
pub(super) fn new_coupon(
    id: CouponId,
    code: &str,
    request: &SaveCoupon,
    currency: Currency,
) -> Result<Coupon, Vec<CouponFault>> {
    let code = normalize_code(code);
    let mut faults = Vec::new();
    if !is_code(&code) {
        let why = "code must be 1 to 64 letters, digits and signs, without spaces.";
        faults.push(("code", why.to_owned()));
    }
    let effect = effect_of(&request.effect, currency);
    let effect = effect.map_err(|fault| faults.push(fault)).ok();
    let minimum = request.minimum.unwrap_or(Money::new(0, currency));
    if let Err(why) = amount(minimum, 0, currency) {
        faults.push(("minimum", why));
    }
    if let (Some(start), Some(end)) = (request.starts_at, request.ends_at)
        && end <= start
    {
        faults.push((
            "ends_at",
            "ends_at must be later than starts_at.".to_owned(),
        ));
    }
    for (field, limit) in [
        ("limit_total", request.limit_total),
        ("limit_customer", request.limit_customer),
    ] {
        if limit.is_some_and(|it| !(1..=USES_MAX).contains(&it)) {
            faults.push((field, format!("A number from 1 to {USES_MAX} is expected.")));
        }
    }
    match effect {
        Some(effect) if faults.is_empty() => Ok(Coupon {
            id,
            code,
            effect,
            minimum_minor: minimum.minor,
            starts_at: request.starts_at,
            ends_at: request.ends_at,
            limit_total: request.limit_total,
            limit_customer: request.limit_customer,
            used: 0,
            used_by_customer: 0,
            stackable: request.stackable,
            active: request.active,
        }),
        _ => Err(faults),
    }
}

fn effect_of(effect: &CouponEffect, currency: Currency) -> Result<Effect, CouponFault> {
    match effect {
        CouponEffect::Percentage { percent: text } => match percent(text) {
            Some(hundredths) if hundredths > 0 => Ok(Effect::Percentage(hundredths)),
            _ => {
                let why = "percent must be a decimal above 0 and up to 100, with at most two decimal places.";
                Err(("effect.percent", why.to_owned()))
            }
        },
        CouponEffect::Amount { amount: money } => match amount(*money, 1, currency) {
            Ok(minor) => Ok(Effect::Amount(minor)),
            Err(why) => Err(("effect.amount", why)),
        },
        CouponEffect::FreeShipping {} => Ok(Effect::FreeShipping),
    }
}

/// Validates an amount of at least `least` and returns its minor units.
fn amount(money: Money, least: i64, currency: Currency) -> Result<i64, String> {
    if money.currency != currency {
        return Err(format!("The amount must be in {currency}."));
    }
    if !(least..=AMOUNT_MAX_MINOR).contains(&money.minor) {
        return Err(format!(
            "The amount must be from {least} to {AMOUNT_MAX_MINOR} in minor units."
        ));
    }
    Ok(money.minor)
}

/// The public representation, for staff.
pub(super) fn to_public(coupon: &Coupon, currency: Currency) -> coupon::Coupon {
    let effect = match coupon.effect {
        Effect::Percentage(hundredths) => CouponEffect::Percentage {
            percent: decimal(hundredths),
        },
        Effect::Amount(minor) => CouponEffect::Amount {
            amount: Money::new(minor, currency),
        },
        Effect::FreeShipping => CouponEffect::FreeShipping {},
    };
    coupon::Coupon {
        code: coupon.code.clone(),
        effect,
        minimum: Money::new(coupon.minimum_minor, currency),
        starts_at: coupon.starts_at,
        ends_at: coupon.ends_at,
        limit_total: coupon.limit_total,
        limit_customer: coupon.limit_customer,
        stackable: coupon.stackable,
        active: coupon.active,
        used: coupon.used,
    }
}

/// Formats hundredths as [`percent`] parses them, without trailing zeros: `1250` is `12.5`.
fn decimal(hundredths: i64) -> String {
    let (whole, fraction) = (hundredths / 100, hundredths % 100);
    match (fraction, fraction % 10) {
        (0, _) => whole.to_string(),
        (_, 0) => format!("{whole}.{}", fraction / 10),
        _ => format!("{whole}.{fraction:02}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_typeable_codes_are_valid() {
        let longest = "X".repeat(CODE_MAX);
        for good in [
            "A",
            "SAVE-10%",
            "春节88",
            "0",
            "..A",
            "{TEA}",
            longest.as_str(),
        ] {
            assert!(is_code(&normalize_code(good)), "{good}");
        }
        let longer = "X".repeat(CODE_MAX + 1);
        for bad in [
            "",
            " ",
            "A B",
            "A\u{0}",
            "A\u{a0}B",
            "\u{200b}A",
            ".",
            "..",
            "%",
            "🙂",
            &longer,
        ] {
            assert!(!is_code(&normalize_code(bad)), "{bad:?}");
        }
        // Upper case can be longer.
        assert!(!is_code(&normalize_code(&"ß".repeat(CODE_MAX / 2 + 1))));
        assert!(is_code(&normalize_code("ß")));
    }

    proptest! {
        #[test]
        fn a_percentage_round_trips(hundredths in 0_i64..=10_000) {
            prop_assert_eq!(percent(&decimal(hundredths)), Some(hundredths));
        }

        /// Normalizing a code twice changes nothing.
        #[test]
        fn normalizing_a_code_is_idempotent(text in "\\PC{1,70}") {
            let code = normalize_code(&text);
            if is_code(&code) {
                prop_assert_eq!(normalize_code(&code), code);
            }
        }
    }
}
