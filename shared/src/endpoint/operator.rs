//! What those who run the shop may ask.

use std::marker::PhantomData;

use schemars::SchemaGenerator;

use crate::{
    account::{
        Account, ApiKey, ApiKeys, AuditLog, CreateApiKey, KeyPath, ListAudit, ListUsers, SetRole,
        UserList, UserPath,
    },
    order::{Order, OrderPath, ReturnOrder},
    payment::{RefundOrder, StepOrder},
    problem::ProblemKind::{
        Forbidden, IdempotencyInFlight, IdempotencyMismatch, IllegalStep, Invalid, NotFound,
        StockConflict, Unauthorized,
    },
    stock::{ChangeStock, GetStock, Location, LocationPath, Locations, SaveLocation, StockLevels},
    webhook::{CreateWebhook, Webhook, WebhookPath, Webhooks},
};

use super::{About, Caching, Endpoint, Method, NoParameters, Schemas};

endpoints! {
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
