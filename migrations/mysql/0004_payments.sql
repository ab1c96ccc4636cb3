-- Payments. A row is there before the provider is asked, so that nothing is charged that the shop
-- does not know of.

create table payments (
    id bigint primary key,
    order_id bigint not null,
    provider varchar(32) not null,
    state varchar(16) not null,
    amount_minor bigint not null,
    currency varchar(3) not null,
    reason varchar(64),
    created_at bigint not null,
    updated_at bigint not null,
    foreign key (order_id) references orders (id)
) default character set utf8mb4 collate utf8mb4_bin;
create index payments_order on payments (order_id);
create index payments_state on payments (state, updated_at);

create table refunds (
    id bigint primary key,
    payment_id bigint not null,
    order_id bigint not null,
    amount_minor bigint not null,
    state varchar(16) not null,
    created_at bigint not null,
    updated_at bigint not null,
    foreign key (payment_id) references payments (id)
) default character set utf8mb4 collate utf8mb4_bin;
create index refunds_payment on refunds (payment_id);
create index refunds_state on refunds (state, updated_at);

-- The inbox: what providers have told, each once.
create table payment_events (
    provider varchar(32) not null,
    event_id varchar(128) not null,
    created_at bigint not null,
    primary key (provider, event_id)
) default character set utf8mb4 collate utf8mb4_bin;

-- The world outside, as the method `test` plays it: its charges and refunds by our reference.
create table test_charges (
    reference varchar(64) primary key,
    amount_minor bigint not null,
    state varchar(16) not null
) default character set utf8mb4 collate utf8mb4_bin;
create table test_refunds (
    reference varchar(64) primary key,
    charge varchar(64) not null,
    amount_minor bigint not null
) default character set utf8mb4 collate utf8mb4_bin;
