//! Structured data of a product: schema.org's `Product`, or `ProductGroup` for several variants
//! (Google's "Product variant structured data").

use serde_json::{Map, Value, json};
use shared::{
    catalog::{Availability, Product, Variant},
    page::{ProductPage, RETURN_DAYS, Shell, ShippingMethodRates, info_path, product_path},
};

/// The option codes that have a property in schema.org.
const PROPERTIES: [(&str, &str); 6] = [
    ("color", "color"),
    ("colour", "color"),
    ("size", "size"),
    ("material", "material"),
    ("pattern", "pattern"),
    ("farbe", "color"),
];

/// With more variants than this, data that all variants share is omitted, because it would be most
/// of the page.
const DETAILED_MAX: usize = 12;

/// The JSON-LD of a product page.
pub(super) fn data(shell: &Shell, page: &ProductPage) -> Value {
    let product = &page.product;
    let mut data = json!({
        "@context": "https://schema.org",
        "name": product.name,
        "description": product.description,
        "url": absolute(shell, &shell.locale.path(&product_path(&product.slug))),
        "image": product.images.iter().map(|it| absolute(shell, &it.src)).collect::<Vec<_>>(),
    });
    if let Some(brand) = &product.brand {
        data["brand"] = json!({ "@type": "Brand", "name": brand.name });
    }
    match product.variants.as_slice() {
        [only] => {
            data["@type"] = json!("Product");
            data["sku"] = json!(only.sku);
            if let Some(gtin) = &only.gtin {
                data["gtin"] = json!(gtin);
            }
            data["offers"] = offer(shell, page, only);
        }
        variants => {
            let varies: Vec<_> = product
                .options
                .iter()
                .filter_map(|it| property(&it.code))
                .collect();
            let varies: Vec<_> = varies
                .iter()
                .map(|it| format!("https://schema.org/{it}"))
                .collect();
            data["@type"] = json!("ProductGroup");
            data["productGroupID"] = json!(product.id);
            data["variesBy"] = json!(varies);
            let of = |it| variant(shell, page, it);
            data["hasVariant"] = variants.iter().map(of).collect();
        }
    }
    data
}

fn property(option: &str) -> Option<&'static str> {
    let known = PROPERTIES.iter().find(|(word, _)| *word == option);
    known.map(|(_, property)| *property)
}

fn variant(shell: &Shell, page: &ProductPage, variant: &Variant) -> Value {
    let product = &page.product;
    let mut data = Map::new();
    let mut name = product.name.clone();
    for selected in &variant.options {
        let option = product.options.iter().find(|it| it.code == selected.option);
        let values = option.map_or(&[][..], |it| &it.values);
        let Some(value) = values.iter().find(|it| it.code == selected.value) else {
            continue;
        };
        name.push_str(", ");
        name.push_str(&value.name);
        if let Some(property) = property(&selected.option) {
            data.insert(property.to_owned(), json!(value.name));
        }
    }
    data.insert("@type".to_owned(), json!("Product"));
    data.insert("name".to_owned(), json!(name));
    data.insert("sku".to_owned(), json!(variant.sku));
    if let Some(gtin) = &variant.gtin {
        data.insert("gtin".to_owned(), json!(gtin));
    }
    let image = variant
        .image
        .and_then(|index| product.images.get(index as usize));
    if let Some(image) = image.or(product.images.first()) {
        data.insert("image".to_owned(), json!(absolute(shell, &image.src)));
    }
    data.insert("offers".to_owned(), offer(shell, page, variant));
    Value::Object(data)
}

fn offer(shell: &Shell, page: &ProductPage, variant: &Variant) -> Value {
    let mut offer = json!({
        "@type": "Offer",
        "price": variant.price.to_decimal(),
        "priceCurrency": variant.price.currency,
        "itemCondition": "https://schema.org/NewCondition",
        "availability": match variant.availability {
            Availability::InStock => "https://schema.org/InStock",
            Availability::Low => "https://schema.org/LimitedAvailability",
            Availability::Backorder => "https://schema.org/BackOrder",
            Availability::Out => "https://schema.org/OutOfStock",
        },
        "url": variant_address(shell, &page.product, variant),
    });
    if let Some(gtin) = &variant.gtin {
        offer["gtin"] = json!(gtin);
    }
    if page.product.variants.len() <= DETAILED_MAX {
        offer["shippingDetails"] = json!(shipping(page, variant));
        offer["hasMerchantReturnPolicy"] = returns(shell, page);
    }
    if let Some(before) = variant.compare_at {
        offer["priceSpecification"] = json!({
            "@type": "UnitPriceSpecification",
            "priceType": "https://schema.org/StrikethroughPrice",
            "price": before.to_decimal(),
            "priceCurrency": before.currency,
        });
    }
    offer
}

fn variant_address(shell: &Shell, product: &Product, variant: &Variant) -> String {
    let here = shell.locale.path(&product_path(&product.slug));
    absolute(shell, &format!("{here}?variant={}", variant.id))
}

/// The shipping cost of a unit, if it does not depend on the weight and the countries are listed.
fn shipping(page: &ProductPage, variant: &Variant) -> Vec<Value> {
    let zones = page.shipping.iter().flat_map(|method| &method.zones);
    let zones = zones.filter(|zone| zone.per_kg.is_none());
    let details = zones.filter_map(|zone| {
        let countries: Vec<_> = zone.countries.iter().filter(|it| *it != "*").collect();
        let is_free = zone
            .free_from
            .is_some_and(|from| variant.price.minor >= from.minor);
        let rate = if is_free {
            "0".to_owned()
        } else {
            zone.price.to_decimal()
        };
        (!countries.is_empty()).then(|| {
            json!({
                "@type": "OfferShippingDetails",
                "shippingRate": {
                    "@type": "MonetaryAmount",
                    "value": rate,
                    "currency": zone.price.currency,
                },
                "shippingDestination": {
                    "@type": "DefinedRegion",
                    "addressCountry": countries,
                },
            })
        })
    });
    details.collect()
}

/// The returns policy, and the URL of its description.
fn returns(shell: &Shell, page: &ProductPage) -> Value {
    let link = absolute(shell, &shell.locale.path(&info_path("returns")));
    let countries = countries(&page.shipping);
    let mut policy = json!({ "@type": "MerchantReturnPolicy", "merchantReturnLink": link });
    if !countries.is_empty() {
        policy["applicableCountry"] = json!(countries);
        policy["merchantReturnDays"] = json!(RETURN_DAYS);
        policy["returnPolicyCategory"] =
            json!("https://schema.org/MerchantReturnFiniteReturnWindow");
    }
    policy
}

/// The countries that the shop lists as destinations, without duplicates.
fn countries(methods: &[ShippingMethodRates]) -> Vec<&str> {
    let zones = methods.iter().flat_map(|method| &method.zones);
    let mut codes: Vec<&str> = zones
        .flat_map(|zone| &zone.countries)
        .map(String::as_str)
        .filter(|code| *code != "*")
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn absolute(shell: &Shell, path: &str) -> String {
    if path.starts_with('/') {
        format!("{}{path}", shell.base_url)
    } else {
        path.to_owned()
    }
}
