//! Localized messages of the pages, from Fluent files: one folder a language, with the same files
//! and messages in each.

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use shared::{cart::Cart, locale::Locale, money::grouped, time::Timestamp};

type Bundle = FluentBundle<FluentResource>;

/// Embeds the message files of a language.
macro_rules! files {
    ($language:literal) => {
        [
            include_str!(concat!("../locales/", $language, "/shop.ftl")),
            include_str!(concat!("../locales/", $language, "/buying.ftl")),
            include_str!(concat!("../locales/", $language, "/account.ftl")),
            include_str!(concat!("../locales/", $language, "/info.ftl")),
            include_str!(concat!("../locales/", $language, "/mail.ftl")),
            include_str!(concat!("../locales/", $language, "/moving.ftl")),
        ]
    };
}

static EN: LazyLock<Bundle> = LazyLock::new(|| bundle(Locale::En, &files!("en")));
static ZH: LazyLock<Bundle> = LazyLock::new(|| bundle(Locale::Zh, &files!("zh")));

fn bundle(locale: Locale, files: &[&str]) -> Bundle {
    let language = locale.tag().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![language]);
    // Isolation marks around values would appear in titles and attributes.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(in_groups));
    for text in files {
        // Parse errors are ignored here and found by the tests.
        let text = (*text).to_owned();
        let resource = FluentResource::try_new(text).unwrap_or_else(|(rest, _)| rest);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// Formats integers in groups of three, and everything else as Fluent does.
fn in_groups<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    match value {
        FluentValue::Number(number) if number.value >= 0.0 && number.value.fract() == 0.0 => {
            Some(grouped(&number.as_string()))
        }
        _ => None,
    }
}

/// The messages of a language.
#[derive(Clone, Copy)]
pub(crate) struct Messages(Locale);

impl Messages {
    /// The messages of this language.
    pub(crate) fn of(locale: Locale) -> Self {
        Self(locale)
    }

    /// A message without arguments.
    pub(crate) fn text(self, key: &str) -> String {
        self.text_with(key, &[])
    }

    /// A message with arguments.
    pub(crate) fn text_with(self, key: &str, values: &[(&str, FluentValue<'_>)]) -> String {
        let bundle = self.bundle();
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            debug_assert!(false, "no message is called {key}");
            return key.to_owned();
        };
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set((*name).to_owned(), value.clone());
        }
        bundle
            .format_pattern(pattern, Some(&args), &mut Vec::new())
            .into_owned()
    }

    /// Whether the message exists.
    pub(crate) fn contains(self, key: &str) -> bool {
        self.bundle().has_message(key)
    }

    fn bundle(self) -> &'static Bundle {
        match self.0 {
            Locale::En => &EN,
            Locale::Zh => &ZH,
        }
    }

    /// A date, formatted for the language.
    pub(crate) fn day(self, at: Timestamp) -> String {
        let (year, month, day) = at.day();
        let values = [
            ("year", year.to_string().into()),
            ("month", i64::from(month).into()),
            ("day", day.to_string().into()),
        ];
        self.text_with("day", &values)
    }

    /// The number of items in a cart, as text.
    pub(crate) fn item_count(self, cart: &Cart) -> String {
        let count: i64 = cart.lines.iter().map(|line| line.quantity).sum();
        self.text_with("cart-items", &[("count", count.into())])
    }

    /// A number of products, as text.
    pub(crate) fn product_count(self, count: u64) -> String {
        self.text_with("product-count", &[("count", number(count))])
    }
}

/// A numeric argument.
pub(crate) fn number(number: u64) -> FluentValue<'static> {
    FluentValue::from(number)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    fn messages(language: &str) -> BTreeSet<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("locales")
            .join(language);
        let mut found = BTreeSet::new();
        for file in fs::read_dir(path).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            FluentResource::try_new(text.clone()).unwrap();
            let starts = text
                .lines()
                .filter(|line| line.starts_with(|it: char| it.is_ascii_lowercase()));
            for key in starts.filter_map(|line| line.split_once(" =")) {
                let messages = Messages(Locale::from_code(language).unwrap());
                assert!(
                    messages.contains(key.0),
                    "{name} is not read, or {} is twice",
                    key.0
                );
                assert!(found.insert(key.0.to_owned()), "{} is defined twice", key.0);
            }
        }
        found
    }

    fn sources(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, text);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let source = fs::read_to_string(path).unwrap();
                // Messages that only tests use do not count.
                text.push_str(source.split("#[cfg(test)]").next().unwrap());
            }
        }
    }

    #[test]
    fn every_language_has_the_same_messages() {
        assert_eq!(messages("en"), messages("zh"));
    }

    #[test]
    fn every_message_is_used() {
        let mut text = String::new();
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut text,
        );
        let messages = messages("en");
        for key in &messages {
            let family = [
                "sort-",
                "availability-",
                "card-",
                "country-",
                "coupon-refused-",
                "done-",
                "entry-",
                "error-",
                "fault-",
                "field-",
                "mail-changed-",
                "mail-given-up-",
                "mail-known-",
                "mail-move-",
                "mail-paid-",
                "mail-placed-",
                "mail-refunded-",
                "mail-reset-",
                "mail-security-",
                "mail-shipped-",
                "mail-verify-",
                "hint-",
                "info-",
                "order-thanks",
                "order-waits",
                "payment-",
                "problem-",
                "section-",
                "state-",
                "step-",
            ]
            .iter()
            .any(|it| key.starts_with(it));
            assert!(
                family || text.contains(&format!("\"{key}\"")),
                "{key} is not used"
            );
        }
    }

    #[test]
    fn every_used_key_has_a_message() {
        let mut text = String::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        sources(&source, &mut text);
        let messages = messages("en");
        for call in [".text(", ".text_with("] {
            for rest in text.split(call).skip(1) {
                let Some(literal) = rest.trim_start().strip_prefix('"') else {
                    continue;
                };
                let key = literal.split('"').next().unwrap_or_default();
                assert!(messages.contains(key), "{key} has no message");
            }
        }
    }

    #[test]
    fn numbers_are_formatted_for_the_language() {
        let (en, zh) = (Messages::of(Locale::En), Messages::of(Locale::Zh));
        assert_eq!(en.product_count(1), "One product");
        assert_eq!(en.product_count(2), "2 products");
        assert_eq!(en.product_count(3_291), "3,291 products");
        assert_eq!(zh.product_count(1), "1 件商品");
    }
}
