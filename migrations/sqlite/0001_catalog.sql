-- The catalogue: what is shown, in two languages. Ids come from the program, times are Unix
-- milliseconds, money is minor units, lists within a product are JSON texts.

create table brands (
    id integer primary key,
    slug varchar(100) not null unique,
    name varchar(200) not null
);

create table categories (
    id integer primary key,
    external_id varchar(100) not null unique,
    parent_id bigint references categories (id),
    slug varchar(100) not null unique,
    position bigint not null,
    image text,
    content_hash varchar(64) not null
);
create index categories_parent on categories (parent_id, position);

create table category_texts (
    category_id bigint not null references categories (id),
    locale varchar(8) not null,
    name varchar(200) not null,
    description text not null,
    primary key (category_id, locale)
);

-- Which category lies below which, itself included: a subtree is one look-up.
create table category_paths (
    ancestor_id bigint not null references categories (id),
    descendant_id bigint not null references categories (id),
    depth bigint not null,
    primary key (descendant_id, ancestor_id)
);
create index category_paths_ancestor on category_paths (ancestor_id);

create table products (
    id integer primary key,
    external_id varchar(100) not null unique,
    slug varchar(100) not null unique,
    status varchar(16) not null,
    category_id bigint references categories (id),
    brand_id bigint references brands (id),
    price_from_minor bigint not null,
    price_to_minor bigint not null,
    compare_at_minor bigint,
    currency varchar(3) not null,
    availability bigint not null,
    sold bigint not null,
    options text not null,
    image text,
    images text not null,
    tags text not null,
    content_hash varchar(64) not null,
    version bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
create index products_category_status on products (category_id, status);
create index products_price on products (price_from_minor);
create index products_created_at on products (created_at);

create table product_texts (
    product_id bigint not null references products (id),
    locale varchar(8) not null,
    name varchar(200) not null,
    description text not null,
    attributes text not null,
    primary key (product_id, locale)
);

create table variants (
    id integer primary key,
    product_id bigint not null references products (id),
    position bigint not null,
    active bigint not null,
    sku varchar(64) not null unique,
    options text not null,
    price_minor bigint not null,
    compare_at_minor bigint,
    tracked bigint not null,
    image bigint,
    weight_g bigint
);
create index variants_product on variants (product_id, position);

-- One row for each active product and each category that it is found in: its own, those above, and
-- 0 for the whole shop. A list reads one index range here, however large the shop is.
create table product_listings (
    category_id bigint not null,
    product_id bigint not null references products (id),
    brand_id bigint not null,
    price_minor bigint not null,
    availability bigint not null,
    sold bigint not null,
    created_at bigint not null,
    primary key (category_id, product_id)
);
create index product_listings_product on product_listings (product_id);
create index product_listings_newest on product_listings (category_id, created_at, product_id);
create index product_listings_price on product_listings (category_id, price_minor, product_id);
create index product_listings_sold on product_listings (category_id, sold, product_id);
create index product_listings_brand on product_listings (category_id, brand_id);

-- What the listings of a category come to, counted when they change.
create table category_facets (
    category_id bigint primary key,
    product_count bigint not null,
    price_from_minor bigint not null,
    price_to_minor bigint not null,
    image text
);

create table category_brands (
    category_id bigint not null,
    brand_id bigint not null references brands (id),
    product_count bigint not null,
    primary key (category_id, brand_id)
);

-- A number for each thing that is kept in memory; it rises in the commit that changes the thing.
create table versions (
    name varchar(64) primary key,
    version bigint not null
);
-- Listings are counted when `saved` is ahead of `counted`.
insert into versions (name, version) values ('categories', 1), ('saved', 0), ('counted', 0);
