//! Endpoints for staff.

use std::marker::PhantomData;

use schemars::SchemaGenerator;

use crate::{
    account::{
        Accepted, Account, ApiKey, ApiKeys, AuditLog, CreateApiKey, KeyPath, ListAudit, ListUsers,
        OrderList, SetRole, UserList, UserPath,
    },
    coupon::{Coupon, CouponList, CouponPath, ListCoupons, SaveCoupon},
    operator::{
        CategoryDraft, ChangeVariant, DraftList, ExternalPath, ListAllOrders, ListDrafts,
        ProductDraft, SkuPath,
    },
    order::{Order, OrderPath, ReturnOrder},
    payment::{RefundOrder, StepOrder},
    problem::ProblemKind::{
        Forbidden, IdempotencyInFlight, IdempotencyMismatch, IllegalStep, Invalid, NotEmpty,
        NotFound, Reauthenticate, Stale, StockConflict, Unauthorized,
    },
    stock::{ChangeStock, GetStock, Location, LocationPath, Locations, SaveLocation, StockLevels},
    webhook::{CreateWebhook, Webhook, WebhookPath, Webhooks},
};

use super::{Bytes, Caching, Endpoint, EndpointSpec, Method, NoParameters, Schemas};

endpoints! {
    /// Lists products in every status.
    LIST_DRAFTS: Get(NoParameters, ListDrafts, NoParameters) -> DraftList = {
        id: "list_drafts", path: "/api/v1/operator/products",
        summary: "List products in every language and status",
        query: &["cursor", "limit"], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Gets a product in every language.
    GET_DRAFT: Get(ExternalPath, NoParameters, NoParameters) -> ProductDraft = {
        id: "get_draft", path: "/api/v1/operator/products/{external_id}",
        summary: "Get a product in every language, with its version as `ETag`",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// Creates or changes a product.
    SAVE_DRAFT: Put(ExternalPath, NoParameters, ProductDraft) -> ProductDraft = {
        id: "save_draft", path: "/api/v1/operator/products/{external_id}",
        summary: "Create (`If-None-Match: *`) or change (`If-Match`) a product; its stock stays unchanged",
        query: &[], caching: Caching::Private, done: &[200, 201],
        problems: &[Invalid, Unauthorized, Forbidden, NotFound, Stale],
    }
    /// Archives a product.
    ARCHIVE_PRODUCT: Delete(ExternalPath, NoParameters, NoParameters) -> ProductDraft = {
        id: "archive_product", path: "/api/v1/operator/products/{external_id}",
        summary: "Archive a product; existing orders keep it",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, NotFound, Stale],
    }
    /// Uploads an image of a product.
    ADD_IMAGE: Post(ExternalPath, NoParameters, Bytes) -> ProductDraft = {
        id: "add_image", path: "/api/v1/operator/products/{external_id}/images",
        summary: "Upload an image: the body is a PNG, JPEG, WebP or GIF, detected by its content",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, NotFound, Stale],
    }
    /// Changes a variant.
    CHANGE_VARIANT: Patch(SkuPath, NoParameters, ChangeVariant) -> ProductDraft = {
        id: "change_variant", path: "/api/v1/operator/variants/{sku}",
        summary: "Change price, stock, back-order or weight of a variant; absent fields stay unchanged",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, NotFound, Stale],
    }
    /// Gets a category in every language.
    GET_CATEGORY_DRAFT: Get(ExternalPath, NoParameters, NoParameters) -> CategoryDraft = {
        id: "get_category_draft", path: "/api/v1/operator/categories/{external_id}",
        summary: "Get a category in every language, with its version as `ETag`",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// Creates or changes a category.
    SAVE_CATEGORY: Put(ExternalPath, NoParameters, CategoryDraft) -> CategoryDraft = {
        id: "save_category", path: "/api/v1/operator/categories/{external_id}",
        summary: "Create (`If-None-Match: *`) or change (`If-Match`) a category",
        query: &[], caching: Caching::Private, done: &[200, 201],
        problems: &[Invalid, Unauthorized, Forbidden, NotFound, Stale],
    }
    /// Deletes a category.
    DELETE_CATEGORY: Delete(ExternalPath, NoParameters, NoParameters) -> Accepted = {
        id: "delete_category", path: "/api/v1/operator/categories/{external_id}",
        summary: "Delete an empty category",
        query: &[], caching: Caching::Private,
        problems: &[Unauthorized, Forbidden, NotFound, Stale, NotEmpty],
    }
    /// Lists coupons.
    LIST_COUPONS: Get(NoParameters, ListCoupons, NoParameters) -> CouponList = {
        id: "list_coupons", path: "/api/v1/operator/coupons",
        summary: "List coupons, the newest first, with how often each was used",
        query: &["cursor", "limit"], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Gets a coupon.
    GET_COUPON: Get(CouponPath, NoParameters, NoParameters) -> Coupon = {
        id: "get_coupon", path: "/api/v1/operator/coupons/{code}",
        summary: "Get a coupon, with how often it was used",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// Creates or changes a coupon.
    SAVE_COUPON: Put(CouponPath, NoParameters, SaveCoupon) -> Coupon = {
        id: "save_coupon", path: "/api/v1/operator/coupons/{code}",
        summary: "Create or change a coupon; its use count stays. Set `active` to false to switch it off",
        query: &[], caching: Caching::Private, done: &[200, 201],
        problems: &[Invalid, Unauthorized, Forbidden, NotFound],
    }
    /// Lists all orders.
    LIST_ORDERS: Get(NoParameters, ListAllOrders, NoParameters) -> OrderList = {
        id: "list_orders", path: "/api/v1/operator/orders",
        summary: "List all orders, the newest first",
        query: &["cursor", "limit", "state"], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Gets any order.
    GET_ANY_ORDER: Get(OrderPath, NoParameters, NoParameters) -> Order = {
        id: "get_any_order", path: "/api/v1/operator/orders/{number}",
        summary: "Get any order",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// Lists accounts.
    LIST_USERS: Get(NoParameters, ListUsers, NoParameters) -> UserList = {
        id: "list_users", path: "/api/v1/operator/users",
        summary: "List accounts, the newest first",
        query: &["cursor", "limit"], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Changes the role of an account.
    SET_ROLE: Put(UserPath, NoParameters, SetRole) -> Account = {
        id: "set_role", path: "/api/v1/operator/users/{user}/role",
        summary: "Change the role of an account; owners only, with a recently entered password",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, Reauthenticate, NotFound],
    }
    /// Removes the second factor of an account.
    RESET_SECOND_FACTOR: Delete(UserPath, NoParameters, NoParameters) -> Accepted = {
        id: "reset_second_factor", path: "/api/v1/operator/users/{user}/second-factor",
        summary: "Remove the second factor of an account; owners only, with a recently entered password",
        query: &[], caching: Caching::Private,
        problems: &[Unauthorized, Forbidden, Reauthenticate, NotFound],
    }
    /// Creates an API key.
    CREATE_API_KEY: Post(NoParameters, NoParameters, CreateApiKey) -> ApiKey = {
        id: "create_api_key", path: "/api/v1/operator/keys",
        summary: "Create an API key; owners only, and the response shows it once",
        query: &[], caching: Caching::Private, done: &[201],
        problems: &[Invalid, Unauthorized, Forbidden, Reauthenticate],
    }
    /// Lists API keys.
    LIST_API_KEYS: Get(NoParameters, NoParameters, NoParameters) -> ApiKeys = {
        id: "list_api_keys", path: "/api/v1/operator/keys",
        summary: "List API keys, without their secrets",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// Deletes an API key.
    DELETE_API_KEY: Delete(KeyPath, NoParameters, NoParameters) -> ApiKeys = {
        id: "delete_api_key", path: "/api/v1/operator/keys/{key}",
        summary: "Delete an API key; owners only, returns the remaining ones",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, Reauthenticate, NotFound],
    }
    /// Lists the audit log.
    LIST_AUDIT: Get(NoParameters, ListAudit, NoParameters) -> AuditLog = {
        id: "list_audit", path: "/api/v1/operator/audit",
        summary: "List the audit log, the newest first",
        query: &["cursor", "limit", "subject"], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Moves an order to its next state.
    STEP_ORDER: Post(OrderPath, NoParameters, StepOrder) -> Order = {
        id: "step_order", path: "/api/v1/operator/orders/{number}/steps",
        summary: "Move an order to its next state",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, NotFound, IllegalStep],
    }
    /// Records returned items.
    RETURN_ORDER: Post(OrderPath, NoParameters, ReturnOrder) -> Order = {
        id: "return_order", path: "/api/v1/operator/orders/{number}/returns",
        summary: "Record returned items; needs an `Idempotency-Key`. Refund the money separately",
        query: &[], caching: Caching::Private,
        problems: &[
            Invalid, Unauthorized, Forbidden, NotFound, IllegalStep, IdempotencyInFlight, IdempotencyMismatch,
        ],
    }
    /// Lists stock locations.
    LIST_LOCATIONS: Get(NoParameters, NoParameters, NoParameters) -> Locations = {
        id: "list_locations", path: "/api/v1/operator/locations",
        summary: "List locations, in the order in which stock is taken from them",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// Creates or renames a stock location.
    SAVE_LOCATION: Put(LocationPath, NoParameters, SaveLocation) -> Location = {
        id: "save_location", path: "/api/v1/operator/locations/{location}",
        summary: "Create or rename a location",
        query: &[], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden, NotFound],
    }
    /// Gets inventory levels.
    GET_STOCK: Get(NoParameters, GetStock, NoParameters) -> StockLevels = {
        id: "get_stock", path: "/api/v1/operator/stock",
        summary: "Get stock levels of skus by location",
        query: &["sku"], caching: Caching::Private, problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Changes inventory levels.
    CHANGE_STOCK: Post(NoParameters, NoParameters, ChangeStock) -> StockLevels = {
        id: "change_stock", path: "/api/v1/operator/stock",
        summary: "Change the stock of many skus, all or nothing",
        query: &[], caching: Caching::Private,
        problems: &[Invalid, Unauthorized, Forbidden, StockConflict],
    }
    /// Creates a webhook.
    CREATE_WEBHOOK: Post(NoParameters, NoParameters, CreateWebhook) -> Webhook = {
        id: "create_webhook", path: "/api/v1/operator/webhooks",
        summary: "Create a webhook; the response has its secret",
        query: &[], caching: Caching::Private, done: &[201], problems: &[Invalid, Unauthorized, Forbidden],
    }
    /// Lists webhooks.
    LIST_WEBHOOKS: Get(NoParameters, NoParameters, NoParameters) -> Webhooks = {
        id: "list_webhooks", path: "/api/v1/operator/webhooks",
        summary: "List webhooks",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden],
    }
    /// Deletes a webhook.
    DELETE_WEBHOOK: Delete(WebhookPath, NoParameters, NoParameters) -> Webhooks = {
        id: "delete_webhook", path: "/api/v1/operator/webhooks/{webhook}",
        summary: "Delete a webhook; returns the remaining ones",
        query: &[], caching: Caching::Private, problems: &[Unauthorized, Forbidden, NotFound],
    }
    /// Refunds an order.
    REFUND_ORDER: Post(OrderPath, NoParameters, RefundOrder) -> Order = {
        id: "refund_order", path: "/api/v1/operator/orders/{number}/refunds",
        summary: "Refund an order; needs an `Idempotency-Key`, and of people a recently entered password",
        query: &[], caching: Caching::Private,
        problems: &[
            Invalid, Unauthorized, Forbidden, Reauthenticate, NotFound, IllegalStep, IdempotencyInFlight, IdempotencyMismatch,
        ],
    }
}
