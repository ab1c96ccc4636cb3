//! Validation rules of rows: the limits, and the rules between fields. A fault of an optional part
//! (a picture, a tag, an attribute) skips the part, a fault of a variant skips the variant
//! ([`super::check_variant`]), and any other skips the row.

use std::collections::HashSet;

use super::{Skipped, error::Fault};
use crate::catalog::{
    model::{ImageSource, NewAttribute, NewCategory, NewImage, NewOption, NewProduct, Texts},
    slug::is_slug,
};

/// The most characters of a name, a brand or an option's word.
pub const NAME_MAX: usize = 200;
/// The most characters of an external id.
pub const EXTERNAL_ID_MAX: usize = 100;
/// The most characters of a stock keeping unit.
pub const SKU_MAX: usize = 64;
/// The most characters of the code of an option or of one of its values.
pub const CODE_MAX: usize = 100;
/// The most characters of a description.
pub const DESCRIPTION_MAX: usize = 20_000;
/// The most characters of an attribute's value.
pub const ATTRIBUTE_VALUE_MAX: usize = 1_000;
/// The most characters of an alternative text.
pub const ALT_MAX: usize = 500;
/// The most characters of a tag.
pub const TAG_MAX: usize = 100;
/// The most characters of a picture's URL.
pub const URL_MAX: usize = 2_000;
/// The most variants of a product.
pub const VARIANTS_MAX: usize = 100;
/// The most options of a product.
pub const OPTIONS_MAX: usize = 3;
/// The most values of an option.
pub const VALUES_MAX: usize = 100;
/// The most pictures of a product.
pub const IMAGES_MAX: usize = 50;
/// The most attributes of a product.
pub const ATTRIBUTES_MAX: usize = 50;
/// The most tags of a product.
pub const TAGS_MAX: usize = 30;
/// The most levels of categories.
pub const CATEGORY_DEPTH_MAX: usize = 8;
/// The largest stock count, and the largest weight in grams.
pub const COUNT_MAX: i64 = 1_000_000_000;
/// The largest number of sold units.
pub const SOLD_MAX: i64 = 1_000_000_000_000;

pub(super) fn check_category(category: &mut NewCategory, faults: &mut Vec<Fault>) {
    check_line(
        "external_id",
        &category.external_id,
        EXTERNAL_ID_MAX,
        Skipped::Row,
        faults,
    );
    if let Some(parent) = &category.parent {
        check_line("parent", parent, EXTERNAL_ID_MAX, Skipped::Row, faults);
    }
    check_slug(&mut category.slug, faults);
    check_names("names", &category.names, faults);
    check_descriptions(&mut category.descriptions, faults);
    if category.position.abs() > COUNT_MAX {
        category.position = 0;
        faults.push(Fault::field("position", "out of range"));
    }
    if let Some(image) = &mut category.image
        && !check_image("image", image, faults)
    {
        category.image = None;
    }
}

pub(super) fn check_product(product: &mut NewProduct, faults: &mut Vec<Fault>) {
    check_line(
        "external_id",
        &product.external_id,
        EXTERNAL_ID_MAX,
        Skipped::Row,
        faults,
    );
    check_slug(&mut product.slug, faults);
    check_names("names", &product.names, faults);
    check_descriptions(&mut product.descriptions, faults);
    product
        .category
        .take_if(|id| !check_line("category", id, EXTERNAL_ID_MAX, Skipped::Field, faults));
    product
        .brand
        .take_if(|brand| !check_line("brand", brand, NAME_MAX, Skipped::Field, faults));
    check_attributes(&mut product.attributes, faults);
    check_options(&mut product.options, faults);
    check_images(product, faults);
    check_tags(&mut product.tags, faults);
    if !(0..=SOLD_MAX).contains(&product.sold) {
        product.sold = 0;
        faults.push(Fault::field("sold", "out of range"));
    }
    if product.variants.is_empty() {
        faults.push(Fault::row(
            "variants",
            "missing: at least a price is required",
        ));
    }
    if product.variants.len() > VARIANTS_MAX {
        faults.push(Fault::row("variants", format!("more than {VARIANTS_MAX}")));
    }
}

fn check_attributes(attributes: &mut Vec<NewAttribute>, faults: &mut Vec<Fault>) {
    let mut index = 0;
    attributes.retain(|attribute| {
        let names = format!("attributes[{index}].names");
        let values = format!("attributes[{index}].values");
        index += 1;
        check_texts(&names, &attribute.names, NAME_MAX, Skipped::Field, faults)
            && check_texts(
                &values,
                &attribute.values,
                ATTRIBUTE_VALUE_MAX,
                Skipped::Field,
                faults,
            )
    });
    cut("attributes", attributes, ATTRIBUTES_MAX, faults);
}

fn check_options(options: &mut [NewOption], faults: &mut Vec<Fault>) {
    if options.len() > OPTIONS_MAX {
        faults.push(Fault::row("options", format!("more than {OPTIONS_MAX}")));
        return;
    }
    let mut codes = HashSet::new();
    for (index, option) in options.iter_mut().enumerate() {
        let field = format!("options[{index}]");
        check_line(
            &format!("{field}.code"),
            &option.code,
            CODE_MAX,
            Skipped::Row,
            faults,
        );
        check_texts(
            &format!("{field}.names"),
            &option.names,
            NAME_MAX,
            Skipped::Row,
            faults,
        );
        if !codes.insert(option.code.clone()) {
            faults.push(Fault::row(format!("{field}.code"), repeated(&option.code)));
        }
        if option.values.is_empty() || option.values.len() > VALUES_MAX {
            let reason = format!("must have 1 to {VALUES_MAX}");
            faults.push(Fault::row(format!("{field}.values"), reason));
        } else {
            check_values(&field, option, faults);
        }
    }
}

fn check_values(field: &str, option: &mut NewOption, faults: &mut Vec<Fault>) {
    let mut codes = HashSet::new();
    for (index, value) in option.values.iter_mut().enumerate() {
        let field = format!("{field}.values[{index}]");
        check_line(
            &format!("{field}.code"),
            &value.code,
            CODE_MAX,
            Skipped::Row,
            faults,
        );
        check_texts(
            &format!("{field}.names"),
            &value.names,
            NAME_MAX,
            Skipped::Row,
            faults,
        );
        if !codes.insert(value.code.clone()) {
            faults.push(Fault::row(format!("{field}.code"), repeated(&value.code)));
        }
        if let Some(swatch) = &mut value.swatch {
            swatch.make_ascii_lowercase();
            if !is_swatch(swatch) {
                let reason = "must be a colour such as #rrggbb";
                faults.push(Fault::field(format!("{field}.swatch"), reason));
                value.swatch = None;
            }
        }
    }
}

/// Removes invalid pictures.
fn check_images(product: &mut NewProduct, faults: &mut Vec<Fault>) {
    let images = std::mem::take(&mut product.images).into_iter().enumerate();
    let usable = images
        .map(|(index, mut image)| {
            check_image(&format!("images[{index}]"), &mut image, faults).then_some(image)
        })
        .collect();
    place_images(product, usable, faults);
    cut("images", &mut product.images, IMAGES_MAX, faults);
    let count = product.images.len();
    for variant in &mut product.variants {
        variant.image.take_if(|image| *image as usize >= count);
    }
}

/// Sets a product's pictures. The variants refer to pictures by index, unusable ones included;
/// their indexes are adjusted to the remaining pictures.
pub(super) fn place_images(
    product: &mut NewProduct,
    images: Vec<Option<NewImage>>,
    faults: &mut Vec<Fault>,
) {
    let mut kept = 0;
    let places: Vec<_> = images
        .iter()
        .map(|image| {
            kept += u32::from(image.is_some());
            image.as_ref().map(|_| kept - 1)
        })
        .collect();
    product.images = images.into_iter().flatten().collect();
    for (index, variant) in product.variants.iter_mut().enumerate() {
        let Some(wanted) = variant.image else {
            continue;
        };
        variant.image = places.get(wanted as usize).copied().flatten();
        if wanted as usize >= places.len() {
            let reason = "no such image";
            faults.push(Fault::field(format!("variants[{index}].image"), reason));
        }
    }
}

fn check_image(field: &str, image: &mut NewImage, faults: &mut Vec<Fault>) -> bool {
    let count = faults.len();
    if let ImageSource::Remote(url) = &image.source
        && !is_web_address(url)
    {
        let reason = format!("must be an http or https URL of at most {URL_MAX} characters");
        faults.push(Fault::field(format!("{field}.src"), reason));
    }
    if let ImageSource::Drawn(description) = &image.source {
        check_line(
            &format!("{field}.src"),
            description,
            URL_MAX,
            Skipped::Field,
            faults,
        );
    }
    let usable = faults.len() == count;
    image.alts.retain(|locale, alt| {
        check_line(
            &format!("{field}.alt.{locale}"),
            alt,
            ALT_MAX,
            Skipped::Field,
            faults,
        )
    });
    usable
}

fn check_tags(tags: &mut Vec<String>, faults: &mut Vec<Fault>) {
    let mut seen = HashSet::new();
    tags.retain(|tag| {
        check_line("tags", tag, TAG_MAX, Skipped::Field, faults) && seen.insert(tag.clone())
    });
    cut("tags", tags, TAGS_MAX, faults);
}

fn cut<T>(field: &str, list: &mut Vec<T>, most: usize, faults: &mut Vec<Fault>) {
    if list.len() > most {
        let reason = format!("{} entries: only the first {most} are kept", list.len());
        faults.push(Fault::field(field, reason));
        list.truncate(most);
    }
}

fn check_slug(slug: &mut Option<String>, faults: &mut Vec<Fault>) {
    let bad = slug.take_if(|slug| !is_slug(slug));
    if bad.is_some() {
        let reason = "only a-z, 0-9 and single hyphens, not only digits, at most 100 characters";
        faults.push(Fault::field("slug", reason));
    }
}

fn check_names(field: &str, names: &Texts, faults: &mut Vec<Fault>) {
    check_texts(field, names, NAME_MAX, Skipped::Row, faults);
}

/// Checks single-line texts, of which at least one is required.
fn check_texts(
    field: &str,
    texts: &Texts,
    most: usize,
    skipped: Skipped,
    faults: &mut Vec<Fault>,
) -> bool {
    if texts.is_empty() {
        faults.push(Fault::row(field, "missing").skipping(skipped));
        return false;
    }
    let count = faults.len();
    for (locale, text) in texts {
        check_line(&format!("{field}.{locale}"), text, most, skipped, faults);
    }
    faults.len() == count
}

fn check_descriptions(descriptions: &mut Texts, faults: &mut Vec<Fault>) {
    descriptions.retain(|locale, text| {
        let reason = if text.chars().count() > DESCRIPTION_MAX {
            format!("longer than {DESCRIPTION_MAX} characters")
        } else if text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t')
        {
            "contains a control character".to_owned()
        } else {
            return !text.is_empty();
        };
        faults.push(Fault::field(format!("descriptions.{locale}"), reason));
        false
    });
}

/// Checks a text that must be a single line and not empty.
pub(super) fn check_line(
    field: &str,
    text: &str,
    most: usize,
    skipped: Skipped,
    faults: &mut Vec<Fault>,
) -> bool {
    let reason = if text.trim().is_empty() {
        "missing".to_owned()
    } else if text.chars().count() > most {
        format!("longer than {most} characters")
    } else if text.chars().any(char::is_control) {
        "contains a control character or a line break".to_owned()
    } else {
        return true;
    };
    faults.push(Fault::row(field, reason).skipping(skipped));
    false
}

fn is_swatch(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a page may embed this URL: its scheme is http or https, and no character can end an HTML
/// attribute.
fn is_web_address(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let allowed = |c: char| !c.is_control() && !c.is_whitespace() && !"\"<>\\^`{|}".contains(c);
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '['))
        && url.chars().count() <= URL_MAX
        && url.chars().all(allowed)
}

pub(super) fn repeated(what: &str) -> String {
    format!("{what:?} already appears in the file")
}
