//! What everybody may ask: the catalogue, carts, orders and payments.

use std::marker::PhantomData;

use schemars::SchemaGenerator;

use crate::{
    cart::{
        AddLine, Cart, CartPath, LinePath, MergeCart, PlaceOrder, SetQuantity, ShippingMethods,
        UpdateCart,
    },
    catalog::{
        CategoryTree, Facets, GetFacets, InLocale, ListHotProducts, ListProducts, Product,
        ProductList, ProductPath,
    },
    order::{Order, OrderPath, OrderToken},
    payment::{PayOrder, Payment, PaymentPath, Received},
    problem::ProblemKind::{
        AlreadyOrdered, BadRequest, CannotOrder, Changed, IdempotencyInFlight, IdempotencyMismatch,
        IllegalStep, Invalid, NotFound, Stale,
    },
    search::{ListSuggestions, SearchList, SearchProducts, Suggestions},
    shopper::Visitor,
};

use super::{About, Caching, Endpoint, Method, NoParameters, Schemas};

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
    /// Who is there.
    GET_VISITOR: Get(NoParameters, InLocale, NoParameters) -> Visitor = {
        id: "get_visitor", path: "/api/v1/visitor",
        summary: "Whether somebody has signed in, and how many things are in their cart",
        query: &["locale"], caching: Caching::Private, problems: &[Invalid],
    }
    /// Products with these words.
    SEARCH_PRODUCTS: Get(NoParameters, SearchProducts, NoParameters) -> SearchList = {
        id: "search_products", path: "/api/v1/search",
        summary: "Products that have all words of a search, what fits best first, a page at a time",
        query: &[
            "availability", "brand", "category", "cursor", "limit", "locale", "price_max",
            "price_min", "q", "sort",
        ],
        caching: Caching::Shared, problems: &[Invalid, NotFound],
    }
    /// What a shopper may be looking for.
    LIST_SUGGESTIONS: Get(NoParameters, ListSuggestions, NoParameters) -> Suggestions = {
        id: "list_suggestions", path: "/api/v1/suggestions",
        summary: "Products and categories for what is typed so far",
        query: &["locale", "q"], caching: Caching::Shared, problems: &[Invalid],
    }
    /// A new cart.
    CREATE_CART: Post(NoParameters, InLocale, NoParameters) -> Cart = {
        id: "create_cart", path: "/api/v1/carts",
        summary: "A new, empty cart",
        query: &["locale"], caching: Caching::Private, done: &[201], problems: &[Invalid],
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
        query: &[], caching: Caching::Private, done: &[200, 201],
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
        query: &["token"], caching: Caching::Private, done: &[201],
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
}
