//! The pages: where they live and what they show. A page is a function from one of these structs to
//! HTML; origin loads the struct, ui renders it.

mod account;
mod buying;

pub use account::{
    AccountContent, AccountPage, AccountSection, QrCode, SecurityPage, SignInForm, SignInPage,
};
pub use buying::{CartPage, CheckoutPage, CheckoutStep, FindOrderPage, OrderPage, TimeLeft};

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{
        Availability, CategoryNode, CategoryRef, Facets, Product, ProductCard, ProductList, Sort,
    },
    cursor::Cursor,
    endpoint::{Caching, encode_segment},
    form::FormState,
    id::VariantId,
    locale::Locale,
    money::{Currency, Money},
    search::SearchList,
};

/// A kind of page: where it lives, without the language's prefix.
#[derive(Clone, Copy, Debug)]
pub struct PageRoute {
    /// The handler's name.
    pub id: &'static str,
    /// The path, with `{name}` where a parameter stands.
    pub path: &'static str,
    /// The query parameters that make a difference, sorted.
    pub query: &'static [&'static str],
    /// Whether it is the same for everybody. Nothing in a page that is shared is about the person
    /// who asked.
    pub caching: Caching,
}

/// Declares the pages and the list of them all.
macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $path:literal, $query:expr, $caching:ident;)*) => {
        $(
            $(#[$doc])*
            pub const $name: PageRoute = PageRoute {
                id: $id,
                path: $path,
                query: &$query,
                caching: Caching::$caching,
            };
        )*

        /// Every kind of page.
        pub const ALL: &[PageRoute] = &[$($name),*];
    };
}

pages! {
    /// The front of the shop.
    HOME = "show_home", "/", [], Shared;
    /// A category with its list.
    CATEGORY = "show_category", "/c/{slug}",
        ["availability", "brand", "cursor", "max", "min", "page", "sort"], Shared;
    /// A product.
    PRODUCT = "show_product", "/p/{slug}", ["variant"], Shared;
    /// What was searched.
    SEARCH = "show_search", "/search",
        ["availability", "brand", "cursor", "max", "min", "q", "sort"], Shared;
    /// The cart.
    CART = "show_cart", "/cart", [], Private;
    /// Checkout: who buys, and where it goes.
    CHECKOUT = "show_checkout", "/checkout", ["saved"], Private;
    /// Checkout: how it goes there.
    CHECKOUT_SHIPPING = "show_shipping", "/checkout/shipping", [], Private;
    /// Checkout: how it is paid.
    CHECKOUT_PAYMENT = "show_payment", "/checkout/payment", [], Private;
    /// Checkout: everything once more.
    CHECKOUT_REVIEW = "show_review", "/checkout/review", ["card", "payment"], Private;
    /// An order.
    ORDER = "show_order", "/orders/{number}", ["thanks", "token"], Private;
    /// How the shop ships.
    SHIPPING = "show_info", "/shipping", [], Shared;
    /// What can be sent back.
    RETURNS = "show_info", "/returns", [], Shared;
    /// What the shop knows of people.
    PRIVACY = "show_info", "/privacy", [], Shared;
    /// What buyer and shop agree on.
    TERMS = "show_info", "/terms", [], Shared;
    /// How to reach the shop.
    CONTACT = "show_info", "/contact", [], Shared;
    /// Somebody's account.
    ACCOUNT = "show_account", "/account", ["done"], Private;
    /// Signing in.
    LOGIN = "show_login", "/account/login", ["ended", "next"], Private;
    /// Opening an account.
    REGISTER = "show_register", "/account/register", ["done"], Private;
    /// The link of a message.
    VERIFY = "show_verify", "/account/verify", ["token"], Private;
    /// A password that was forgotten.
    FORGOT = "show_forgot", "/account/forgot", ["done"], Private;
    /// A new password.
    RESET = "show_reset", "/account/reset", ["token"], Private;
    /// What somebody has bought.
    OWN_ORDERS = "show_own_orders", "/account/orders", ["cursor"], Private;
    /// One of these orders.
    OWN_ORDER = "show_own_order", "/account/orders/{number}", [], Private;
    /// The address book.
    ADDRESSES = "show_addresses", "/account/addresses", ["done"], Private;
    /// An address of it; `new` is one that is not in it yet.
    ADDRESS = "show_address", "/account/addresses/{address}", [], Private;
    /// Name, language, e-mail address, password.
    PROFILE = "show_profile", "/account/profile", ["done"], Private;
    /// The second factor.
    SECURITY = "show_security", "/account/security", ["done"], Private;
    /// The browsers that are signed in.
    SESSIONS = "show_sessions", "/account/sessions", ["done"], Private;
    /// Everything that the shop knows of somebody.
    OWN_DATA = "show_data", "/account/data", [], Private;
    /// The same, as a file.
    EXPORT = "export_data", "/account/data/export", [], Private;
    /// Where a guest finds an order again.
    FIND_ORDER = "show_find_order", "/orders", [], Private;
}

/// The pages that say how the shop does things, by their words in addresses.
pub const INFO: [&str; 5] = ["shipping", "returns", "terms", "privacy", "contact"];

/// For how many days after delivery something can be sent back.
pub const RETURN_DAYS: u32 = 30;

/// A page that says how the shop does things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfoPage {
    /// Its word.
    pub slug: String,
    /// The ways to send something, on the page about them.
    pub methods: Vec<ShippingMethodRates>,
    /// How to reach the shop: lines of an imprint.
    pub contact: String,
    /// Where messages to the shop go.
    pub email: Option<String>,
}

/// A way to send something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingMethodRates {
    /// Its name.
    pub name: String,
    /// Where it goes, and what it costs there.
    pub zones: Vec<ShippingZoneRate>,
}

/// What a way to send something costs in some countries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingZoneRate {
    /// The codes of the countries; `*` is every other one.
    pub countries: Vec<String>,
    /// What it costs.
    pub price: Money,
    /// What each kilogramme adds.
    pub per_kg: Option<Money>,
    /// From which value of the goods on it is free.
    pub free_from: Option<Money>,
}

/// What a phone needs to keep the shop among its programs.
pub const MANIFEST: &str = "/manifest.webmanifest";

/// The path of such a page, without the language's prefix.
pub fn info_path(slug: &str) -> String {
    format!("/{slug}")
}

/// Where forms go that no page lives at.
pub mod action {
    /// Puts something into the cart.
    pub const ADD_TO_CART: &str = "/cart/lines";
    /// Adds a coupon, or takes one away.
    pub const COUPONS: &str = "/cart/coupons";
    /// Pays an order.
    pub const PAY: &str = "/orders/{number}/pay";
    /// Signs out.
    pub const LOGOUT: &str = "/account/logout";
    /// Types the code of a second factor.
    pub const CODE: &str = "/account/code";
    /// Makes the secret of a second factor.
    pub const ENROL: &str = "/account/security/enrol";
    /// Turns it on.
    pub const CONFIRM: &str = "/account/security/confirm";
    /// Makes new recovery codes.
    pub const RECOVERY_CODES: &str = "/account/security/codes";
    /// Turns it off.
    pub const DISABLE: &str = "/account/security/off";
    /// Changes the e-mail address.
    pub const EMAIL: &str = "/account/email";
    /// Changes the password.
    pub const PASSWORD: &str = "/account/password";
    /// Erases the person.
    pub const ERASE: &str = "/account/erase";
    /// Gives up an order.
    pub const CANCEL: &str = "/orders/{number}/cancel";
}

/// The addresses that are for those who run the shop. The edge does not pass them on.
pub mod operator {
    /// Whether the process is alive.
    pub const HEALTH: &str = "/healthz";
    /// Whether it can serve.
    pub const READY: &str = "/readyz";
    /// What it counts.
    pub const METRICS: &str = "/metrics";
    /// All of them.
    pub const ALL: [&str; 3] = [HEALTH, READY, METRICS];
}

/// The path of a category, without the language's prefix.
pub fn category_path(slug: &str) -> String {
    let mut path = "/c/".to_owned();
    encode_segment(slug, &mut path);
    path
}

/// The path of a product, without the language's prefix.
pub fn product_path(slug: &str) -> String {
    let mut path = "/p/".to_owned();
    encode_segment(slug, &mut path);
    path
}

/// The field of the cart's form that says how many of a variant there are to be.
pub fn quantity_field(variant: VariantId) -> String {
    format!("quantity-{variant}")
}

/// The path of an order for whoever has its token, without the language's prefix.
pub fn order_path(number: &str, token: &str) -> String {
    let mut path = format!("{}/", FIND_ORDER.path);
    encode_segment(number, &mut path);
    path.push_str("?token=");
    encode_segment(token, &mut path);
    path
}

/// The path of a search with its query, without the language's prefix.
pub fn search_path(q: &str, filter: &CategoryFilter) -> String {
    let mut path = format!("{}?q=", SEARCH.path);
    encode_segment(q, &mut path);
    path + &filter.to_query().replacen('?', "&", 1)
}

/// What surrounds every page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shell {
    /// The language of the page.
    pub locale: Locale,
    /// The page's path without the language's prefix, with the query that makes a difference.
    pub path: String,
    /// The page's path without the language's prefix as search engines shall know it: without
    /// filters and sort, with the number of the page. Absent when they shall not know it.
    pub canonical: Option<String>,
    /// Where the shop lives: `https://shop.example`, without a slash at the end.
    pub base_url: String,
    /// What the shop is called.
    pub shop_name: String,
    /// The top categories with those below them, for the menu.
    pub categories: Arc<[CategoryNode]>,
    /// The names of the files that a page loads.
    pub assets: Assets,
    /// What the search field holds: what was searched, on the page that shows it.
    #[serde(default)]
    pub searched: Option<String>,
}

/// The addresses of the files that a page loads; each contains the hash of its content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assets {
    /// The stylesheet.
    pub style: String,
    /// The script that starts the islands: it loads the two below.
    pub boot: String,
    /// The islands' JavaScript.
    pub script: String,
    /// The islands' WebAssembly.
    pub wasm: String,
    /// The icon of the shop (SVG).
    pub icon: String,
}

/// The front of the shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomePage {
    /// What sells best.
    pub hot: Vec<ProductCard>,
    /// What came last.
    pub new: Vec<ProductCard>,
}

/// A category with its list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryPage {
    /// The category, with what lies below it.
    pub category: CategoryNode,
    /// The way to it from the top, without itself.
    pub ancestors: Vec<CategoryRef>,
    /// What the list can be narrowed by.
    pub facets: Arc<Facets>,
    /// What it is narrowed by.
    pub filter: CategoryFilter,
    /// The fields of the filter that could not be understood as typed. The list is then
    /// shown without them.
    pub wrong: Vec<String>,
    /// The currency of `min` and `max`.
    pub currency: Currency,
    /// The page of products.
    pub list: ProductList,
    /// How many there are where the list is narrowed.
    #[serde(default)]
    pub counts: Option<FilterCounts>,
}

/// The word for both ends of the prices together, among the fields that are wrong: the lowest is above
/// the highest.
pub const PRICE_RANGE: &str = "range";

/// How many products there are under a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterCounts {
    /// Under all of it.
    pub total: u64,
    /// Of each brand by its slug, whichever brands are asked for. A brand that is not named has none.
    pub brands: BTreeMap<String, u64>,
}

/// The filter of a category's list, or of what was found, as the form sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CategoryFilter {
    /// The slugs of brands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub brand: Vec<String>,
    /// The lowest price as a shopper types it: a decimal in the shop's currency, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub min: String,
    /// The highest price, likewise.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max: String,
    /// How much there must be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub availability: Vec<Availability>,
    /// In which order; absent for the one that the list has by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<Sort>,
    /// Where the page of the list begins or ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// The number of the page, from 2 to [`PAGES_MAX`]; absent for the first one. A category's pages are
    /// numbered, so that their addresses stay when products come and go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
}

/// The last page of a category that has a number. The ones behind it are reached by cursors: counting rows
/// costs more the farther one goes.
pub const PAGES_MAX: u32 = 100;

impl CategoryFilter {
    /// The query that asks for this, beginning with `?`, or nothing. Parameters stand in the order
    /// of their names, defaults are left out: one filter has one address.
    pub fn to_query(&self) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        let mut availability = self.availability.clone();
        availability.sort_unstable();
        availability.dedup();
        pairs.extend(
            availability
                .iter()
                .map(|it| ("availability", it.word().to_owned())),
        );
        let mut brands = self.brand.clone();
        brands.sort_unstable();
        brands.dedup();
        pairs.extend(brands.into_iter().map(|slug| ("brand", slug)));
        pairs.extend(self.cursor.map(|cursor| ("cursor", cursor.to_string())));
        pairs.extend((!self.max.is_empty()).then(|| ("max", self.max.clone())));
        pairs.extend((!self.min.is_empty()).then(|| ("min", self.min.clone())));
        pairs.extend(self.page.map(|page| ("page", page.to_string())));
        pairs.extend(self.sort.map(|sort| ("sort", sort.word().to_owned())));
        let mut query = String::new();
        for (name, value) in pairs {
            query.push(if query.is_empty() { '?' } else { '&' });
            query.push_str(name);
            query.push('=');
            encode_segment(&value, &mut query);
        }
        query
    }

    /// Whether anything but order and page is asked for.
    pub fn narrows(&self) -> bool {
        !(self.brand.is_empty()
            && self.min.is_empty()
            && self.max.is_empty()
            && self.availability.is_empty())
    }
}

/// What was searched, with what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchPage {
    /// What was searched, in its normal spelling; empty where nothing was.
    pub q: String,
    /// What the list can be narrowed by.
    pub facets: Arc<Facets>,
    /// What it is narrowed by.
    pub filter: CategoryFilter,
    /// The fields of the filter that could not be understood as typed.
    pub wrong: Vec<String>,
    /// The currency of `min` and `max`.
    pub currency: Currency,
    /// The page of products.
    pub found: SearchList,
    /// The categories that have all the words in their names.
    pub categories: Vec<CategoryRef>,
    /// What sells best, for those who found nothing.
    pub hot: Vec<ProductCard>,
    /// How many there are where what was found is narrowed.
    #[serde(default)]
    pub counts: Option<FilterCounts>,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductPage {
    /// The product.
    pub product: Product,
    /// Which of its variants is shown, counted from 0.
    pub variant: usize,
    /// Others of its category.
    pub related: Vec<ProductCard>,
    /// The ways to send it.
    #[serde(default)]
    pub shipping: Vec<ShippingMethodRates>,
    /// What was wrong with what was to be put into the cart.
    #[serde(default)]
    pub form: FormState,
}

/// A page that says what went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorPage {
    /// The HTTP status.
    pub status: u16,
    /// The request's id, where it helps to find the cause.
    pub request_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_filter_has_one_address() {
        let filter = CategoryFilter {
            brand: vec!["zed".into(), "a&b".into(), "zed".into()],
            min: "10".into(),
            availability: vec![Availability::Low, Availability::InStock],
            sort: Some(Sort::PriceUp),
            ..CategoryFilter::default()
        };
        assert_eq!(
            filter.to_query(),
            "?availability=in_stock&availability=low&brand=a%26b&brand=zed&min=10&sort=price_up"
        );
        assert_eq!(CategoryFilter::default().to_query(), "");
    }

    #[test]
    fn a_search_has_its_words_in_its_address() {
        let mut filter = CategoryFilter::default();
        assert_eq!(
            search_path("a&b 茶", &filter),
            "/search?q=a%26b%20%E8%8C%B6"
        );
        filter.min = "10?".into();
        assert_eq!(search_path("tea", &filter), "/search?q=tea&min=10%3F");
    }

    #[test]
    fn the_allowed_parameters_are_those_of_the_form() {
        let schema = schemars::schema_for!(CategoryFilter);
        let mut names: Vec<_> = schema.as_value()["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        names.sort_unstable();
        assert_eq!(names, CATEGORY.query);
        names.retain(|name| name != "page");
        names.push("q".to_owned());
        names.sort_unstable();
        assert_eq!(names, SEARCH.query);
    }
}
