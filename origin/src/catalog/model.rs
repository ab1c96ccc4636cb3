//! Input of the catalogue, before ids are assigned: what imports and the staff API provide.

use std::collections::BTreeMap;

use shared::{locale::Locale, money::Money, time::Timestamp};

/// One text in several languages.
pub type Texts = BTreeMap<Locale, String>;

/// The position of a category whose source gives none: behind those that have one.
pub const UNPOSITIONED: i64 = 1_000;

/// A category to be saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewCategory {
    /// Its identifier in the source; importing it again changes the same category.
    pub external_id: String,
    /// Its slug in URLs. Derived from the name if absent.
    pub slug: Option<String>,
    /// The external id of its parent, which must be saved before.
    pub parent: Option<String>,
    /// Its position among its siblings.
    pub position: i64,
    /// Its name.
    pub names: Texts,
    /// A sentence about it.
    pub descriptions: Texts,
    /// A picture of it.
    pub image: Option<NewImage>,
}

/// A product to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProduct {
    /// Its identifier in the source; importing it again changes the same product.
    pub external_id: String,
    /// Its slug in URLs. Derived from the name if absent.
    pub slug: Option<String>,
    /// Whether shoppers see it.
    pub status: Status,
    /// The external id of its category.
    pub category: Option<String>,
    /// The name of its brand.
    pub brand: Option<String>,
    /// Its name.
    pub names: Texts,
    /// Its description: plain text, with an empty line between paragraphs.
    pub descriptions: Texts,
    /// Facts about it.
    pub attributes: Vec<NewAttribute>,
    /// The options that distinguish its variants; up to three.
    pub options: Vec<NewOption>,
    /// Its variants; at least one.
    pub variants: Vec<NewVariant>,
    /// Pictures, the main one first.
    pub images: Vec<NewImage>,
    /// Free words.
    pub tags: Vec<String>,
    /// Its creation time. The time of the import if absent.
    pub created_at: Option<Timestamp>,
    /// Units sold elsewhere before, for the order by best-selling.
    pub sold: i64,
}

/// Whether shoppers see a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Shown and sold.
    #[default]
    Active,
    /// Not shown yet.
    Draft,
    /// Not shown any more.
    Archived,
}

impl Status {
    /// The value in files and in the table.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draft => "draft",
            Self::Archived => "archived",
        }
    }

    /// The status with this value.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Draft, Self::Archived]
            .into_iter()
            .find(|it| it.as_str() == name)
    }
}

/// An attribute to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttribute {
    /// Its name.
    pub names: Texts,
    /// Its value for this product.
    pub values: Texts,
}

/// An option of a product, to be saved and as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NewOption {
    /// Its code, unique within the product.
    pub code: String,
    /// Its name.
    pub names: Texts,
    /// Its values in display order.
    pub values: Vec<NewOptionValue>,
}

/// A value of an option, to be saved and as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NewOptionValue {
    /// Its code, unique within the option.
    pub code: String,
    /// Its name.
    pub names: Texts,
    /// A colour to show beside the name: `#rrggbb`.
    pub swatch: Option<String>,
}

/// A variant to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVariant {
    /// Its stock keeping unit, unique in the shop.
    pub sku: String,
    /// Its GTIN: 8, 12, 13 or 14 digits, once validated by [`super::gtin`].
    pub gtin: Option<String>,
    /// Its value for each option, by code, in the order of the product's options.
    pub options: Vec<(String, String)>,
    /// Its unit price; never negative.
    pub price: Money,
    /// Its price before a reduction; ignored unless it is higher than `price`.
    pub compare_at: Option<Money>,
    /// Units on hand. None if stock is not tracked and never runs out.
    pub stock: Option<i64>,
    /// Whether it may be sold while out of stock.
    pub backorder: bool,
    /// Its weight in grams.
    pub weight_g: Option<u32>,
    /// The index of its picture among the product's, from 0.
    pub image: Option<u32>,
}

/// A picture to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImage {
    /// Its source.
    pub source: ImageSource,
    /// Its alternative text.
    pub alts: Texts,
}

/// The source of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ImageSource {
    /// An `http` or `https` URL, stored as it is.
    Remote(String),
    /// A file beside the imported one, to be copied into the media folder.
    File(std::path::PathBuf),
    /// A picture of the demo catalogue, drawn by `demo::art` from this description.
    Drawn(String),
}
