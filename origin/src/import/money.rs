//! Amounts in files: exact minor units from the text of a decimal, never through floating point.

use shared::money::{Currency, InvalidMoney, Money};

use super::error::Fault;

/// The largest price, in minor units: a sum of a full cart of them still fits 63 bits.
pub const PRICE_MAX_MINOR: i64 = 1_000_000_000_000;

/// The price in a field. The text is a plain decimal: no sign, no currency, no separators.
pub(super) fn price(field: &str, text: &str, currency: Currency) -> Result<Money, Fault> {
    let shown: String = text.chars().take(40).collect();
    let fault = |why: String| Fault::variant(field, format!("{shown:?} is {why}"));
    let money = Money::parse(text.trim(), currency).map_err(|error| match error {
        InvalidMoney::TooFine => {
            fault(format!("more precise than the smallest unit of {currency}"))
        }
        other => fault(other.to_string()),
    })?;
    if money.minor < 0 {
        return Err(fault("negative".to_owned()));
    }
    if money.minor > PRICE_MAX_MINOR {
        return Err(fault("too large an amount".to_owned()));
    }
    Ok(money)
}

/// The price before a reduction by `percent` to `now`, rounded half up to the smallest unit. `None`
/// if the percentage is not a decimal from 0 to below 100 with at most four decimal places.
pub(super) fn before_reduction(now: Money, percent: &str) -> Option<Money> {
    const WHOLE: i128 = 1_000_000;
    let (whole, fraction) = percent.split_once('.').unwrap_or((percent, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 2 || fraction.len() > 4 {
        return None;
    }
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let taken: i128 = format!("{whole}{fraction:0<4}").parse().ok()?;
    let left = WHOLE - taken;
    let minor = (i128::from(now.minor) * WHOLE * 2 + left) / (left * 2);
    i64::try_from(minor)
        .ok()
        .filter(|minor| *minor <= PRICE_MAX_MINOR)
        .map(|minor| Money::new(minor, now.currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_parsed_exactly_or_rejected() {
        let read = |text| price("price", text, Currency::USD).map(|money| money.minor);
        assert_eq!(read("19.9"), Ok(1990));
        assert_eq!(read(" 0 "), Ok(0));
        assert_eq!(read("36.000"), Ok(3600));
        assert_eq!(read("10000000000.00"), Ok(PRICE_MAX_MINOR));
        for (text, why) in [
            ("10000000000.01", "too large"),
            ("99999999999999999999", "too large"),
            ("-1", "negative"),
            ("1,50", "not a decimal"),
            ("$5", "not a decimal"),
            ("NaN", "not a decimal"),
            ("1e3", "not a decimal"),
            ("", "not a decimal"),
            ("0.001", "more precise"),
        ] {
            let fault = price("price", text, Currency::USD).unwrap_err();
            assert!(fault.reason.contains(why), "{text}: {}", fault.reason);
            assert_eq!(fault.field, "price");
        }
    }

    #[test]
    fn the_price_before_a_reduction_is_rounded_half_up() {
        let before = |minor, percent| {
            before_reduction(Money::new(minor, Currency::USD), percent).map(|money| money.minor)
        };
        assert_eq!(before(999, "10.48"), Some(1116));
        assert_eq!(before(1000, "50"), Some(2000));
        assert_eq!(before(1000, "0"), Some(1000));
        assert_eq!(before(199, "60.2"), Some(500));
        assert_eq!(before(1000, "100"), None);
        assert_eq!(before(1000, "-1"), None);
        assert_eq!(before(1000, "1.00001"), None);
        assert_eq!(before(PRICE_MAX_MINOR, "99.99"), None);
    }
}
