//! The words of the pages, from Fluent message files: one folder a language, the same messages in
//! each.

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use shared::{locale::Locale, money::grouped};

type Bundle = FluentBundle<FluentResource>;

static EN: LazyLock<Bundle> =
    LazyLock::new(|| bundle(Locale::En, include_str!("../locales/en/shop.ftl")));
static ZH: LazyLock<Bundle> =
    LazyLock::new(|| bundle(Locale::Zh, include_str!("../locales/zh/shop.ftl")));

fn bundle(locale: Locale, text: &str) -> Bundle {
    let language = locale.tag().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![language]);
    // Marks around what is filled in would show up in titles and attributes.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(in_groups));
    // What cannot be parsed is left out here and found by the tests.
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(rest, _)| rest);
    bundle.add_resource_overriding(resource);
    bundle
}

/// Whole numbers in groups of three; anything else as Fluent has it.
fn in_groups<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    match value {
        FluentValue::Number(number) if number.value >= 0.0 && number.value.fract() == 0.0 => {
            Some(grouped(&number.as_string()))
        }
        _ => None,
    }
}

/// The words of one language.
#[derive(Clone, Copy)]
pub(crate) struct Words(Locale);

impl Words {
    /// The words of this language.
    pub(crate) fn of(locale: Locale) -> Self {
        Self(locale)
    }

    /// A message without anything to fill in.
    pub(crate) fn say(self, key: &str) -> String {
        self.say_with(key, &[])
    }

    /// A message with what is to be filled in.
    pub(crate) fn say_with(self, key: &str, values: &[(&str, FluentValue<'_>)]) -> String {
        let bundle: &Bundle = match self.0 {
            Locale::En => &EN,
            Locale::Zh => &ZH,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
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

    /// How many products, in words.
    pub(crate) fn product_count(self, count: u64) -> String {
        self.say_with("product-count", &[("count", number(count))])
    }
}

/// A number to fill in.
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
        let text = fs::read_to_string(path.join("shop.ftl")).unwrap();
        FluentResource::try_new(text.clone()).unwrap();
        let starts = text
            .lines()
            .filter(|line| line.starts_with(|it: char| it.is_ascii_lowercase()));
        starts
            .filter_map(|line| Some(line.split_once(" =")?.0.to_owned()))
            .collect()
    }

    fn sources(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, text);
            } else if path.extension().is_some_and(|it| it == "rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn every_language_has_the_same_messages() {
        assert_eq!(messages("en"), messages("zh"));
    }

    #[test]
    fn every_message_is_said_somewhere() {
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
                "error-",
                "mail-changed-",
                "mail-given-up-",
                "mail-known-",
                "mail-move-",
                "mail-paid-",
                "mail-placed-",
                "mail-refunded-",
                "mail-reset-",
                "mail-shipped-",
                "mail-verify-",
            ]
            .iter()
            .any(|it| key.starts_with(it));
            assert!(
                family || text.contains(&format!("\"{key}\"")),
                "{key} is never said"
            );
        }
    }

    #[test]
    fn numbers_follow_the_language() {
        let (en, zh) = (Words::of(Locale::En), Words::of(Locale::Zh));
        assert_eq!(en.product_count(1), "One product");
        assert_eq!(en.product_count(2), "2 products");
        assert_eq!(en.product_count(3_291), "3,291 products");
        assert_eq!(zh.product_count(1), "1 件商品");
    }
}
