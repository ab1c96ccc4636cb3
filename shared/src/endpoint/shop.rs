//! Public endpoints: the catalogue, carts, orders and payments.

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
    visitor::Visitor,
};

use super::{Caching, Endpoint, EndpointSpec, Method, NoParameters, Schemas};

endpoints! {
    /// Gets a product.
    GET_PRODUCT: Get(ProductPath, InLocale, NoParameters) -> Product = {
        id: "get_product", path: "/api/v1/products/{product}",
        summary: "Get a product by id or slug, with its variants, prices, images and attributes",
        query: &["locale"], caching: Caching::Shared, problems: &[Invalid, NotFound],
    }
    /// Lists products.
    LIST_PRODUCTS: Get(NoParameters, ListProducts, NoParameters) -> ProductList = {
        id: "list_products", path: "/api/v1/products",
        summary: "List products by category, brand, price and availability",
        query: &[
            "availability", "brand", "category", "cursor", "limit", "locale", "price_max",
            "price_min", "sort",
        ],
        caching: Caching::Shared, problems: &[Invalid, NotFound],
    }
    /// Lists the bestselling products.
    LIST_HOT_PRODUCTS: Get(NoParameters, ListHotProducts, NoParameters) -> ProductList = {
        id: "list_hot_products", path: "/api/v1/products/hot",
        summary: "List the bestselling products that are available",
        query: &["limit", "locale"], caching: Caching::Shared, problems: &[Invalid],
    }
    /// Gets the category tree.
    LIST_CATEGORIES: Get(NoParameters, InLocale, NoParameters) -> CategoryTree = {
        id: "list_categories", path: "/api/v1/categories",
        summary: "Get all categories as a tree",
        query: &["locale"], caching: Caching::Shared, problems: &[Invalid],
    }
    /// Gets the filters of a category.
    GET_FACETS: Get(NoParameters, GetFacets, NoParameters) -> Facets = {
        id: "get_facets", path: "/api/v1/facets",
        summary: "Get the filters of a category: brands and prices",
        query: &["category"], caching: Caching::Shared, problems: &[Invalid, NotFound],
    }
    /// Gets the visitor's sign-in state and cart size.
    GET_VISITOR: Get(NoParameters, InLocale, NoParameters) -> Visitor = {
        id: "get_visitor", path: "/api/v1/visitor",
        summary: "Get whether the visitor is signed in, and the number of items in their cart",
        query: &["locale"], caching: Caching::Private, problems: &[Invalid],
    }
    /// Searches products.
    SEARCH_PRODUCTS: Get(NoParameters, SearchProducts, NoParameters) -> SearchList = {
        id: "search_products", path: "/api/v1/search",
        summary: "Search products, the most relevant first",
        query: &[
            "availability", "brand", "category", "cursor", "limit", "locale", "price_max",
            "price_min", "q", "sort",
        ],
        caching: Caching::Shared, problems: &[Invalid, NotFound],
    }
    /// Suggests products and categories.
    LIST_SUGGESTIONS: Get(NoParameters, ListSuggestions, NoParameters) -> Suggestions = {
        id: "list_suggestions", path: "/api/v1/suggestions",
        summary: "Suggest products and categories for a partial query",
        query: &["locale", "q"], caching: Caching::Shared, problems: &[Invalid],
    }
    /// Creates a cart.
    CREATE_CART: Post(NoParameters, InLocale, NoParameters) -> Cart = {
        id: "create_cart", path: "/api/v1/carts",
        summary: "Create an empty cart",
        query: &["locale"], caching: Caching::Private, done: &[201], problems: &[Invalid],
    }
    /// Gets a cart.
    GET_CART: Get(CartPath, InLocale, NoParameters) -> Cart = {
        id: "get_cart", path: "/api/v1/carts/{cart}",
        summary: "Get a cart with current prices and what has changed",
        query: &["locale"], caching: Caching::Private, problems: &[Invalid, NotFound],
    }
    /// Changes what an order needs besides its lines.
    UPDATE_CART: Patch(CartPath, InLocale, UpdateCart) -> Cart = {
        id: "update_cart", path: "/api/v1/carts/{cart}",
        summary: "Change note, email, address, shipping method or coupons; absent fields stay unchanged",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// Adds an item to a cart.
    ADD_LINE: Post(CartPath, InLocale, AddLine) -> Cart = {
        id: "add_line", path: "/api/v1/carts/{cart}/lines",
        summary: "Add an item to a cart, or more units of it",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// Removes all items from a cart.
    CLEAR_CART: Delete(CartPath, InLocale, NoParameters) -> Cart = {
        id: "clear_cart", path: "/api/v1/carts/{cart}/lines",
        summary: "Remove all items from a cart",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// Sets the quantity of an item.
    SET_QUANTITY: Put(LinePath, InLocale, SetQuantity) -> Cart = {
        id: "set_quantity", path: "/api/v1/carts/{cart}/lines/{sku}",
        summary: "Set the quantity of an item; 0 removes it",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// Removes an item from a cart.
    REMOVE_LINE: Delete(LinePath, InLocale, NoParameters) -> Cart = {
        id: "remove_line", path: "/api/v1/carts/{cart}/lines/{sku}",
        summary: "Remove an item from a cart",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// Begins checkout and reserves the items.
    HOLD_CART: Post(CartPath, InLocale, NoParameters) -> Cart = {
        id: "hold_cart", path: "/api/v1/carts/{cart}/hold",
        summary: "Begin checkout: reserve the items of a cart for a while, as far as they are in stock",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// Leaves checkout and releases the items.
    RELEASE_CART: Delete(CartPath, InLocale, NoParameters) -> Cart = {
        id: "release_cart", path: "/api/v1/carts/{cart}/hold",
        summary: "Leave checkout: release the reserved items",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// Merges another cart into this one.
    MERGE_CART: Post(CartPath, InLocale, MergeCart) -> Cart = {
        id: "merge_cart", path: "/api/v1/carts/{cart}/merge",
        summary: "Merge another cart into this one, up to the available stock; the other one is empty afterwards",
        query: &["locale"], caching: Caching::Private,
        problems: &[Invalid, NotFound, AlreadyOrdered, Stale],
    }
    /// Lists the shipping methods for a cart.
    LIST_SHIPPING_METHODS: Get(CartPath, InLocale, NoParameters) -> ShippingMethods = {
        id: "list_shipping_methods", path: "/api/v1/carts/{cart}/shipping-methods",
        summary: "List the shipping methods for a cart's address, with prices",
        query: &["locale"], caching: Caching::Private, problems: &[Invalid, NotFound],
    }
    /// Places an order.
    PLACE_ORDER: Post(CartPath, NoParameters, PlaceOrder) -> Order = {
        id: "place_order", path: "/api/v1/carts/{cart}/order",
        summary: "Place an order for a cart; repeated requests return the same order",
        query: &[], caching: Caching::Private, done: &[200, 201],
        problems: &[
            BadRequest, NotFound, Changed, CannotOrder, IdempotencyInFlight, IdempotencyMismatch,
        ],
    }
    /// Gets an order.
    GET_ORDER: Get(OrderPath, OrderToken, NoParameters) -> Order = {
        id: "get_order", path: "/api/v1/orders/{number}",
        summary: "Get an order by its number and token",
        query: &["token"], caching: Caching::Private, problems: &[Invalid, NotFound],
    }
    /// Cancels an unpaid order.
    CANCEL_ORDER: Post(OrderPath, OrderToken, NoParameters) -> Order = {
        id: "cancel_order", path: "/api/v1/orders/{number}/cancel",
        summary: "Cancel an unpaid order and release its stock",
        query: &["token"], caching: Caching::Private,
        problems: &[Invalid, NotFound, IllegalStep],
    }
    /// Pays an order.
    PAY_ORDER: Post(OrderPath, OrderToken, PayOrder) -> Payment = {
        id: "pay_order", path: "/api/v1/orders/{number}/payments",
        summary: "Pay an order; needs an `Idempotency-Key`",
        query: &["token"], caching: Caching::Private, done: &[201],
        problems: &[
            Invalid, NotFound, IllegalStep, IdempotencyInFlight, IdempotencyMismatch,
        ],
    }
    /// Gets a payment.
    GET_PAYMENT: Get(PaymentPath, OrderToken, NoParameters) -> Payment = {
        id: "get_payment", path: "/api/v1/orders/{number}/payments/{payment}",
        summary: "Get a payment",
        query: &["token"], caching: Caching::Private, problems: &[Invalid, NotFound],
    }
    /// Confirms a payment.
    CONFIRM_PAYMENT: Post(PaymentPath, OrderToken, NoParameters) -> Payment = {
        id: "confirm_payment", path: "/api/v1/orders/{number}/payments/{payment}/confirm",
        summary: "Confirm a payment that requires it",
        query: &["token"], caching: Caching::Private, problems: &[Invalid, NotFound, IllegalStep],
    }
    /// Receives an event from Stripe.
    STRIPE_EVENT: Post(NoParameters, NoParameters, serde_json::Value) -> Received = {
        id: "stripe_event", path: "/api/v1/payments/stripe/events",
        summary: "Receive a signed payment event from Stripe",
        query: &[], caching: Caching::Private, problems: &[BadRequest, NotFound],
    }
}
