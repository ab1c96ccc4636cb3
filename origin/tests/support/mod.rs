//! A shop for a test: its own database, its own folder, a clock that stands still, and the whole
//! service without a socket.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod redis;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use axum::{Router, body::Body};
use clap::{Args, FromArgMatches};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use origin::{
    app::App,
    catalog::{
        self, BATCH_MAX, PreparedProduct, Saved,
        model::{NewCategory, NewProduct, NewVariant, Status, Texts},
    },
    clock::Clock,
    config::Config,
    db,
};
use shared::{locale::Locale, money::Money, page::Assets, time::Timestamp};
use tower::ServiceExt;

/// Runs a test on SQLite and on MariaDB, and then audits the invariants of the database.
#[macro_export]
macro_rules! db_test {
    ($(#[$doc:meta])* async fn $name:ident($shop:ident) $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn test($shop: &$crate::support::Shop) $body

            #[tokio::test]
            $(#[$doc])*
            async fn on_sqlite() {
                let shop = $crate::support::Shop::on_sqlite().await;
                test(&shop).await;
                shop.audit().await;
            }

            #[tokio::test]
            $(#[$doc])*
            async fn on_mariadb() {
                let shop = $crate::support::Shop::on_mariadb().await;
                test(&shop).await;
                shop.audit().await;
                shop.drop_database().await;
            }
        }
    };
}

/// The environment variable with the URL of the private MariaDB of `cargo xtask test`.
const MYSQL_URL: &str = "MALLARD_TEST_MYSQL_URL";

pub struct Shop {
    pub app: App,
    pub router: Router,
    folder: tempfile::TempDir,
    mysql: Option<(String, String)>,
}

/// A response with its complete body.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

pub fn config(folder: &std::path::Path, database_url: &str) -> Config {
    let data = folder.display().to_string();
    let args = [
        "origin",
        "--database-url",
        database_url,
        "--data-dir",
        &data,
        "--operator-token",
        "operator",
        "--payment-methods",
        "manual,test",
        "--webhook-hosts",
        "127.0.0.1",
        // Most tests buy much from one address. The tests of the limits set their own.
        "--limit-line-units",
        "999",
        "--limit-unpaid-orders",
        "0",
        "--limit-unpaid-units",
        "0",
        "--limit-unpaid-minor",
        "0",
        "--limit-unpaid-mails",
        "0",
    ];
    let command = Config::augment_args(clap::Command::new("origin"));
    Config::from_arg_matches(&command.get_matches_from(args)).unwrap()
}

pub fn assets() -> Assets {
    let at = |name: &str| format!("/assets/{name}");
    Assets {
        style: at("style-0.css"),
        boot: at("boot-0.js"),
        script: at("ui-0.js"),
        wasm: at("ui-0.wasm"),
        icon: at("icon-0.svg"),
    }
}

impl Shop {
    /// Removes the search index, as after an update from a version without it.
    pub async fn remove_search_index(&self) {
        let mut tx = self.app.db.write().await.unwrap();
        for statement in [
            "delete from search_words",
            "delete from search_terms",
            "update versions set version = 0 where name = 'search'",
        ] {
            sqlx::query(statement).execute(tx.conn()).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    pub async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        Self::open(folder, &url, None).await
    }

    pub async fn on_mariadb() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var(MYSQL_URL) else {
            panic!("{MYSQL_URL} is not set: run `cargo xtask test`, which starts a MariaDB");
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("mallard_{}_{number}", std::process::id());
        execute(&server, format!("create database {name}")).await;
        let url = format!("{}/{name}", server.trim_end_matches('/'));
        Self::open(tempfile::tempdir().unwrap(), &url, Some((server, name))).await
    }

    /// The URL of the database.
    pub fn url(&self) -> String {
        self.app.config.database_url()
    }

    async fn open(folder: tempfile::TempDir, url: &str, mysql: Option<(String, String)>) -> Self {
        let clock = Clock::manual("2026-10-01T12:00:00Z".parse().unwrap());
        let app = App::connect(config(folder.path(), url), assets(), clock)
            .await
            .unwrap();
        db::migrate(&app.db).await.unwrap();
        app.lease().await.unwrap();
        let router = origin::http_pipeline::router(&app);
        Self {
            app,
            router,
            folder,
            mysql,
        }
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Another origin on the same database, with its own connections.
    pub async fn second_origin(&self) -> Router {
        let config = self.app.config.clone();
        let clock = self.app.clock.clone();
        let app = App::connect(config, assets(), clock).await.unwrap();
        app.lease().await.unwrap();
        origin::http_pipeline::router(&app)
    }

    /// The same shop with other settings.
    pub async fn with(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.app.config.clone();
        change(&mut config);
        let clock = self.app.clock.clone();
        let app = App::connect(config, assets(), clock).await.unwrap();
        app.lease().await.unwrap();
        let router = origin::http_pipeline::router(&app);
        Self {
            app,
            router,
            folder: tempfile::tempdir().unwrap(),
            mysql: None,
        }
    }

    /// Wraps another process on the same database and folder.
    pub fn on(&self, app: App) -> Self {
        Self {
            router: origin::http_pipeline::router(&app),
            app,
            folder: tempfile::tempdir().unwrap(),
            mysql: None,
        }
    }

    /// Another process on the same database, without a node id.
    pub async fn without_lease(&self) -> App {
        let (config, clock) = (self.app.config.clone(), self.app.clock.clone());
        App::connect(config, assets(), clock).await.unwrap()
    }

    /// Connects to a database without tables, on the same server.
    pub async fn empty_database(&self) -> App {
        let mut config = self.app.config.clone();
        let url = match &self.mysql {
            Some((server, name)) => {
                execute(server, format!("create database {name}_empty")).await;
                format!("{}_empty", self.url())
            }
            None => format!("sqlite://{}", self.folder.path().join("empty.db").display()),
        };
        config.database_url = Some(url);
        let clock = self.app.clock.clone();
        App::connect(config, assets(), clock).await.unwrap()
    }

    pub async fn drop_empty_database(&self, app: App) {
        app.db.close().await;
        if let Some((server, name)) = &self.mysql {
            execute(server, format!("drop database {name}_empty")).await;
        }
    }

    pub async fn drop_database(&self) {
        self.app.db.close().await;
        if let Some((server, name)) = &self.mysql {
            execute(server, format!("drop database {name}")).await;
        }
    }

    /// Sends a request without a body.
    pub async fn send(&self, request: http::request::Builder) -> Reply {
        self.send_body(request, Body::empty()).await
    }

    pub async fn send_body(&self, request: http::request::Builder, body: Body) -> Reply {
        let request = request.body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path)).await
    }

    /// Gets a path of the operators' listener.
    pub async fn get_ops(&self, path: &str) -> Reply {
        let operators = origin::http_pipeline::operators(&self.app);
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = operators.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// Gets the JSON of a successful response.
    pub async fn json(&self, path: &str) -> serde_json::Value {
        let reply = self.get(path).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.text());
        reply.json()
    }

    pub async fn etag(&self, path: &str, coding: &str) -> Reply {
        self.send(Request::get(path).header(header::ACCEPT_ENCODING, coding))
            .await
    }

    /// Saves categories by their paths: `kitchen`, `kitchen/cups`. A parent comes first.
    pub async fn categories(&self, paths: &[&str]) {
        let mut tx = self.app.db.write().await.unwrap();
        for (position, path) in (0..).zip(paths) {
            let (parent, name) = match path.rsplit_once('/') {
                Some((parent, name)) => (Some(parent.to_owned()), name),
                None => (None, *path),
            };
            let category = NewCategory {
                external_id: (*path).to_owned(),
                parent,
                position,
                names: en(name),
                ..NewCategory::default()
            };
            let saved = catalog::save_category(&mut tx, self.app.context(), &category, None);
            assert_eq!(
                saved.await.unwrap(),
                catalog::SavedCategory::Added,
                "{path}"
            );
        }
        catalog::recount(&mut tx, self.app.context()).await.unwrap();
        tx.commit().await.unwrap();
        self.app.clock.advance(2_000);
    }

    /// Saves products and recounts the facets.
    pub async fn save(&self, products: Vec<NewProduct>) -> Vec<Saved> {
        let mut saved = Vec::new();
        for chunk in products.chunks(BATCH_MAX) {
            let batch: Vec<_> = chunk
                .iter()
                .cloned()
                .map(|product| PreparedProduct {
                    product,
                    images: Vec::new(),
                })
                .collect();
            let mut tx = self.app.db.write().await.unwrap();
            let context = self.app.context();
            saved.extend(
                catalog::save_products(&mut tx, context, &batch)
                    .await
                    .unwrap(),
            );
            catalog::recount(&mut tx, self.app.context()).await.unwrap();
            tx.commit().await.unwrap();
        }
        self.app.clock.advance(2_000);
        saved
    }

    /// Checks the invariants that hold after every test.
    pub async fn audit(&self) {
        let mut reader = self.app.db.read().await.unwrap();
        for (what, statement) in [
            (
                "stock differs from its ledger",
                "select count(*)
                   from stock s
                  where s.on_hand <> (select coalesce(sum(l.delta), 0)
                                        from stock_ledger l
                                       where l.variant_id = s.variant_id
                                         and l.location_id = s.location_id)",
            ),
            (
                "stock below zero",
                "select count(*)
                   from stock
                  where on_hand < 0
                     or held < 0",
            ),
            (
                "held stock that differs from its holds",
                "select count(*)
                   from stock s
                  where s.held <> (select coalesce(sum(h.quantity), 0)
                                     from stock_holds h
                                    where h.variant_id = s.variant_id
                                      and h.location_id = s.location_id)",
            ),
            (
                "carts with holds without an expiry",
                "select count(*)
                   from stock_holds h
                   join carts c on c.id = h.cart_id
                  where c.held_until is null",
            ),
            (
                "orders without lines",
                "select count(*)
                   from orders o
                  where not exists (select 1 from order_lines l where l.order_id = o.id)",
            ),
            (
                "orders whose totals do not add up",
                "select count(*)
                   from orders o
                  where o.items_minor <> (select sum(l.total_minor)
                                            from order_lines l
                                           where l.order_id = o.id)
                     or o.total_minor < 0",
            ),
            (
                "open orders whose lines differ from their stock movements",
                "select count(*)
                   from orders o
                  where o.state not in ('cancelled', 'expired', 'refunding', 'refunded')
                    and o.reserved = 1
                    and (select coalesce(sum(l.quantity - l.restocked), 0)
                           from order_lines l
                           join variants v on v.id = l.variant_id and v.tracked = 1
                          where l.order_id = o.id)
                        - (select coalesce(sum(b.quantity), 0)
                             from backorders b
                            where b.order_id = o.id)
                        <> (select coalesce(-sum(g.delta), 0)
                              from stock_ledger g
                             where g.order_id = o.id)",
            ),
            (
                "paid orders without stock movements",
                "select count(*)
                   from orders
                  where reserved = 0
                    and state not in ('pending', 'cancelled', 'expired')",
            ),
            (
                "claims of paid or closed orders or of ended holds",
                "select count(*)
                   from stock_claims c
                  where not exists (select 1
                                      from orders o
                                     where o.id = c.owner
                                       and o.state = 'pending')
                    and not exists (select 1
                                      from carts h
                                     where h.id = c.owner
                                       and h.held_until is not null)",
            ),
            (
                "unpaid orders without claims",
                "select count(*)
                   from orders o
                  where o.state = 'pending'
                    and not exists (select 1 from stock_claims c where c.owner = o.id)",
            ),
            (
                "more units held than on hand",
                "select count(*)
                   from stock
                  where held > on_hand",
            ),
            (
                "closed orders with stock",
                "select count(*)
                   from orders o
                  where o.state in ('cancelled', 'expired')
                    and (select coalesce(sum(g.delta), 0)
                           from stock_ledger g
                          where g.order_id = o.id) <> 0",
            ),
            (
                "backorders of available units",
                "select count(*)
                   from backorders b
                   join stock s on s.variant_id = b.variant_id
                  where s.on_hand > s.held",
            ),
            (
                "backorders of no units or of closed orders",
                "select count(*)
                   from backorders b
                   join orders o on o.id = b.order_id
                  where b.quantity <= 0
                     or o.state not in ('pending', 'paid')",
            ),
            (
                "more units returned than ordered, or restocked than returned",
                "select count(*)
                   from order_lines
                  where returned > quantity
                     or restocked > returned",
            ),
            (
                "coupons whose uses differ from the count or exceed the limit",
                "select count(*)
                   from coupons c
                  where c.used <> (select count(*) from coupon_uses u where u.coupon_id = c.id)
                     or c.used > coalesce(c.limit_total, c.used)",
            ),
            (
                "ordered carts with holds",
                "select count(*)
                   from orders o
                   join carts c on c.id = o.cart_id
                  where c.held_until is not null",
            ),
            (
                "orders whose amounts differ from their payments",
                "select count(*)
                   from orders o
                  where o.paid_minor <> (select coalesce(sum(p.amount_minor), 0)
                                           from payments p
                                          where p.order_id = o.id
                                            and p.state = 'captured')
                     or o.refunded_minor <> (select coalesce(sum(r.amount_minor), 0)
                                               from refunds r
                                              where r.order_id = o.id)
                     or o.refunded_minor > o.paid_minor",
            ),
            (
                "refunds that exceed their payment",
                "select count(*)
                   from payments p
                  where (select coalesce(sum(r.amount_minor), 0)
                           from refunds r
                          where r.payment_id = p.id) > case p.state when 'captured' then p.amount_minor else 0 end",
            ),
            (
                "refunded orders with pending refunds",
                "select count(*)
                   from orders o
                   join refunds r on r.order_id = o.id
                  where o.state = 'refunded'
                    and r.state = 'due'",
            ),
            (
                "charges without a paid order or a refund",
                "select count(*)
                   from payments p
                   join orders o on o.id = p.order_id
                  where p.state = 'captured'
                    and o.state in ('pending', 'cancelled', 'expired')
                    and p.amount_minor <> (select coalesce(sum(r.amount_minor), 0)
                                             from refunds r
                                            where r.payment_id = p.id)",
            ),
            (
                "active products without listings",
                "select count(*)
                   from products p
                  where p.status = 'active'
                    and not exists (select 1
                                      from product_listings l
                                     where l.product_id = p.id
                                       and l.category_id = 0)",
            ),
            (
                "listings of inactive products",
                "select count(*)
                   from product_listings l
                   join products p on p.id = l.product_id
                  where p.status <> 'active'",
            ),
            (
                "active products that are not indexed",
                "select count(*)
                   from products p
                  where p.status = 'active'
                    and not exists (select 1
                                      from search_words w
                                     where w.product_id = p.id)",
            ),
            (
                "index entries of inactive products or with outdated sales",
                "select count(*)
                   from search_words w
                   join products p on p.id = w.product_id
                  where p.status <> 'active'
                     or p.sold <> w.sold",
            ),
            (
                "index words that are missing from the vocabulary",
                "select count(*)
                   from search_words w
                  where not exists (select 1
                                      from search_terms t
                                     where t.locale = w.locale
                                       and t.word = w.word)",
            ),
            (
                "products without a text in the default language",
                "select count(*)
                   from products p
                  where not exists (select 1
                                      from product_texts t
                                     where t.product_id = p.id
                                       and t.locale = 'en')",
            ),
        ] {
            let count: i64 = sqlx::query_scalar(statement)
                .fetch_one(&mut *reader)
                .await
                .unwrap();
            assert_eq!(count, 0, "{what}");
        }
    }
}

async fn execute(server: &str, statement: String) {
    use sqlx::{Connection, Executor};
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(server).await.unwrap();
    connection
        .execute(sqlx::AssertSqlSafe(statement))
        .await
        .unwrap();
    connection.close().await.unwrap();
}

pub fn en(text: &str) -> Texts {
    Texts::from([(Locale::En, text.to_owned())])
}

/// A product with one variant, which tests can change.
pub fn product(name: &str, price: &str) -> NewProduct {
    let currency = "USD".parse().unwrap();
    NewProduct {
        external_id: name.to_owned(),
        slug: None,
        status: Status::Active,
        category: None,
        brand: None,
        names: en(name),
        descriptions: en("Some words."),
        attributes: Vec::new(),
        options: Vec::new(),
        variants: vec![NewVariant {
            sku: format!("{name}-1"),
            gtin: None,
            options: Vec::new(),
            price: Money::parse(price, currency).unwrap(),
            compare_at: None,
            stock: Some(100),
            backorder: false,
            weight_g: None,
            image: None,
        }],
        images: Vec::new(),
        tags: Vec::new(),
        created_at: None,
        sold: 0,
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
