//! Validation rules of a variant within its product.

use shared::money::Currency;

use super::{
    check::{COUNT_MAX, SKU_MAX, check_line},
    error::{Fault, Skipped},
    money::PRICE_MAX_MINOR,
};
use crate::catalog::{
    gtin,
    model::{NewProduct, NewVariant},
};

/// Checks a variant and removes optional fields that are invalid.
pub(super) fn check(
    variant: &mut NewVariant,
    product: &NewProduct,
    currency: Currency,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    check_line("sku", &variant.sku, SKU_MAX, Skipped::Variant, &mut faults);
    if let Some(text) = variant.gtin.take()
        && !text.trim().is_empty()
    {
        match gtin::read(&text) {
            Ok(gtin) => variant.gtin = Some(gtin),
            Err(wrong) => faults.push(Fault::field("gtin", wrong.to_string())),
        }
    }
    let prices = 0..=PRICE_MAX_MINOR;
    if variant.price.currency != currency || !prices.contains(&variant.price.minor) {
        faults.push(Fault::variant("price", "not a price of this shop"));
    }
    let unusable = |before: &mut shared::money::Money| {
        before.currency != currency || !prices.contains(&before.minor)
    };
    if variant.compare_at.take_if(unusable).is_some() {
        faults.push(Fault::field("compare_at", "not a price of this shop"));
    }
    if variant
        .stock
        .is_some_and(|stock| !(0..=COUNT_MAX).contains(&stock))
    {
        faults.push(Fault::variant(
            "stock",
            format!("must be from 0 to {COUNT_MAX}"),
        ));
    }
    if variant
        .weight_g
        .is_some_and(|weight| i64::from(weight) > COUNT_MAX)
    {
        variant.weight_g = None;
        faults.push(Fault::field("weight_g", format!("more than {COUNT_MAX}")));
    }
    check_choices(variant, product, &mut faults);
    faults
}

/// Checks that there is one value for each option, in the order of the options.
fn check_choices(variant: &mut NewVariant, product: &NewProduct, faults: &mut Vec<Fault>) {
    let mut given = std::mem::take(&mut variant.options);
    for option in &product.options {
        let Some(place) = given.iter().position(|(code, _)| *code == option.code) else {
            let reason = format!("no value is chosen for {:?}", option.code);
            faults.push(Fault::variant("options", reason));
            continue;
        };
        let choice = given.swap_remove(place);
        if !option.values.iter().any(|value| value.code == choice.1) {
            let reason = format!("{:?} is not a value of {:?}", choice.1, choice.0);
            faults.push(Fault::variant("options", reason));
        }
        variant.options.push(choice);
    }
    for (code, _) in given {
        let reason = format!("the product has no option {code:?}, or it appears twice");
        faults.push(Fault::variant("options", reason));
    }
}
