//! Shipping and tax rules, read from a TOML file.

use serde::Deserialize;
use shared::{
    address::Address,
    locale::Locale,
    money::{Currency, Money},
    page::{ShippingMethodRates, ShippingZoneRate},
};

use crate::{
    catalog::{model::Texts, text},
    config::Config,
};

/// The default rules; `docs/checkout.md` describes the format.
const DEFAULT: &str = include_str!("default.toml");

/// The shop's shipping and tax rules.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whether prices include taxes.
    pub tax_included: bool,
    rates: Vec<TaxRate>,
    methods: Vec<ShippingMethodRule>,
}

#[derive(Clone, Debug)]
struct TaxRate {
    country: String,
    region: Option<String>,
    hundredths: i64,
}

#[derive(Clone, Debug)]
struct ShippingMethodRule {
    code: String,
    names: Texts,
    zones: Vec<ShippingZone>,
}

#[derive(Clone, Debug)]
struct ShippingZone {
    countries: Vec<String>,
    price: i64,
    per_kg: i64,
    free_from: Option<i64>,
    weight_max_g: Option<i64>,
    value_max: Option<i64>,
}

/// The values that shipping costs depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// The value of the goods after discounts, in minor units.
    pub value_minor: i64,
    /// The weight of the goods.
    pub weight_g: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    tax: TaxFile,
    shipping: Vec<MethodFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxFile {
    included: bool,
    #[serde(default)]
    rates: Vec<RateFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateFile {
    country: String,
    region: Option<String>,
    percent: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MethodFile {
    code: String,
    name: String,
    #[serde(default)]
    name_zh: Option<String>,
    zones: Vec<ZoneFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneFile {
    countries: Vec<String>,
    price: String,
    per_kg: Option<String>,
    free_from: Option<String>,
    weight_max_g: Option<i64>,
    value_max: Option<String>,
}

impl Rules {
    /// The shop's rules: those of the file in the settings, or the defaults of a new shop.
    pub fn of_config(config: &Config) -> Result<Self, String> {
        let Some(path) = &config.checkout_rules else {
            return Self::default_for(config.currency);
        };
        let in_file = |error: String| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| in_file(error.to_string()))?;
        Self::parse(&text, config.currency).map_err(in_file)
    }

    /// Parses the rules; errors name the invalid value.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, String> {
        let file: RulesFile = toml::from_str(text).map_err(|error| error.to_string())?;
        let rates = file.tax.rates.into_iter().map(|rate| {
            let hundredths = percent(&rate.percent).ok_or_else(|| {
                format!(
                    "tax.rates: {:?} is not a percentage such as 19 or 7.5",
                    rate.percent
                )
            })?;
            Ok(TaxRate {
                country: country(&rate.country)?,
                region: rate.region,
                hundredths,
            })
        });
        let methods = file.shipping.into_iter().map(|method| {
            let zones = method.zones.into_iter();
            let mut names = Texts::from([(Locale::En, method.name)]);
            names.extend(method.name_zh.map(|name| (Locale::Zh, name)));
            Ok(ShippingMethodRule {
                zones: zones
                    .map(|zone| zone.read(currency))
                    .collect::<Result<_, _>>()
                    .map_err(|error| format!("shipping {:?}: {error}", method.code))?,
                code: method.code,
                names,
            })
        });
        Ok(Self {
            tax_included: file.tax.included,
            rates: rates.collect::<Result<_, String>>()?,
            methods: methods.collect::<Result<_, String>>()?,
        })
    }

    /// The default rules in this currency.
    pub fn default_for(currency: Currency) -> Result<Self, String> {
        Self::parse(DEFAULT, currency)
    }

    /// The tax rate at this address in hundredths of a per cent; a region's rate takes precedence
    /// over its country's.
    pub fn tax(&self, address: Option<&Address>) -> i64 {
        let Some(address) = address else { return 0 };
        let here = |rate: &&TaxRate| rate.country == address.country;
        let mut rates = self.rates.iter().filter(here);
        let region = rates
            .clone()
            .find(|rate| rate.region.as_deref() == Some(address.region.as_str()));
        region
            .or_else(|| rates.find(|rate| rate.region.is_none()))
            .map_or(0, |rate| rate.hundredths)
    }

    /// The available shipping methods: code, name and price in minor units, the cheapest first.
    pub fn methods(
        &self,
        address: &Address,
        parcel: Parcel,
        locale: Locale,
    ) -> Vec<(String, String, i64)> {
        let mut methods: Vec<_> = self
            .methods
            .iter()
            .filter_map(|method| {
                let price = method.price(address, parcel)?;
                Some((method.code.clone(), text(&method.names, locale), price))
            })
            .collect();
        methods.sort_by_key(|(_, _, price)| *price);
        methods
    }

    /// Describes every shipping method with its zones and prices.
    pub fn describe(&self, currency: Currency, locale: Locale) -> Vec<ShippingMethodRates> {
        let money = |minor| Money::new(minor, currency);
        let zone = |zone: &ShippingZone| ShippingZoneRate {
            countries: zone.countries.clone(),
            price: money(zone.price),
            per_kg: (zone.per_kg > 0).then(|| money(zone.per_kg)),
            free_from: zone.free_from.map(money),
        };
        let methods = self.methods.iter().map(|method| ShippingMethodRates {
            name: text(&method.names, locale),
            zones: method.zones.iter().map(zone).collect(),
        });
        methods.collect()
    }

    /// The price of a shipping method in minor units; `None` if it does not ship this parcel there.
    pub fn shipping(&self, code: &str, address: &Address, parcel: Parcel) -> Option<i64> {
        let method = self.methods.iter().find(|method| method.code == code)?;
        method.price(address, parcel)
    }

    /// The name of a shipping method in this language.
    pub fn method_name(&self, code: &str, locale: Locale) -> Option<String> {
        let method = self.methods.iter().find(|method| method.code == code)?;
        Some(text(&method.names, locale))
    }
}

impl ShippingMethodRule {
    fn price(&self, address: &Address, parcel: Parcel) -> Option<i64> {
        let exact = |zone: &&ShippingZone| zone.countries.contains(&address.country);
        let anywhere = |zone: &&ShippingZone| zone.countries.iter().any(|it| it == "*");
        let fits = |zone: &&ShippingZone| {
            zone.weight_max_g.is_none_or(|max| parcel.weight_g <= max)
                && zone.value_max.is_none_or(|max| parcel.value_minor <= max)
        };
        let mut zones = self.zones.iter();
        // A zone that names the country takes precedence over the wildcard zone.
        let zone = zones.clone().filter(exact).find(fits).or_else(|| {
            let named = self.zones.iter().any(|zone| exact(&zone));
            (!named).then(|| zones.find(|zone| anywhere(zone) && fits(zone)))?
        })?;
        if zone
            .free_from
            .is_some_and(|from| parcel.value_minor >= from)
        {
            return Some(0);
        }
        let kilos = parcel.weight_g.max(0).div_euclid(1_000)
            + i64::from(parcel.weight_g.max(0).rem_euclid(1_000) > 0);
        Some(zone.price + zone.per_kg * kilos)
    }
}

impl ZoneFile {
    fn read(self, currency: Currency) -> Result<ShippingZone, String> {
        let money = |text: String| {
            Money::parse(&text, currency)
                .map(|money| money.minor)
                .map_err(|_| format!("{text:?} is not a price in {}", currency.code()))
        };
        Ok(ShippingZone {
            countries: self
                .countries
                .iter()
                .map(|code| country(code))
                .collect::<Result<_, _>>()?,
            price: money(self.price)?,
            per_kg: self.per_kg.map(money).transpose()?.unwrap_or(0),
            free_from: self.free_from.map(money).transpose()?,
            weight_max_g: self.weight_max_g,
            value_max: self.value_max.map(money).transpose()?,
        })
    }
}

fn country(code: &str) -> Result<String, String> {
    let fits = code == "*" || (code.len() == 2 && code.bytes().all(|it| it.is_ascii_uppercase()));
    fits.then(|| code.to_owned())
        .ok_or_else(|| format!("{code:?} is not a country code of two letters"))
}

/// Parses a percentage such as `19` or `8.75` into hundredths of a per cent.
pub fn percent(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 3
        || fraction.len() > 2
        || !digits(whole)
        || !digits(fraction)
    {
        return None;
    }
    let hundredths: i64 = format!("{whole}{fraction:0<2}").parse().ok()?;
    (hundredths <= 10_000).then_some(hundredths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::default_for(Currency::USD).unwrap()
    }

    fn to(country: &str, region: &str) -> Address {
        Address {
            country: country.into(),
            region: region.into(),
            ..Address::default()
        }
    }

    #[test]
    fn the_default_rules_ship_everywhere_and_free_above_a_threshold() {
        let rules = rules();
        let small = Parcel {
            value_minor: 2_000,
            weight_g: 1_200,
        };
        let methods = rules.methods(&to("DE", ""), small, Locale::En);
        assert!(
            methods.len() >= 2 && methods.is_sorted_by_key(|it| it.2),
            "{methods:?}"
        );
        let large = Parcel {
            value_minor: 1_000_000,
            ..small
        };
        assert_eq!(rules.shipping("standard", &to("DE", ""), large), Some(0));
        assert!(rules.shipping("standard", &to("NZ", ""), small) > Some(0));
        assert_eq!(rules.shipping("pigeon", &to("DE", ""), small), None);
    }

    #[test]
    fn a_region_takes_precedence_over_its_country() {
        let text = r#"
            shipping = []
            [tax]
            included = false
            rates = [
              { country = "US", percent = "0" },
              { country = "US", region = "CA", percent = "7.25" },
            ]"#;
        let rules = Rules::parse(text, Currency::USD).unwrap();
        assert_eq!(rules.tax(Some(&to("US", "CA"))), 725);
        assert_eq!(rules.tax(Some(&to("US", "OR"))), 0);
        assert_eq!(rules.tax(Some(&to("FR", ""))), 0);
        assert_eq!(rules.tax(None), 0);
    }

    #[test]
    fn errors_name_the_invalid_value() {
        for (text, word) in [
            (
                "shipping = []\n[tax]\nincluded = true\nrates = [{ country = \"DE\", percent = \"19%\" }]",
                "19%",
            ),
            (
                "shipping = []\n[tax]\nincluded = true\nrates = [{ country = \"de\", percent = \"19\" }]",
                "de",
            ),
            (
                "[tax]\nincluded = true\n[[shipping]]\ncode = \"x\"\nname = \"X\"\nzones = [{ countries = [\"*\"], price = \"1.234\" }]",
                "1.234",
            ),
            ("[tax]\nincluded = true\ncolour = 1", "colour"),
        ] {
            let error = Rules::parse(text, Currency::USD).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_started_kilogram_is_charged() {
        let text = r#"
            [tax]
            included = true
            [[shipping]]
            code = "post"
            name = "Post"
            zones = [
              { countries = ["DE"], price = "4.00", per_kg = "1.50", weight_max_g = 5000 },
              { countries = ["*"], price = "20" },
            ]"#;
        let rules = Rules::parse(text, Currency::USD).unwrap();
        let parcel = |weight_g| Parcel {
            value_minor: 1,
            weight_g,
        };
        for (grams, price) in [
            (0, Some(400)),
            (1, Some(550)),
            (1_000, Some(550)),
            (1_001, Some(700)),
            (5_001, None),
        ] {
            assert_eq!(
                rules.shipping("post", &to("DE", ""), parcel(grams)),
                price,
                "{grams}"
            );
        }
        assert_eq!(
            rules.shipping("post", &to("FR", ""), parcel(9_000)),
            Some(2_000)
        );
    }
}
