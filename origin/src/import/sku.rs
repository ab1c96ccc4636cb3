//! Stock keeping units for variants whose source has none.

use super::check::SKU_MAX;

/// Derives a stable SKU from the product and the option values.
pub(super) fn made_from(external_id: &str, choices: &[(String, String)]) -> String {
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
    fn a_long_one_is_cut_and_stays_distinct() {
        let choice = |value: &str| [("colour".to_owned(), value.to_owned())];
        assert_eq!(made_from("mug", &choice("moss")), "mug-moss");
        assert_eq!(made_from(&"茶".repeat(64), &[]), "茶".repeat(64));
        let long = "茶".repeat(65);
        let (moss, clay) = (
            made_from(&long, &choice("moss")),
            made_from(&long, &choice("clay")),
        );
        assert_eq!(moss.chars().count(), SKU_MAX);
        assert_ne!(moss, clay);
    }
}
