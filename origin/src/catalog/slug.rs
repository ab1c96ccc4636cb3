//! Slugs: readable identifiers in URLs.

/// The most characters a slug has.
pub const SLUG_MAX: usize = 100;

/// The slug for a name: lower-case ASCII letters, digits and single hyphens, at
/// most [`SLUG_MAX`] characters. Other scripts are transliterated ("茶壶" becomes `cha-hu`). A name
/// without a letter or digit gives a word from its hash, and a bare number gets `no-` in front,
/// because `/p/2048` would be an identity.
pub fn slug_from(name: &str) -> String {
    // A name is never this long; the bound keeps the work small for whatever else arrives.
    let name: String = name.chars().take(4 * SLUG_MAX).collect();
    let mut slug = String::with_capacity(SLUG_MAX);
    for letter in deunicode::deunicode(&name).chars() {
        match letter {
            // "Paul's" reads better as `pauls` than as `paul-s`.
            '\'' | '’' => {}
            _ if letter.is_ascii_alphanumeric() => slug.push(letter.to_ascii_lowercase()),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    if slug
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-')
        && !slug.is_empty()
    {
        slug.insert_str(0, "no-");
    }
    slug.truncate(SLUG_MAX);
    let kept = slug.trim_end_matches('-').len();
    slug.truncate(kept);
    if slug.is_empty() {
        slug = format!("x-{}", &blake3::hash(name.as_bytes()).to_hex()[..12]);
    }
    slug
}

/// Whether a text has the form that [`slug_from`] produces.
pub fn is_slug(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= SLUG_MAX
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
        && !text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slugs_are_derived_from_names() {
        for (name, slug) in [
            ("Ridge Mug", "ridge-mug"),
            ("  Crème brûlée — set ", "creme-brulee-set"),
            ("Paul's Balance 420", "pauls-balance-420"),
            ("AT&T / GoPhone", "at-t-gophone"),
            ("茶壶", "cha-hu"),
            ("2048", "no-2048"),
            ("Ünïcödé", "unicode"),
        ] {
            assert_eq!(slug_from(name), slug, "{name:?}");
        }
        assert!(slug_from("!!!").starts_with("x-"));
        assert_ne!(slug_from("!!!"), slug_from("???"));
        assert_eq!(slug_from(&"a".repeat(101)).len(), SLUG_MAX);
    }

    #[test]
    fn invalid_slugs_are_rejected() {
        for bad in ["", "A", "a b", "-a", "a-", "a--b", "42", "茶"] {
            assert!(!is_slug(bad), "{bad:?}");
        }
        assert!(is_slug(&"a".repeat(SLUG_MAX)));
        assert!(!is_slug(&"a".repeat(SLUG_MAX + 1)));
    }

    proptest! {
        #[test]
        fn every_name_has_a_slug(name in any::<String>()) {
            prop_assert!(is_slug(&slug_from(&name)));
        }
    }
}
