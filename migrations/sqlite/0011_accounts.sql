-- Accounts. Whatever opens something is kept as its hash. Addresses and lists are JSON texts.

create table users (
    id integer primary key,
    -- Nothing once the person is erased.
    email varchar(254) unique,
    name varchar(100) not null,
    password_hash varchar(255) not null,
    role varchar(16) not null,
    rights text not null,
    locale varchar(8) not null,
    version bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);

create table user_addresses (
    id integer primary key,
    user_id bigint not null references users (id),
    address text not null,
    preferred bigint not null,
    created_at bigint not null
);
create index user_addresses_user on user_addresses (user_id);

create table sessions (
    token_hash varchar(64) primary key,
    id bigint not null unique,
    user_id bigint not null references users (id),
    agent varchar(200) not null,
    created_at bigint not null,
    seen_at bigint not null,
    expires_at bigint not null
);
create index sessions_user on sessions (user_id);
create index sessions_expires_at on sessions (expires_at);

-- What a link in a message opens, once.
create table account_links (
    token_hash varchar(64) primary key,
    purpose varchar(16) not null,
    email varchar(254) not null,
    content text not null,
    created_at bigint not null,
    expires_at bigint not null
);
create index account_links_email on account_links (email, purpose);
create index account_links_expires_at on account_links (expires_at);

-- The open cart of an account, and its orders.
create table user_carts (
    user_id bigint primary key references users (id),
    cart_id bigint not null unique references carts (id)
);
create table user_orders (
    user_id bigint not null references users (id),
    order_id bigint not null references orders (id),
    primary key (user_id, order_id)
);
alter table carts add column user_id bigint;
alter table orders add column user_id bigint;
