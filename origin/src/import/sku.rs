//! Stock keeping units for variants whose source has none.

use super::check::SKU_MAX;

/// Derives a stable SKU from the product and the option values.
pub(super) fn derive(external_id: &str, choices: &[(String, String)]) -> String {
    let mut sku = external_id.to_owned();
    for (_, value) in choices {
        sku.push('-');
        sku.push_str(value);
    }
    if sku.chars().count() <= SKU_MAX {
        return sku;
    }
    let kept: String = external_id.chars().take(SKU_MAX - 17).collect();
    format!("{kept}-{}", &blake3::hash(sku.as_bytes()).to_hex()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_skus_are_truncated_and_stay_distinct() {
        let choice = |value: &str| [("colour".to_owned(), value.to_owned())];
        assert_eq!(derive("mug", &choice("moss")), "mug-moss");
        assert_eq!(derive(&"茶".repeat(64), &[]), "茶".repeat(64));
        let long = "茶".repeat(65);
        let (moss, clay) = (
            derive(&long, &choice("moss")),
            derive(&long, &choice("clay")),
        );
        assert_eq!(moss.chars().count(), SKU_MAX);
        assert_ne!(moss, clay);
    }
}
