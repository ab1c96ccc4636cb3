//! Postal addresses, and the rules of each country for them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The maximum length of a field, in characters.
pub const FIELD_MAX: usize = 200;

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The recipient.
    pub name: String,
    /// The recipient's company.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub company: String,
    /// Street and house number.
    pub line1: String,
    /// Flat, floor, building.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub line2: String,
    /// City or town.
    pub city: String,
    /// State, province or region, in countries that have them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Postal code, in countries that have them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub postcode: String,
    /// Country, an ISO 3166-1 alpha-2 code.
    pub country: String,
    /// Telephone number for the carrier.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub phone: String,
}

/// The address rules of a country, from Google's address data (libaddressinput).
#[derive(Clone, Copy, Debug)]
pub struct Country {
    /// ISO 3166-1 alpha-2.
    pub code: &'static str,
    /// The format of its postal codes: `9` is a digit, `A` a letter; alternatives are separated by
    /// `|`. Empty for countries without postal codes.
    pub postcode: &'static str,
    /// Whether an address needs a region.
    pub region: bool,
}

const fn country(code: &'static str, postcode: &'static str, region: bool) -> Country {
    Country {
        code,
        postcode,
        region,
    }
}

/// The countries whose addresses are validated by their own rules, sorted by code.
pub const COUNTRIES: &[Country] = &[
    country("AT", "9999", false),
    country("AU", "9999", true),
    country("BE", "9999", false),
    country("BR", "99999-999|99999999", true),
    country("CA", "A9A 9A9|A9A9A9", true),
    country("CH", "9999", false),
    country("CN", "999999", true),
    country("CZ", "999 99|99999", false),
    country("DE", "99999", false),
    country("DK", "9999", false),
    country("ES", "99999", true),
    country("FI", "99999", false),
    country("FR", "99999", false),
    country(
        "GB",
        "A99 9AA|A9 9AA|AA9 9AA|AA99 9AA|A9A 9AA|AA9A 9AA",
        false,
    ),
    country("HK", "", true),
    country(
        "IE",
        "A99 AAAA|A99 A999|A99 9999|A99 A9A9|A99 AA99|A99 AAA9|A99AAAA|A9A AAAA",
        false,
    ),
    country("IN", "999999|999 999", true),
    country("IT", "99999", true),
    country("JP", "999-9999|9999999", true),
    country("KR", "99999", true),
    country("LU", "9999", false),
    country("MX", "99999", true),
    country("NL", "9999 AA|9999AA", false),
    country("NO", "9999", false),
    country("NZ", "9999", false),
    country("PL", "99-999", false),
    country("PT", "9999-999", false),
    country("SE", "999 99|99999", false),
    country("SG", "999999", false),
    country("TW", "999|99999|999999", true),
    country("US", "99999|99999-9999", true),
];

impl Country {
    /// The country with this code.
    pub fn find(code: &str) -> Option<&'static Self> {
        COUNTRIES.iter().find(|country| country.code == code)
    }

    fn accepts_postcode(&self, postcode: &str) -> bool {
        let postcode = postcode.to_ascii_uppercase();
        self.postcode
            .split('|')
            .any(|shape| matches_format(shape, &postcode))
    }
}

fn matches_format(shape: &str, text: &str) -> bool {
    shape.len() == text.len()
        && shape
            .bytes()
            .zip(text.bytes())
            .all(|(shape, byte)| match shape {
                b'9' => byte.is_ascii_digit(),
                b'A' => byte.is_ascii_uppercase(),
                sign => sign == byte,
            })
}

impl Address {
    /// The address with its fields trimmed and its codes in upper case.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Self {
            name: line(&self.name),
            company: line(&self.company),
            line1: line(&self.line1),
            line2: line(&self.line2),
            city: line(&self.city),
            region: line(&self.region),
            postcode: line(&self.postcode).to_ascii_uppercase(),
            country: line(&self.country).to_ascii_uppercase(),
            phone: line(&self.phone),
        }
    }

    /// Validates the address. Returns each invalid field with a message; none if it can be
    /// delivered to.
    pub fn validate(&self) -> Vec<(&'static str, &'static str)> {
        let mut errors = Vec::new();
        let fields = [
            ("name", &self.name, true),
            ("company", &self.company, false),
            ("line1", &self.line1, true),
            ("line2", &self.line2, false),
            ("city", &self.city, true),
            ("region", &self.region, false),
            ("postcode", &self.postcode, false),
            ("phone", &self.phone, false),
        ];
        for (field, text, required) in fields {
            if required && text.is_empty() {
                errors.push((field, "This field is required."));
            } else if text.chars().count() > FIELD_MAX {
                errors.push((field, "This field must have at most 200 characters."));
            } else if text.chars().any(char::is_control) {
                errors.push((field, "This field must not contain control characters."));
            }
        }
        let [first, second] = self.country.as_bytes() else {
            errors.push((
                "country",
                "country must be a code of two letters, such as DE.",
            ));
            return errors;
        };
        if !first.is_ascii_uppercase() || !second.is_ascii_uppercase() {
            errors.push((
                "country",
                "country must be a code of two letters, such as DE.",
            ));
        } else if let Some(country) = Country::find(&self.country) {
            if country.region && self.region.is_empty() {
                errors.push(("region", "region is required in this country."));
            }
            if !country.postcode.is_empty() && !country.accepts_postcode(&self.postcode) {
                errors.push(("postcode", "postcode is not valid in this country."));
            }
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(country: &str, region: &str, postcode: &str) -> Address {
        Address {
            name: " Ada  Lovelace ".into(),
            line1: "1 Long Lane".into(),
            city: "Town".into(),
            region: region.into(),
            postcode: postcode.into(),
            country: country.into(),
            ..Address::default()
        }
        .normalized()
    }

    #[test]
    fn postcodes_are_validated_by_country() {
        for (country, region, postcode) in [
            ("de", "", "10115"),
            ("US", "CA", "94105-1234"),
            ("CA", "ON", "k1a 0b1"),
            ("GB", "", "sw1a 1aa"),
            ("CN", "北京市", "100000"),
            ("HK", "Kowloon", ""),
            ("IS", "", "anything"),
        ] {
            assert_eq!(
                address(country, region, postcode).validate(),
                [],
                "{country}"
            );
        }
        for (country, region, postcode, field) in [
            ("DE", "", "1011", "postcode"),
            ("US", "", "94105", "region"),
            ("US", "CA", "", "postcode"),
            ("D", "", "10115", "country"),
            ("12", "", "10115", "country"),
        ] {
            let errors = address(country, region, postcode).validate();
            assert_eq!(errors.len(), 1, "{country} {errors:?}");
            assert_eq!(errors[0].0, field);
        }
    }

    #[test]
    fn missing_too_long_and_unprintable_fields_are_reported() {
        let errors = Address::default().validate();
        let fields: Vec<_> = errors.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["name", "line1", "city", "country"]);
        let mut long = address("IS", "", "");
        long.name = "x".repeat(FIELD_MAX + 1);
        long.city = "a\u{0}b".into();
        let fields: Vec<_> = long.validate().iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["name", "city"]);
    }
}
