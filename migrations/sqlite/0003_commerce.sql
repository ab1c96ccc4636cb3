-- Carts, orders and what leaves the database after them. Money is minor units of the shop's
-- currency; addresses and lists are JSON texts.

-- Whether a variant may be sold before it is there.
alter table variants add column backorder bigint not null default 0;
-- The order that a movement belongs to.
alter table stock_ledger add column order_id bigint;
create index stock_ledger_order on stock_ledger (order_id);

create table carts (
    id integer primary key,
    token varchar(64) not null unique,
    version bigint not null,
    note text not null,
    email varchar(254),
    shipping_address text,
    shipping_method varchar(64),
    coupons text not null,
    order_id bigint,
    created_at bigint not null,
    updated_at bigint not null
);
create index carts_updated_at on carts (updated_at);

create table cart_lines (
    cart_id bigint not null references carts (id),
    variant_id bigint not null references variants (id),
    quantity bigint not null,
    -- What one cost when it was put in or its number was changed.
    price_minor bigint not null,
    position bigint not null,
    primary key (cart_id, variant_id)
);

create table coupons (
    id integer primary key,
    code varchar(64) not null unique,
    kind varchar(16) not null,
    -- Percentages in hundredths of a per cent, amounts in minor units.
    value bigint not null,
    minimum_minor bigint not null,
    starts_at bigint,
    ends_at bigint,
    limit_total bigint,
    limit_customer bigint,
    used bigint not null,
    stackable bigint not null,
    active bigint not null
);

create table coupon_uses (
    coupon_id bigint not null references coupons (id),
    order_id bigint not null,
    email varchar(254) not null,
    created_at bigint not null,
    primary key (coupon_id, order_id)
);
create index coupon_uses_email on coupon_uses (coupon_id, email);

create table orders (
    id integer primary key,
    number varchar(32) not null unique,
    token varchar(64) not null,
    -- One cart makes one order.
    cart_id bigint not null unique,
    state varchar(16) not null,
    version bigint not null,
    email varchar(254) not null,
    locale varchar(8) not null,
    currency varchar(3) not null,
    items_minor bigint not null,
    discount_minor bigint not null,
    shipping_minor bigint not null,
    tax_minor bigint not null,
    tax_included bigint not null,
    total_minor bigint not null,
    paid_minor bigint not null,
    refunded_minor bigint not null,
    shipping_address text not null,
    shipping_method varchar(64) not null,
    payment_method varchar(32) not null,
    coupons text not null,
    note text not null,
    pay_until bigint,
    created_at bigint not null,
    updated_at bigint not null
);
create index orders_state on orders (state, pay_until);
create index orders_email on orders (email);

create table order_lines (
    order_id bigint not null references orders (id),
    position bigint not null,
    variant_id bigint not null,
    sku varchar(64) not null,
    name varchar(200) not null,
    options text not null,
    quantity bigint not null,
    backordered bigint not null,
    price_minor bigint not null,
    discount_minor bigint not null,
    tax_minor bigint not null,
    total_minor bigint not null,
    primary key (order_id, position)
);

create table order_events (
    id integer primary key,
    order_id bigint not null references orders (id),
    state varchar(16) not null,
    created_at bigint not null
);
create index order_events_order on order_events (order_id);

-- What was answered to a request that a client may repeat.
create table idempotency (
    scope varchar(64) not null,
    idempotency_key varchar(255) not null,
    fingerprint varchar(64) not null,
    status bigint not null,
    body text not null,
    created_at bigint not null,
    primary key (scope, idempotency_key)
);
create index idempotency_created_at on idempotency (created_at);

-- What leaves the database: written with what it is about, delivered afterwards.
create table outbox (
    id integer primary key,
    topic varchar(64) not null,
    subject varchar(64) not null,
    payload text not null,
    attempts bigint not null,
    -- When it is tried next; nothing once it is delivered or parked.
    due_at bigint,
    delivered_at bigint,
    error text,
    created_at bigint not null
);
create index outbox_due_at on outbox (due_at);
create index outbox_subject on outbox (subject);
