//! Money: integer minor units with an ISO 4217 code. No floating point touches it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::locale::Locale;

/// An ISO 4217 alphabetic code, in upper case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The US dollar.
    pub const USD: Self = Self(*b"USD");

    /// The three letters.
    pub fn code(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// The number of decimal places (ISO 4217, list one, "minor unit").
    pub const fn exponent(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }

    /// The symbol that readers of this language expect, or the code and a space where none is
    /// common.
    fn symbol(self, locale: Locale) -> String {
        let symbol = match (&self.0, locale) {
            (b"USD", Locale::En) => "$",
            (b"USD", Locale::Zh) => "US$",
            (b"EUR", _) => "€",
            (b"GBP", _) => "£",
            (b"CNY", Locale::En) => "CN¥",
            (b"CNY", Locale::Zh) => "¥",
            (b"JPY", Locale::En) => "¥",
            (b"JPY", Locale::Zh) => "JP¥",
            (b"KRW", _) => "₩",
            (b"INR", _) => "₹",
            (b"HKD", _) => "HK$",
            (b"TWD", _) => "NT$",
            (b"AUD", Locale::En) => "A$",
            (b"CAD", Locale::En) => "CA$",
            _ => return format!("{}\u{a0}", self.code()),
        };
        symbol.to_owned()
    }
}

impl std::str::FromStr for Currency {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(InvalidMoney::Currency),
        }
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl schemars::JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[A-Z]{3}$",
            "description": "An ISO 4217 currency code.",
        })
    }
}

/// An amount in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Money {
    /// The amount in minor units: 1990 is 19.90 USD, and 1,990 JPY.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// `minor` minor units of `currency`.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Parses a plain decimal such as `19.9`, `1990` or `-0.05` exactly. Digits beyond the
    /// currency's decimal places must be zeros: nothing is rounded.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, InvalidMoney> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(InvalidMoney::Decimal);
        }
        if digits.contains('.') && fraction.is_empty() {
            return Err(InvalidMoney::Decimal);
        }
        let places = currency.exponent() as usize;
        let (kept, beyond) = fraction.split_at(places.min(fraction.len()));
        if beyond.bytes().any(|byte| byte != b'0') {
            return Err(InvalidMoney::TooFine);
        }
        let minor = whole
            .bytes()
            .chain(kept.bytes())
            .chain(std::iter::repeat_n(b'0', places - kept.len()))
            .try_fold(0_i64, |sum, digit| {
                sum.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
            })
            .ok_or(InvalidMoney::TooLarge)?;
        Ok(Self {
            minor: if negative { -minor } else { minor },
            currency,
        })
    }

    /// Parses an amount as shoppers type it: with currency symbol or code, full-width digits,
    /// grouping, and a point or a comma as the decimal separator: `$20`, `10,50`, `1.299,00`, `２０`.
    /// An ambiguous amount is read as in English: in `1,299` the comma groups.
    pub fn parse_typed(text: &str, currency: Currency) -> Result<Self, InvalidMoney> {
        let narrow = text.trim().chars().map(narrow_letter).collect::<String>();
        let mut rest = narrow.trim();
        let signs = Locale::ALL.map(|locale| currency.symbol(locale));
        let signs = signs.iter().map(|sign| sign.trim());
        // The longest symbol first, or `$` would leave `US` of `US$`.
        let mut signs: Vec<&str> = signs.chain([currency.code()]).collect();
        signs.sort_unstable_by_key(|sign| std::cmp::Reverse(sign.len()));
        for sign in signs {
            let before = rest.get(..sign.len());
            let after = rest.len().checked_sub(sign.len());
            let after = after.and_then(|at| Some((at, rest.get(at..)?)));
            if before.is_some_and(|it| it.eq_ignore_ascii_case(sign)) {
                rest = rest[sign.len()..].trim();
                break;
            }
            if let Some((at, it)) = after
                && it.eq_ignore_ascii_case(sign)
            {
                rest = rest[..at].trim();
                break;
            }
        }
        Self::parse(&plain_decimal(rest)?, currency)
    }

    /// The plain decimal, which [`Money::parse`] reads and JSON-LD needs: `19.90`.
    pub fn to_decimal(self) -> String {
        let (whole, fraction) = self.digits();
        let sign = if self.minor < 0 { "-" } else { "" };
        if fraction.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{fraction}")
        }
    }

    /// Formats for readers of this language: `$1,299.00`, `US$1,299.00`.
    pub fn display(self, locale: Locale) -> String {
        let (whole, fraction) = self.digits();
        let mut text = String::new();
        if self.minor < 0 {
            text.push('-');
        }
        text.push_str(&self.currency.symbol(locale));
        text.push_str(&grouped(&whole));
        if !fraction.is_empty() {
            text.push('.');
            text.push_str(&fraction);
        }
        text
    }

    /// The digits before and after the decimal point.
    fn digits(self) -> (String, String) {
        let places = self.currency.exponent() as usize;
        let digits = format!("{:0width$}", self.minor.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        (whole.to_owned(), fraction.to_owned())
    }
}

/// Groups digits by three, as all supported languages do: `1,299`.
pub fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Converts a full-width character of an input method, and every kind of space, to ASCII.
fn narrow_letter(letter: char) -> char {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        '。' => '.',
        '￥' => '¥',
        _ if letter.is_whitespace() => ' ',
        _ => letter,
    }
}

/// The number without grouping and with a decimal point.
fn plain_decimal(text: &str) -> Result<String, InvalidMoney> {
    let grouped_by = |sign: char| {
        let mut groups = text.split(sign);
        let first = groups.next().unwrap_or_default();
        let is_first = (1..=3).contains(&first.len());
        is_first && groups.all(|it| it.len() == 3)
    };
    let separators: Vec<char> = text.chars().filter(|it| ",. '".contains(*it)).collect();
    let (group, point) = match separators.as_slice() {
        [] | ['.'] => return Ok(text.to_owned()),
        [',' | ' ' | '\''] if grouped_by(separators[0]) => (separators[0], None),
        [','] => ('.', Some(',')),
        [first, .., last] if first == last && grouped_by(*first) => (*first, None),
        [first, .., last] if first != last && ",.".contains(*last) => (*first, Some(*last)),
        _ => return Err(InvalidMoney::Decimal),
    };
    let (whole, fraction) = match point {
        Some(point) => text.rsplit_once(point).unwrap_or((text, "")),
        None => (text, ""),
    };
    let mut groups = whole.split(group);
    let first = groups.next().unwrap_or_default();
    if whole.contains(group) && (first.len() > 3 || groups.any(|it| it.len() != 3)) {
        return Err(InvalidMoney::Decimal);
    }
    let whole = whole.replace(group, "");
    Ok(match point {
        Some(_) => format!("{whole}.{fraction}"),
        None => whole,
    })
}

/// Why a text is not a currency or an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidMoney {
    /// Not three capital letters.
    Currency,
    /// Not a plain decimal.
    Decimal,
    /// More decimal places than the currency has.
    TooFine,
    /// The amount exceeds 64 bits.
    TooLarge,
}

impl std::fmt::Display for InvalidMoney {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Currency => "not an ISO 4217 currency code",
            Self::Decimal => "not a decimal number",
            Self::TooFine => "more precise than the smallest unit of the currency",
            Self::TooLarge => "too large an amount",
        })
    }
}

impl std::error::Error for InvalidMoney {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn decimals_become_exact_minor_units() {
        for (text, code, minor) in [
            ("19.9", "USD", 1990),
            ("19.99", "USD", 1999),
            ("36.000", "PLN", 3600),
            ("0", "USD", 0),
            ("1990", "JPY", 1990),
            ("1990.00", "JPY", 1990),
            ("1.5", "KWD", 1500),
            ("-0.05", "EUR", -5),
        ] {
            assert_eq!(
                Money::parse(text, currency(code)).map(|money| money.minor),
                Ok(minor)
            );
        }
    }

    #[test]
    fn inexact_decimals_are_rejected() {
        for (text, why) in [
            ("", InvalidMoney::Decimal),
            (".", InvalidMoney::Decimal),
            ("1.", InvalidMoney::Decimal),
            (".5", InvalidMoney::Decimal),
            ("1,5", InvalidMoney::Decimal),
            ("1e3", InvalidMoney::Decimal),
            ("--1", InvalidMoney::Decimal),
            ("NaN", InvalidMoney::Decimal),
            ("٣", InvalidMoney::Decimal),
            ("0.005", InvalidMoney::TooFine),
            ("92233720368547758.08", InvalidMoney::TooLarge),
        ] {
            assert_eq!(Money::parse(text, Currency::USD), Err(why), "{text:?}");
        }
    }

    #[test]
    fn typed_amounts_are_parsed() {
        for (text, code, minor) in [
            ("20", "USD", 2_000),
            ("$20", "USD", 2_000),
            ("US$ 20", "USD", 2_000),
            ("20 usd", "USD", 2_000),
            ("10,50", "USD", 1_050),
            ("10,5", "USD", 1_050),
            ("1,299", "USD", 129_900),
            ("1,299.5", "USD", 129_950),
            ("1.299,50 €", "EUR", 129_950),
            ("1\u{a0}299,50", "EUR", 129_950),
            ("1'234'567.80", "CHF", 123_456_780),
            ("２０．５", "USD", 2_050),
            ("￥1,990", "CNY", 199_000),
            ("1,990", "JPY", 1_990),
            (" 7 ", "USD", 700),
        ] {
            let money = Money::parse_typed(text, currency(code));
            assert_eq!(money.map(|it| it.minor), Ok(minor), "{text:?}");
        }
        for text in [
            "", "$", "cheap", "1e2", "€20", "1,2,3", "1,23,456", "12,34.5", "1.2.3", "10,505,5",
            "1..2", "1,", "20$$", "--1",
        ] {
            assert!(Money::parse_typed(text, Currency::USD).is_err(), "{text:?}");
        }
    }

    #[test]
    fn amounts_are_formatted_for_the_language() {
        let price = Money::new(129_900, Currency::USD);
        assert_eq!(price.display(Locale::En), "$1,299.00");
        assert_eq!(price.display(Locale::Zh), "US$1,299.00");
        assert_eq!(
            Money::new(-5, currency("EUR")).display(Locale::En),
            "-€0.05"
        );
        assert_eq!(
            Money::new(1_234_567, currency("JPY")).display(Locale::En),
            "¥1,234,567"
        );
        assert_eq!(
            Money::new(100, currency("SEK")).display(Locale::En),
            "SEK\u{a0}1.00"
        );
    }

    proptest! {
        #[test]
        fn decimals_round_trip(minor in any::<i64>().prop_filter("abs", |m| *m != i64::MIN),
                                code in "USD|JPY|KWD|CLF") {
            let money = Money::new(minor, currency(&code));
            prop_assert_eq!(Money::parse(&money.to_decimal(), money.currency), Ok(money));
        }

        #[test]
        fn displayed_amounts_can_be_typed(minor in 0..i64::MAX, code in "USD|JPY|CNY|SEK") {
            let money = Money::new(minor, currency(&code));
            for locale in Locale::ALL {
                prop_assert_eq!(Money::parse_typed(&money.display(locale), money.currency), Ok(money));
            }
        }

        #[test]
        fn parsing_typed_text_never_panics(text in "\\PC{0,24}") {
            let _ = Money::parse_typed(&text, Currency::USD);
        }
    }
}
