//! Weights in files, as whole grams.

/// Converts a decimal in this unit to grams, rounded half up. `None` if either is invalid.
pub(super) fn grams(number: &str, unit: &str) -> Option<u32> {
    // The unit in hundred-millionths of a gram, which is exact for pounds and ounces.
    const GRAM: u128 = 100_000_000;
    let per_unit = match unit.trim().to_ascii_lowercase().as_str() {
        "g" | "gram" | "grams" => GRAM,
        "kg" | "kilogram" | "kilograms" => 1_000 * GRAM,
        "lb" | "lbs" | "pound" | "pounds" => 45_359_237_000,
        "oz" | "ounce" | "ounces" => 2_834_952_313,
        "t" | "tonne" | "tonnes" => 1_000_000 * GRAM,
        "mg" => GRAM / 1_000,
        _ => return None,
    };
    let (whole, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction = &fraction[..fraction.len().min(6)];
    let millionths: u128 = format!("{whole}{fraction:0<6}").parse().ok()?;
    let scale = GRAM * 1_000_000;
    u32::try_from((millionths * per_unit + scale / 2) / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_converted_to_grams() {
        for (number, unit, wanted) in [
            ("1000.0", "g", Some(1000)),
            ("1.5", "kg", Some(1500)),
            ("19.8", "lb", Some(8981)),
            ("1", "oz", Some(28)),
            ("0.0005", "kg", Some(1)),
            ("0", "g", Some(0)),
            ("99999999999", "t", None),
            ("-1", "g", None),
            ("1,5", "kg", None),
            ("1", "stone", None),
            ("", "g", None),
        ] {
            assert_eq!(grams(number, unit), wanted, "{number} {unit}");
        }
    }
}
