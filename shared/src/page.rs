//! The pages: their routes and their contents. A page is a function from one of these structs to
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

/// The route of a page, without the language prefix.
#[derive(Clone, Copy, Debug)]
pub struct PageRoute {
    /// The operation id, which is also the handler's name.
    pub id: &'static str,
    /// The path, with `{name}` for each parameter.
    pub path: &'static str,
    /// The query parameters that affect the response, sorted.
    pub query: &'static [&'static str],
    /// Whether the page is the same for everybody. A shared page contains nothing about the client.
    pub caching: Caching,
}

/// Declares the page routes and their table.
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

        /// All page routes.
        pub const ALL: &[PageRoute] = &[$($name),*];
    };
}

pages! {
    /// The home page.
    HOME = "show_home", "/", [], Shared;
    /// A category with its product list.
    CATEGORY = "show_category", "/c/{slug}",
        ["availability", "brand", "cursor", "max", "min", "page", "sort"], Shared;
    /// A product.
    PRODUCT = "show_product", "/p/{slug}", ["variant"], Shared;
    /// Search results.
    SEARCH = "show_search", "/search",
        ["availability", "brand", "cursor", "max", "min", "q", "sort"], Shared;
    /// The cart.
    CART = "show_cart", "/cart", [], Private;
    /// Checkout: email and shipping address.
    CHECKOUT = "show_checkout", "/checkout", ["saved"], Private;
    /// Checkout: shipping method.
    CHECKOUT_SHIPPING = "show_shipping", "/checkout/shipping", [], Private;
    /// Checkout: payment method.
    CHECKOUT_PAYMENT = "show_payment", "/checkout/payment", [], Private;
    /// Checkout: review before the order is placed.
    CHECKOUT_REVIEW = "show_review", "/checkout/review", ["card", "payment"], Private;
    /// An order.
    ORDER = "show_order", "/orders/{number}", ["thanks", "token"], Private;
    /// Shipping information.
    SHIPPING = "show_info", "/shipping", [], Shared;
    /// Returns policy.
    RETURNS = "show_info", "/returns", [], Shared;
    /// Privacy policy.
    PRIVACY = "show_info", "/privacy", [], Shared;
    /// Terms and conditions.
    TERMS = "show_info", "/terms", [], Shared;
    /// Contact information.
    CONTACT = "show_info", "/contact", [], Shared;
    /// The overview of an account.
    ACCOUNT = "show_account", "/account", ["done"], Private;
    /// Sign-in.
    LOGIN = "show_login", "/account/login", ["ended", "next"], Private;
    /// Registration.
    REGISTER = "show_register", "/account/register", ["done"], Private;
    /// The landing page of an emailed link.
    VERIFY = "show_verify", "/account/verify", ["token"], Private;
    /// Requesting a link to set a new password.
    FORGOT = "show_forgot", "/account/forgot", ["done"], Private;
    /// Setting a new password.
    RESET = "show_reset", "/account/reset", ["token"], Private;
    /// The orders of an account.
    OWN_ORDERS = "show_own_orders", "/account/orders", ["cursor"], Private;
    /// An order of an account.
    OWN_ORDER = "show_own_order", "/account/orders/{number}", [], Private;
    /// The address book.
    ADDRESSES = "show_addresses", "/account/addresses", ["done"], Private;
    /// An address of the address book; `new` adds one.
    ADDRESS = "show_address", "/account/addresses/{address}", [], Private;
    /// Name, language, email address and password.
    PROFILE = "show_profile", "/account/profile", ["done"], Private;
    /// The second factor.
    SECURITY = "show_security", "/account/security", ["done"], Private;
    /// The active sessions.
    SESSIONS = "show_sessions", "/account/sessions", ["done"], Private;
    /// Personal data: export and deletion.
    OWN_DATA = "show_data", "/account/data", [], Private;
    /// The export of all personal data, as a file.
    EXPORT = "export_data", "/account/data/export", [], Private;
    /// Finding a guest's order.
    FIND_ORDER = "show_find_order", "/orders", [], Private;
}

/// The slugs of the information pages.
pub const INFO: [&str; 5] = ["shipping", "returns", "terms", "privacy", "contact"];

/// How many days after delivery items can be returned.
pub const RETURN_DAYS: u32 = 30;

/// An information page: shipping, returns, terms, privacy or contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfoPage {
    /// The slug.
    pub slug: String,
    /// The shipping methods, on the page about shipping.
    pub methods: Vec<ShippingMethodRates>,
    /// The shop's contact details, one a line.
    pub contact: String,
    /// The shop's email address.
    pub email: Option<String>,
}

/// The rates of a shipping method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingMethodRates {
    /// The name.
    pub name: String,
    /// The rates by zone.
    pub zones: Vec<ShippingZoneRate>,
}

/// The rate of a shipping method in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingZoneRate {
    /// The country codes; `*` stands for all other countries.
    pub countries: Vec<String>,
    /// The base price.
    pub price: Money,
    /// The price per additional kilogramme.
    pub per_kg: Option<Money>,
    /// The value of goods from which shipping is free.
    pub free_from: Option<Money>,
}

/// The web app manifest.
pub const MANIFEST: &str = "/manifest.webmanifest";

/// The path of an information page, without the language prefix.
pub fn info_path(slug: &str) -> String {
    format!("/{slug}")
}

/// Paths that forms are submitted to and that have no page of their own.
pub mod action {
    /// Adds an item to the cart.
    pub const ADD_TO_CART: &str = "/cart/lines";
    /// Adds or removes a coupon.
    pub const COUPONS: &str = "/cart/coupons";
    /// Pays an order.
    pub const PAY: &str = "/orders/{number}/pay";
    /// Signs out.
    pub const LOGOUT: &str = "/account/logout";
    /// Submits the code of a second factor.
    pub const CODE: &str = "/account/code";
    /// Creates the secret of a second factor.
    pub const ENROL: &str = "/account/security/enrol";
    /// Turns the second factor on.
    pub const CONFIRM: &str = "/account/security/confirm";
    /// Replaces the recovery codes.
    pub const RECOVERY_CODES: &str = "/account/security/codes";
    /// Turns the second factor off.
    pub const DISABLE: &str = "/account/security/off";
    /// Changes the email address.
    pub const EMAIL: &str = "/account/email";
    /// Changes the password.
    pub const PASSWORD: &str = "/account/password";
    /// Deletes the account.
    pub const ERASE: &str = "/account/erase";
    /// Cancels an order.
    pub const CANCEL: &str = "/orders/{number}/cancel";
}

/// Endpoints for operators. The edge does not forward requests to them.
pub mod operator {
    /// Liveness: whether the process runs.
    pub const HEALTH: &str = "/healthz";
    /// Readiness: whether it can serve requests.
    pub const READY: &str = "/readyz";
    /// The metrics.
    pub const METRICS: &str = "/metrics";
    /// All of them.
    pub const ALL: [&str; 3] = [HEALTH, READY, METRICS];
}

/// The path of a category, without the language prefix.
pub fn category_path(slug: &str) -> String {
    let mut path = "/c/".to_owned();
    encode_segment(slug, &mut path);
    path
}

/// The path of a product, without the language prefix.
pub fn product_path(slug: &str) -> String {
    let mut path = "/p/".to_owned();
    encode_segment(slug, &mut path);
    path
}

/// The name of the form field with the quantity of a cart line.
pub fn quantity_field(variant: VariantId) -> String {
    format!("quantity-{variant}")
}

/// The path of an order with its token, without the language prefix.
pub fn order_path(number: &str, token: &str) -> String {
    let mut path = format!("{}/", FIND_ORDER.path);
    encode_segment(number, &mut path);
    path.push_str("?token=");
    encode_segment(token, &mut path);
    path
}

/// The path of a search, without the language prefix.
pub fn search_path(q: &str, filter: &CategoryFilter) -> String {
    let mut path = format!("{}?q=", SEARCH.path);
    encode_segment(q, &mut path);
    path + &filter.to_query().replacen('?', "&", 1)
}

/// The parts that all pages have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shell {
    /// The language of the page.
    pub locale: Locale,
    /// The path without the language prefix, with the query parameters that affect the page.
    pub path: String,
    /// The canonical path for search engines, without the language prefix: without filters and
    /// order, with the page number. Absent for pages that are not to be indexed.
    pub canonical: Option<String>,
    /// The shop's origin: `https://shop.example`, without a trailing slash.
    pub base_url: String,
    /// The shop's name.
    pub shop_name: String,
    /// The top-level categories with their subcategories, for the menu.
    pub categories: Arc<[CategoryNode]>,
    /// The URLs of the assets.
    pub assets: Assets,
    /// The content of the search field: the query, on the page with its results.
    #[serde(default)]
    pub searched: Option<String>,
}

/// The URLs of the assets; each contains a hash of its content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assets {
    /// The stylesheet.
    pub style: String,
    /// The boot script, which loads the islands.
    pub boot: String,
    /// The islands' JavaScript.
    pub script: String,
    /// The islands' WebAssembly.
    pub wasm: String,
    /// The shop's icon (SVG).
    pub icon: String,
}

/// The home page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomePage {
    /// The bestsellers.
    pub hot: Vec<ProductCard>,
    /// The newest products.
    pub new: Vec<ProductCard>,
}

/// A category with its product list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryPage {
    /// The category with its subcategories.
    pub category: CategoryNode,
    /// The path to it from the top, without itself.
    pub ancestors: Vec<CategoryRef>,
    /// The available filters.
    pub facets: Arc<Facets>,
    /// The selected filters.
    pub filter: CategoryFilter,
    /// The fields of the filter with invalid values, which the list ignores.
    pub wrong: Vec<String>,
    /// The currency of `min` and `max`.
    pub currency: Currency,
    /// The page of products.
    pub list: ProductList,
    /// The number of products for each filter, when filters are selected.
    #[serde(default)]
    pub counts: Option<FilterCounts>,
}

/// The name of the price range as an invalid field: the minimum is above the maximum.
pub const PRICE_RANGE: &str = "range";

/// The number of products that match filters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterCounts {
    /// With all selected filters.
    pub total: u64,
    /// For each brand, by its slug, with all filters but those of brands. A brand that is missing
    /// has none.
    pub brands: BTreeMap<String, u64>,
}

/// The filters, order and page of a product list, as the form submits them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CategoryFilter {
    /// The slugs of brands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub brand: Vec<String>,
    /// The lowest price as it was typed: a decimal in the shop's currency, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub min: String,
    /// The highest price, likewise.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max: String,
    /// The availability.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub availability: Vec<Availability>,
    /// The order; the list's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<Sort>,
    /// The cursor of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// The page number, from 2 to [`PAGES_MAX`]; absent on the first page. The pages of a category
    /// are numbered so that their URLs stay the same when products come and go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
}

/// The last page of a category with a page number. Later pages are reached by cursors, because an
/// offset costs more the larger it is.
pub const PAGES_MAX: u32 = 100;

impl CategoryFilter {
    /// The query string, beginning with `?`, or empty. Parameters are sorted and defaults are
    /// omitted, so that one filter has one URL.
    pub fn to_query(&self) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        let mut availability = self.availability.clone();
        availability.sort_unstable();
        availability.dedup();
        pairs.extend(
            availability
                .iter()
                .map(|it| ("availability", it.as_str().to_owned())),
        );
        let mut brands = self.brand.clone();
        brands.sort_unstable();
        brands.dedup();
        pairs.extend(brands.into_iter().map(|slug| ("brand", slug)));
        pairs.extend(self.cursor.map(|cursor| ("cursor", cursor.to_string())));
        pairs.extend((!self.max.is_empty()).then(|| ("max", self.max.clone())));
        pairs.extend((!self.min.is_empty()).then(|| ("min", self.min.clone())));
        pairs.extend(self.page.map(|page| ("page", page.to_string())));
        pairs.extend(self.sort.map(|sort| ("sort", sort.as_str().to_owned())));
        let mut query = String::new();
        for (name, value) in pairs {
            query.push(if query.is_empty() { '?' } else { '&' });
            query.push_str(name);
            query.push('=');
            encode_segment(&value, &mut query);
        }
        query
    }

    /// Whether any filter is selected.
    pub fn narrows(&self) -> bool {
        !(self.brand.is_empty()
            && self.min.is_empty()
            && self.max.is_empty()
            && self.availability.is_empty())
    }
}

/// A search with its results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchPage {
    /// The normalized query; empty without a search.
    pub q: String,
    /// The available filters.
    pub facets: Arc<Facets>,
    /// The selected filters.
    pub filter: CategoryFilter,
    /// The fields of the filter with invalid values.
    pub wrong: Vec<String>,
    /// The currency of `min` and `max`.
    pub currency: Currency,
    /// The page of products.
    pub found: SearchList,
    /// The categories whose names contain all words of the query.
    pub categories: Vec<CategoryRef>,
    /// The bestsellers, when nothing was found.
    pub hot: Vec<ProductCard>,
    /// The number of products for each filter, when filters are selected.
    #[serde(default)]
    pub counts: Option<FilterCounts>,
}

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductPage {
    /// The product.
    pub product: Product,
    /// The index of the selected variant.
    pub variant: usize,
    /// Other products of its category.
    pub related: Vec<ProductCard>,
    /// The shipping methods.
    #[serde(default)]
    pub shipping: Vec<ShippingMethodRates>,
    /// The state of the form that adds it to the cart.
    #[serde(default)]
    pub form: FormState,
}

/// An error page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorPage {
    /// The HTTP status.
    pub status: u16,
    /// The request id, where it helps to find the cause.
    pub request_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_one_url() {
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
    fn a_search_path_contains_the_query() {
        let mut filter = CategoryFilter::default();
        assert_eq!(
            search_path("a&b 茶", &filter),
            "/search?q=a%26b%20%E8%8C%B6"
        );
        filter.min = "10?".into();
        assert_eq!(search_path("tea", &filter), "/search?q=tea&min=10%3F");
    }

    #[test]
    fn query_parameters_match_the_form() {
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
