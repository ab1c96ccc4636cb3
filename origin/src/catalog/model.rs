//! What comes into the catalogue, before it has identities: the shape of an import and, later, of
//! the staff's forms.

use std::collections::BTreeMap;

use shared::{locale::Locale, money::Money, time::Timestamp};

/// One text in several languages.
pub type Texts = BTreeMap<Locale, String>;

/// The position of a category whose source gives none: behind those that have one.
pub const UNPOSITIONED: i64 = 1_000;

/// A category as it comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewCategory {
    /// The name by which its source knows it; importing it again changes the same category.
    pub external_id: String,
    /// Its word in addresses; made from the name when absent.
    pub slug: Option<String>,
    /// The external id of the category above it, which must have come before.
    pub parent: Option<String>,
    /// Its place among its siblings.
    pub position: i64,
    /// Its name.
    pub names: Texts,
    /// A sentence about it.
    pub descriptions: Texts,
    /// A picture of it.
    pub image: Option<NewImage>,
}

/// A product as it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProduct {
    /// The name by which its source knows it; importing it again changes the same product.
    pub external_id: String,
    /// Its word in addresses; made from the name when absent.
    pub slug: Option<String>,
    /// Whether shoppers see it.
    pub status: Status,
    /// The external id of its category.
    pub category: Option<String>,
    /// The name of its brand.
    pub brand: Option<String>,
    /// Its name.
    pub names: Texts,
    /// Plain text; an empty line parts paragraphs.
    pub descriptions: Texts,
    /// Facts about it.
    pub attributes: Vec<NewAttribute>,
    /// What a buyer chooses between; up to three.
    pub options: Vec<NewOption>,
    /// What can be bought; at least one.
    pub variants: Vec<NewVariant>,
    /// Pictures, the main one first.
    pub images: Vec<NewImage>,
    /// Free words.
    pub tags: Vec<String>,
    /// When it came into the shop; the time of the import when absent.
    pub created_at: Option<Timestamp>,
    /// How many were sold elsewhere before: the start of "best selling".
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
    /// The word in files and in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draft => "draft",
            Self::Archived => "archived",
        }
    }

    /// The status with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Draft, Self::Archived]
            .into_iter()
            .find(|it| it.word() == word)
    }
}

/// A fact as it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAttribute {
    /// What it is about.
    pub names: Texts,
    /// What is true of this product.
    pub values: Texts,
}

/// What a buyer chooses between, as it comes in and as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NewOption {
    /// Its word, unique within the product.
    pub code: String,
    /// Its name.
    pub names: Texts,
    /// The choices, in the order to show them.
    pub values: Vec<NewOptionValue>,
}

/// One choice, as it comes in and as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NewOptionValue {
    /// Its word, unique within the option.
    pub code: String,
    /// Its name.
    pub names: Texts,
    /// A colour to show beside the name: `#rrggbb`.
    pub swatch: Option<String>,
}

/// A variant as it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVariant {
    /// The shop's own number for it, unique in the shop.
    pub sku: String,
    /// Its GTIN: 8, 12, 13 or 14 digits. As it is written until it is checked ([`super::gtin`]).
    pub gtin: Option<String>,
    /// The choice for each option, by their words, in the order of the product's options.
    pub options: Vec<(String, String)>,
    /// What one of it costs; never negative.
    pub price: Money,
    /// What it cost before it was reduced; ignored unless it is more than `price`.
    pub compare_at: Option<Money>,
    /// How many there are; `None` means that they are not counted and never run out.
    pub stock: Option<i64>,
    /// Whether it may be sold before it is there.
    pub backorder: bool,
    /// What one of it weighs, in grams.
    pub weight_g: Option<u32>,
    /// Which of the product's pictures shows it, counted from 0.
    pub image: Option<u32>,
}

/// A picture as it comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImage {
    /// Where it comes from.
    pub source: ImageSource,
    /// What is to be seen.
    pub alts: Texts,
}

/// Where a picture comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ImageSource {
    /// An `http` or `https` address, kept as it is.
    Remote(String),
    /// A file beside the imported one; it is copied into the shop's media folder.
    File(std::path::PathBuf),
    /// The demo catalogue's: drawn by `seed::art` from these words.
    Drawn(String),
}
