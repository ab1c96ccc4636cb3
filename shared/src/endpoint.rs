//! Each endpoint, described once: origin's routes, the ui's client, the edge's keys, the OpenAPI
//! document and the tests all read it here.

use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::{
    account::{
        Accepted, Account, AccountExport, AddressPath, Addresses, ApiKey, ApiKeys, AuditLog,
        ChangeEmail, ChangePassword, CreateApiKey, EraseAccount, ForgotPassword, KeyPath,
        ListAudit, ListOrders, ListUsers, Login, Logout, OpenCart, OrderList, Register,
        ResetPassword, SaveAddress, SessionPath, Sessions, SetRole, SignedIn, Tokens,
        UpdateAccount, UseLink, UseRefreshToken, UserList, UserPath,
    },
    cart::{
        AddLine, Cart, CartPath, LinePath, MergeCart, PlaceOrder, SetQuantity, ShippingMethods,
        UpdateCart,
    },
    catalog::{
        CategoryTree, Facets, GetFacets, InLocale, ListHotProducts, ListProducts, Product,
        ProductList, ProductPath,
    },
    order::{Order, OrderPath, OrderToken, ReturnOrder},
    payment::{PayOrder, Payment, PaymentPath, Received, RefundOrder, StepOrder},
    stock::{ChangeStock, GetStock, Location, LocationPath, Locations, SaveLocation, StockLevels},
    webhook::{CreateWebhook, Webhook, WebhookPath, Webhooks},
};

/// An endpoint of the API: `P` in its path, `Q` in its query, `B` in its body, `R` in its answer.
pub struct Endpoint<P, Q, B, R> {
    /// What is known of it without its types.
    pub about: About,
    types: PhantomData<fn(P, Q, B) -> R>,
}

/// An endpoint without its types.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The operation id, which is the handler's name.
    pub id: &'static str,
    /// The method.
    pub method: Method,
    /// The path, with `{name}` where a parameter stands.
    pub path: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The query parameters that make a difference, sorted.
    pub query: &'static [&'static str],
    /// How the answer may be kept.
    pub caching: Caching,
    /// The problems it may answer with, beside those of every endpoint.
    pub problems: &'static [crate::problem::ProblemKind],
}

/// A request method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Adds or starts something.
    Post,
    /// Sets something to what it says; twice is the same as once.
    Put,
    /// Changes a part.
    Patch,
    /// Takes something away.
    Delete,
}

impl Method {
    /// The word in a request.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// How an endpoint's answers may be kept; the exact headers come with each answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// The same for everybody: the edge keeps it.
    Shared,
    /// Nobody keeps it.
    Private,
}

impl<P, Q, B, R> Endpoint<P, Q, B, R> {
    /// The path with its parameters filled in, percent-encoded where needed.
    pub fn path(&self, parameters: &[&str]) -> String {
        let mut path = String::new();
        let mut rest = self.about.path;
        let mut parameters = parameters.iter();
        while let Some((before, (_, after))) = rest
            .split_once('{')
            .and_then(|(before, tail)| Some((before, tail.split_once('}')?)))
        {
            path.push_str(before);
            encode_segment(parameters.next().copied().unwrap_or_default(), &mut path);
            rest = after;
        }
        path + rest
    }
}

/// Percent-encodes what may not stand in a path segment (RFC 3986 §3.3).
pub fn encode_segment(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(byte));
            }
            _ => {
                let digit = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble)]);
                into.push('%');
                into.push(digit(byte >> 4));
                into.push(digit(byte & 15));
            }
        }
    }
}

/// The schemas of an endpoint's types.
pub struct Schemas {
    /// Of the path's parameters.
    pub path: Schema,
    /// Of the query's parameters.
    pub query: Schema,
    /// Of the body.
    pub body: Schema,
    /// Of the answer.
    pub response: Schema,
}

impl Schemas {
    /// Whether there is no body.
    pub fn is_empty_body(&self) -> bool {
        let reference = self.body.as_value()["$ref"].as_str();
        reference.is_some_and(|it| it.ends_with("/NoParameters"))
    }
}

impl<P: JsonSchema, Q: JsonSchema, B: JsonSchema, R: JsonSchema> Endpoint<P, Q, B, R> {
    /// The schemas of its types; shared definitions go into the generator.
    fn schemas(generator: &mut SchemaGenerator) -> Schemas {
        Schemas {
            path: P::json_schema(generator),
            query: Q::json_schema(generator),
            body: generator.subschema_for::<B>(),
            response: generator.subschema_for::<R>(),
        }
    }
}

/// Declares the endpoints and the table of all of them.
macro_rules! endpoints {
    ($(
        $(#[$doc:meta])*
        $name:ident: $method:ident($path_type:ty, $query_type:ty, $body_type:ty) -> $response_type:ty = {
            id: $id:literal, path: $path:literal, summary: $summary:literal,
            query: $query:expr, caching: $caching:expr, problems: $problems:expr,
        }
    )*) => {
        $(
            $(#[$doc])*
            pub const $name: Endpoint<$path_type, $query_type, $body_type, $response_type> = Endpoint {
                about: About {
                    id: $id, method: Method::$method, path: $path, summary: $summary,
                    query: $query, caching: $caching, problems: $problems,
                },
                types: PhantomData,
            };
        )*

        /// Every endpoint.
        pub const ALL: &[About] = &[$($name.about),*];

        /// Every endpoint with the schemas of its types.
        pub fn described(generator: &mut SchemaGenerator) -> Vec<(About, Schemas)> {
            vec![$((
                $name.about,
                Endpoint::<$path_type, $query_type, $body_type, $response_type>::schemas(generator),
            )),*]
        }
    };
}

use crate::problem::ProblemKind::{
    AlreadyOrdered, BadRequest, CannotOrder, Changed, Forbidden, IdempotencyInFlight,
    IdempotencyMismatch, IllegalStep, Invalid, NotFound, OpenOrders, Stale, StockConflict,
    Unauthorized, WrongCredentials,
};

endpoints! {
    /// One product.
    GET_PRODUCT: Get(ProductPath, InLocale, NoParameters) -> Product = {
        id: "get_product", path: "/api/v1/products/{product}",
        summary: "A product by id or slug, with its variants, prices, pictures and facts",
        query: &["locale"], caching: Caching::Shared, problems: &[Invalid, NotFound],
    }
    /// A page of products.
    LIST_PRODUCTS: Get(NoParameters, ListProducts, NoParameters) -> ProductList = {
        id: "list_products", path: "/api/v1/products",
        summary: "Products by category, brand, price and availability, a page at a time",
        query: &[
            "availability", "brand", "category", "cursor", "limit", "locale", "price_max",
            "price_min", "sort",
        ],
        caching: Caching::Shared, problems: &[Invalid, NotFound],
    }
    /// The most sold products.
    LIST_HOT_PRODUCTS: Get(NoParameters, ListHotProducts, NoParameters) -> ProductList = {
        id: "list_hot_products", path: "/api/v1/products/hot",
        summary: "The products that sell best and can be had",
        query: &["limit", "locale"], caching: Caching::Shared, problems: &[Invalid],
    }
    /// The category tree.
    LIST_CATEGORIES: Get(NoParameters, InLocale, NoParameters) -> CategoryTree = {
        id: "list_categories", path: "/api/v1/categories",
        summary: "All categories as a tree",
        query: &["locale"], caching: Caching::Shared, problems: &[Invalid],
    }
    /// What a list can be narrowed by.
    GET_FACETS: Get(NoParameters, GetFacets, NoParameters) -> Facets = {
        id: "get_facets", path: "/api/v1/facets",
        summary: "What the products of a category can be narrowed by: brands and prices",
        query: &["category"], caching: Caching::Shared, problems: &[Invalid, NotFound],
    }
    /// A new cart.
    CREATE_CART: Post(NoParameters, InLocale, NoParameters) -> Cart = {
        id: "create_cart", path: "/api/v1/carts",
        summary: "A new, empty cart",
        query: &["locale"], caching: Caching::Private, problems: &[Invalid],
    }
    /// A cart.
    GET_CART: Get(CartPath, InLocale, NoParameters) -> Cart = {
        id: "get_cart", path: "/api/v1/carts/{cart}",
        summary: "A cart with the prices of this moment, and what has changed",
        query: &["locale"], caching: Caching::Private, problems: &[Invalid, NotFound],
    }
    /// What an order needs beside the lines.
    UPDATE_CART: Patch(CartPath, InLocale, UpdateCart) -> Cart = {
        id: "update_cart", path: "/api/v1/carts/{cart}",
        summary: "Note, e-mail, address, shipping method, coupons; what is absent stays",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// More of something.
    ADD_LINE: Post(CartPath, InLocale, AddLine) -> Cart = {
        id: "add_line", path: "/api/v1/carts/{cart}/lines",
        summary: "Put something in, or more of it",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// An empty cart again.
    CLEAR_CART: Delete(CartPath, InLocale, NoParameters) -> Cart = {
        id: "clear_cart", path: "/api/v1/carts/{cart}/lines",
        summary: "Take everything out",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// So many of something.
    SET_QUANTITY: Put(LinePath, InLocale, SetQuantity) -> Cart = {
        id: "set_quantity", path: "/api/v1/carts/{cart}/lines/{sku}",
        summary: "So many of it; none takes it out",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// None of something.
    REMOVE_LINE: Delete(LinePath, InLocale, NoParameters) -> Cart = {
        id: "remove_line", path: "/api/v1/carts/{cart}/lines/{sku}",
        summary: "Take it out",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// What is kept for the shopper.
    HOLD_CART: Post(CartPath, InLocale, NoParameters) -> Cart = {
        id: "hold_cart", path: "/api/v1/carts/{cart}/hold",
        summary: "Begin checkout: what is in the cart is kept for it for a while, as far as it is there",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// What is not kept any more.
    RELEASE_CART: Delete(CartPath, InLocale, NoParameters) -> Cart = {
        id: "release_cart", path: "/api/v1/carts/{cart}/hold",
        summary: "Leave checkout: what was kept can be sold to others again",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// Two carts that become one.
    MERGE_CART: Post(CartPath, InLocale, MergeCart) -> Cart = {
        id: "merge_cart", path: "/api/v1/carts/{cart}/merge",
        summary: "Put what is in another cart into this one, up to what there is; the other one is empty then",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// The ways to send it.
    LIST_SHIPPING_METHODS: Get(CartPath, InLocale, NoParameters) -> ShippingMethods = {
        id: "list_shipping_methods", path: "/api/v1/carts/{cart}/shipping-methods",
        summary: "The ways to send a cart to its address, and what each costs",
        query: &["locale"], caching: Caching::Private, problems: &[Invalid, NotFound],
    }
    /// The order.
    PLACE_ORDER: Post(CartPath, NoParameters, PlaceOrder) -> Order = {
        id: "place_order", path: "/api/v1/carts/{cart}/order",
        summary: "Make the cart an order; one cart makes one order, however often it is asked",
        query: &[], caching: Caching::Private,
        problems: &[
            BadRequest, NotFound, Changed, CannotOrder, IdempotencyInFlight, IdempotencyMismatch,
        ],
    }
    /// An order.
    GET_ORDER: Get(OrderPath, OrderToken, NoParameters) -> Order = {
        id: "get_order", path: "/api/v1/orders/{number}",
        summary: "An order, for whoever has its number and token",
        query: &["token"], caching: Caching::Private, problems: &[Invalid, NotFound],
    }
    /// An order that is given up.
    CANCEL_ORDER: Post(OrderPath, OrderToken, NoParameters) -> Order = {
        id: "cancel_order", path: "/api/v1/orders/{number}/cancel",
        summary: "Give up an order that is not paid; its stock is free again",
        query: &["token"], caching: Caching::Private,
        problems: &[Invalid, NotFound, IllegalStep],
    }
    /// A payment.
    PAY_ORDER: Post(OrderPath, OrderToken, PayOrder) -> Payment = {
        id: "pay_order", path: "/api/v1/orders/{number}/payments",
        summary: "Pay an order; needs an `Idempotency-Key`",
        query: &["token"], caching: Caching::Private,
        problems: &[
            Invalid, NotFound, IllegalStep, IdempotencyInFlight, IdempotencyMismatch,
        ],
    }
    /// A payment, as it stands.
    GET_PAYMENT: Get(PaymentPath, OrderToken, NoParameters) -> Payment = {
        id: "get_payment", path: "/api/v1/orders/{number}/payments/{payment}",
        summary: "What has become of a payment",
        query: &["token"], caching: Caching::Private, problems: &[Invalid, NotFound],
    }
    /// A payment that the buyer confirms.
    CONFIRM_PAYMENT: Post(PaymentPath, OrderToken, NoParameters) -> Payment = {
        id: "confirm_payment", path: "/api/v1/orders/{number}/payments/{payment}/confirm",
        summary: "Say yes to a payment that asks for it",
        query: &["token"], caching: Caching::Private, problems: &[Invalid, NotFound, IllegalStep],
    }
    /// What Stripe tells by itself.
    STRIPE_EVENT: Post(NoParameters, NoParameters, serde_json::Value) -> Received = {
        id: "stripe_event", path: "/api/v1/payments/stripe/events",
        summary: "For Stripe: a signed event about a payment",
        query: &[], caching: Caching::Private, problems: &[BadRequest, NotFound],
    }
    /// A new account.
    REGISTER: Post(NoParameters, NoParameters, Register) -> Accepted = {
        id: "register", path: "/api/v1/account/register",
        summary: "Open an account; a message with a link proves the address",
        query: &[], caching: Caching::Private, problems: &[Invalid],
    }
    /// The link of a message.
    VERIFY_EMAIL: Post(NoParameters, NoParameters, UseLink) -> SignedIn = {
        id: "verify_email", path: "/api/v1/account/verify",
        summary: "Use the link of a message: the account is there, or has its new address",
        query: &[], caching: Caching::Private, problems: &[Invalid],
    }
    /// Somebody comes.
    LOGIN: Post(NoParameters, NoParameters, Login) -> SignedIn = {
        id: "login", path: "/api/v1/account/login",
        summary: "Sign in; the answer sets the session's cookie, and a guest's cart comes along",
        query: &[], caching: Caching::Private, problems: &[Invalid, WrongCredentials],
    }
    /// Somebody goes.
    LOGOUT: Post(NoParameters, NoParameters, Logout) -> Accepted = {
        id: "logout", path: "/api/v1/account/logout",
        summary: "Sign out, here or everywhere",
        query: &[], caching: Caching::Private, problems: &[Invalid],
    }
    /// A password was forgotten.
    FORGOT_PASSWORD: Post(NoParameters, NoParameters, ForgotPassword) -> Accepted = {
        id: "forgot_password", path: "/api/v1/account/forgot",
        summary: "Have a link sent with which a new password can be set",
        query: &[], caching: Caching::Private, problems: &[Invalid],
    }
    /// A new password, with the link of a message.
    RESET_PASSWORD: Post(NoParameters, NoParameters, ResetPassword) -> SignedIn = {
        id: "reset_password", path: "/api/v1/account/reset",
        summary: "Set a new password with the token of a link; every session ends",
        query: &[], caching: Caching::Private, problems: &[Invalid],
    }
    /// A new password.
    CHANGE_PASSWORD: Post(NoParameters, NoParameters, ChangePassword) -> Account = {
        id: "change_password", path: "/api/v1/account/password",
        summary: "Set another password; every other session ends, this one gets a new cookie",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, WrongCredentials],
    }
    /// A new address for messages.
    CHANGE_EMAIL: Post(NoParameters, NoParameters, ChangeEmail) -> Accepted = {
        id: "change_email", path: "/api/v1/account/email",
        summary: "Ask for another e-mail address; a link that goes there proves it",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, WrongCredentials],
    }
    /// Who asks.
    GET_ACCOUNT: Get(NoParameters, NoParameters, NoParameters) -> Account = {
        id: "get_account", path: "/api/v1/account",
        summary: "The account that asks",
        query: &[], caching: Caching::Private, problems: &[Unauthorized],
    }
    /// Another name or language.
    UPDATE_ACCOUNT: Patch(NoParameters, NoParameters, UpdateAccount) -> Account = {
        id: "update_account", path: "/api/v1/account",
        summary: "Change name and language",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized],
    }
    /// Everything about a person.
    EXPORT_ACCOUNT: Get(NoParameters, NoParameters, NoParameters) -> AccountExport = {
        id: "export_account", path: "/api/v1/account/export",
        summary: "Everything that the shop knows of the person who asks",
        query: &[], caching: Caching::Private, problems: &[Unauthorized],
    }
    /// A person who is forgotten.
    ERASE_ACCOUNT: Post(NoParameters, NoParameters, EraseAccount) -> Accepted = {
        id: "erase_account", path: "/api/v1/account/erase",
        summary: "Erase the person; their orders stay without them",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, WrongCredentials, OpenOrders],
    }
    /// The address book.
    LIST_ADDRESSES: Get(NoParameters, NoParameters, NoParameters) -> Addresses = {
        id: "list_addresses", path: "/api/v1/account/addresses",
        summary: "The address book",
        query: &[], caching: Caching::Private, problems: &[Unauthorized],
    }
    /// One more address.
    ADD_ADDRESS: Post(NoParameters, NoParameters, SaveAddress) -> Addresses = {
        id: "add_address", path: "/api/v1/account/addresses",
        summary: "Add an address to the book; the answer is the book",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized],
    }
    /// An address that changes.
    UPDATE_ADDRESS: Put(AddressPath, NoParameters, SaveAddress) -> Addresses = {
        id: "update_address", path: "/api/v1/account/addresses/{address}",
        summary: "Change an address of the book",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, NotFound],
    }
    /// An address less.
    DELETE_ADDRESS: Delete(AddressPath, NoParameters, NoParameters) -> Addresses = {
        id: "delete_address", path: "/api/v1/account/addresses/{address}",
        summary: "Take an address out of the book",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, NotFound],
    }
    /// The browsers that are signed in.
    LIST_SESSIONS: Get(NoParameters, NoParameters, NoParameters) -> Sessions = {
        id: "list_sessions", path: "/api/v1/account/sessions",
        summary: "The browsers that are signed in",
        query: &[], caching: Caching::Private, problems: &[Unauthorized],
    }
    /// A browser that is signed out.
    END_SESSION: Delete(SessionPath, NoParameters, NoParameters) -> Sessions = {
        id: "end_session", path: "/api/v1/account/sessions/{session}",
        summary: "Sign one browser out; the answer is those that are left",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, NotFound],
    }
    /// What somebody has bought.
    LIST_OWN_ORDERS: Get(NoParameters, ListOrders, NoParameters) -> OrderList = {
        id: "list_own_orders", path: "/api/v1/account/orders",
        summary: "The orders of the account, the newest first",
        query: &["cursor", "limit"], caching: Caching::Private, problems: &[Invalid, Unauthorized],
    }
    /// One of somebody's orders.
    GET_OWN_ORDER: Get(OrderPath, NoParameters, NoParameters) -> Order = {
        id: "get_own_order", path: "/api/v1/account/orders/{number}",
        summary: "An order of the account, with the token that pays or cancels it",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, NotFound],
    }
    /// The cart of an account.
    OPEN_CART: Post(NoParameters, InLocale, OpenCart) -> Cart = {
        id: "open_cart", path: "/api/v1/account/cart",
        summary: "The account's cart, the same in every browser; a guest's cart comes into it",
        query: &["locale"], caching: Caching::Private, problems: &[Invalid, Unauthorized],
    }
    /// Tokens for a program.
    CREATE_TOKENS: Post(NoParameters, NoParameters, Login) -> Tokens = {
        id: "create_tokens", path: "/api/v1/tokens",
        summary: "Sign a program in: a short access token, and a refresh token that is used once",
        query: &[], caching: Caching::Private, problems: &[Invalid, WrongCredentials],
    }
    /// The next tokens.
    REFRESH_TOKENS: Post(NoParameters, NoParameters, UseRefreshToken) -> Tokens = {
        id: "refresh_tokens", path: "/api/v1/tokens/refresh",
        summary: "The next tokens; a refresh token that is used again ends all that came of its sign-in",
        query: &[], caching: Caching::Private, problems: &[Invalid, WrongCredentials],
    }
    /// No more tokens.
    REVOKE_TOKENS: Post(NoParameters, NoParameters, UseRefreshToken) -> Accepted = {
        id: "revoke_tokens", path: "/api/v1/tokens/revoke",
        summary: "Sign a program out",
        query: &[], caching: Caching::Private, problems: &[Invalid],
    }
    /// The accounts.
    LIST_USERS: Get(NoParameters, ListUsers, NoParameters) -> UserList = {
        id: "list_users", path: "/api/v1/operator/users",
        summary: "The accounts, the newest first",
        query: &["cursor", "limit"], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Another role.
    SET_ROLE: Put(UserPath, NoParameters, SetRole) -> Account = {
        id: "set_role", path: "/api/v1/operator/users/{user}/role",
        summary: "Give somebody another role; only an owner may",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, NotFound],
    }
    /// A key for a program.
    CREATE_API_KEY: Post(NoParameters, NoParameters, CreateApiKey) -> ApiKey = {
        id: "create_api_key", path: "/api/v1/operator/keys",
        summary: "Make a key for a program of the shop; only an owner may, and the answer has it once",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// All keys.
    LIST_API_KEYS: Get(NoParameters, NoParameters, NoParameters) -> ApiKeys = {
        id: "list_api_keys", path: "/api/v1/operator/keys",
        summary: "The keys of the shop's programs, without what opens anything",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// A key less.
    DELETE_API_KEY: Delete(KeyPath, NoParameters, NoParameters) -> ApiKeys = {
        id: "delete_api_key", path: "/api/v1/operator/keys/{key}",
        summary: "Take a key away; only an owner may, and the answer is those that are left",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// The audit log.
    LIST_AUDIT: Get(NoParameters, ListAudit, NoParameters) -> AuditLog = {
        id: "list_audit", path: "/api/v1/operator/audit",
        summary: "Who has changed what, the newest first",
        query: &["cursor", "limit", "subject"], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// A step, taken by the shop.
    STEP_ORDER: Post(OrderPath, NoParameters, StepOrder) -> Order = {
        id: "step_order", path: "/api/v1/operator/orders/{number}/steps",
        summary: "Take an order to its next state",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, NotFound, IllegalStep],
    }
    /// Goods that come back.
    RETURN_ORDER: Post(OrderPath, NoParameters, ReturnOrder) -> Order = {
        id: "return_order", path: "/api/v1/operator/orders/{number}/returns",
        summary: "Note which goods came back; needs an `Idempotency-Key`. The money goes back by a refund",
        query: &[], caching: Caching::Private,
        problems: &[
            Invalid, Unauthorized, Forbidden, NotFound, IllegalStep, IdempotencyInFlight, IdempotencyMismatch,
        ],
    }
    /// Where goods lie.
    LIST_LOCATIONS: Get(NoParameters, NoParameters, NoParameters) -> Locations = {
        id: "list_locations", path: "/api/v1/operator/locations",
        summary: "The locations, in the order in which goods are taken from them",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// A location, new or with another name.
    SAVE_LOCATION: Put(LocationPath, NoParameters, SaveLocation) -> Location = {
        id: "save_location", path: "/api/v1/operator/locations/{location}",
        summary: "Make a location, or give it another name",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// What there is.
    GET_STOCK: Get(NoParameters, GetStock, NoParameters) -> StockLevels = {
        id: "get_stock", path: "/api/v1/operator/stock",
        summary: "What there is of some skus, by location",
        query: &["sku"], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Stock that changes.
    CHANGE_STOCK: Post(NoParameters, NoParameters, ChangeStock) -> StockLevels = {
        id: "change_stock", path: "/api/v1/operator/stock",
        summary: "Change the stock of many skus, all of it or nothing",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, StockConflict],
    }
    /// Somebody who is told.
    CREATE_WEBHOOK: Post(NoParameters, NoParameters, CreateWebhook) -> Webhook = {
        id: "create_webhook", path: "/api/v1/operator/webhooks",
        summary: "Have another program told what happens; the answer has its secret",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// All who are told.
    LIST_WEBHOOKS: Get(NoParameters, NoParameters, NoParameters) -> Webhooks = {
        id: "list_webhooks", path: "/api/v1/operator/webhooks",
        summary: "All who are told what happens",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// Somebody who is told no more.
    DELETE_WEBHOOK: Delete(WebhookPath, NoParameters, NoParameters) -> Webhooks = {
        id: "delete_webhook", path: "/api/v1/operator/webhooks/{webhook}",
        summary: "Tell it no more; the answer is those that are left",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// Money back.
    REFUND_ORDER: Post(OrderPath, NoParameters, RefundOrder) -> Order = {
        id: "refund_order", path: "/api/v1/operator/orders/{number}/refunds",
        summary: "Pay something back; needs an `Idempotency-Key`",
        query: &[], caching: Caching::Private,
        problems: &[
            Invalid, Unauthorized, Forbidden, NotFound, IllegalStep, IdempotencyInFlight, IdempotencyMismatch,
        ],
    }
}

/// There are no parameters, or there is no body.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize, JsonSchema)]
pub struct NoParameters {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_list_is_that_of_the_type() {
        let mut generator = SchemaGenerator::default();
        for (about, schemas) in described(&mut generator) {
            let properties = schemas.query.as_value()["properties"].as_object();
            let mut names: Vec<_> = properties
                .into_iter()
                .flat_map(|map| map.keys().map(String::as_str))
                .collect();
            names.sort_unstable();
            assert_eq!(names, about.query, "{}", about.id);
        }
    }

    #[test]
    fn the_path_parameters_are_those_of_the_type() {
        let mut generator = SchemaGenerator::default();
        for (about, schemas) in described(&mut generator) {
            let properties = schemas.path.as_value()["properties"].as_object();
            let names = properties.into_iter().flat_map(|map| map.keys());
            let in_path = about.path.matches('{').count();
            assert_eq!(names.clone().count(), in_path, "{}", about.id);
            for name in names {
                assert!(about.path.contains(&format!("{{{name}}}")), "{}", about.id);
            }
        }
    }

    #[test]
    fn operations_are_unique() {
        let ids: std::collections::HashSet<_> = ALL.iter().map(|about| about.id).collect();
        let routes: std::collections::HashSet<_> = ALL
            .iter()
            .map(|about| (about.method.word(), about.path))
            .collect();
        assert_eq!((ids.len(), routes.len()), (ALL.len(), ALL.len()));
    }

    #[test]
    fn parameters_are_encoded_into_the_path() {
        assert_eq!(GET_PRODUCT.path(&["mug"]), "/api/v1/products/mug");
        assert_eq!(
            GET_PRODUCT.path(&["a/b ü"]),
            "/api/v1/products/a%2Fb%20%C3%BC"
        );
        assert_eq!(LIST_CATEGORIES.path(&[]), "/api/v1/categories");
    }
}
