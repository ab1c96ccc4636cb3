-- The catalogue: what is shown, in two languages. Ids come from the program, times are Unix
-- milliseconds, money is minor units, lists within a product are JSON texts.

create table brands (
    id bigint primary key,
    slug varchar(100) not null unique,
    name varchar(200) not null
) default character set utf8mb4 collate utf8mb4_bin;

create table categories (
    id bigint primary key,
    external_id varchar(100) not null unique,
    parent_id bigint,
    slug varchar(100) not null unique,
    position bigint not null,
    image mediumtext,
    content_hash varchar(64) not null,
    foreign key (parent_id) references categories (id)
) default character set utf8mb4 collate utf8mb4_bin;
create index categories_parent on categories (parent_id, position);

create table category_texts (
    category_id bigint not null,
    locale varchar(8) not null,
    name varchar(200) not null,
    description mediumtext not null,
    primary key (category_id, locale),
    foreign key (category_id) references categories (id)
) default character set utf8mb4 collate utf8mb4_bin;

-- Which category lies below which, itself included: a subtree is one look-up.
create table category_paths (
    ancestor_id bigint not null,
    descendant_id bigint not null,
    depth bigint not null,
    primary key (descendant_id, ancestor_id),
    foreign key (ancestor_id) references categories (id),
    foreign key (descendant_id) references categories (id)
) default character set utf8mb4 collate utf8mb4_bin;
create index category_paths_ancestor on category_paths (ancestor_id);

create table products (
    id bigint primary key,
    external_id varchar(100) not null unique,
    slug varchar(100) not null unique,
    status varchar(16) not null,
    category_id bigint,
    brand_id bigint,
    price_from_minor bigint not null,
    price_to_minor bigint not null,
    compare_at_minor bigint,
    currency varchar(3) not null,
    availability bigint not null,
    sold bigint not null,
    options mediumtext not null,
    image mediumtext,
    images mediumtext not null,
    tags mediumtext not null,
    content_hash varchar(64) not null,
    version bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    foreign key (category_id) references categories (id),
    foreign key (brand_id) references brands (id)
) default character set utf8mb4 collate utf8mb4_bin;
create index products_category_status on products (category_id, status);
create index products_price on products (price_from_minor);
create index products_created_at on products (created_at);

create table product_texts (
    product_id bigint not null,
    locale varchar(8) not null,
    name varchar(200) not null,
    description mediumtext not null,
    attributes mediumtext not null,
    primary key (product_id, locale),
    foreign key (product_id) references products (id)
) default character set utf8mb4 collate utf8mb4_bin;

create table variants (
    id bigint primary key,
    product_id bigint not null,
    position bigint not null,
    active bigint not null,
    sku varchar(64) not null unique,
    options mediumtext not null,
    price_minor bigint not null,
    compare_at_minor bigint,
    tracked bigint not null,
    image bigint,
    weight_g bigint,
    foreign key (product_id) references products (id)
) default character set utf8mb4 collate utf8mb4_bin;
create index variants_product on variants (product_id, position);

-- One row for each active product and each category that it is found in: its own, those above, and
-- 0 for the whole shop. A list reads one index range here, however large the shop is.
create table product_listings (
    category_id bigint not null,
    product_id bigint not null,
    brand_id bigint not null,
    price_minor bigint not null,
    availability bigint not null,
    sold bigint not null,
    created_at bigint not null,
    primary key (category_id, product_id),
    foreign key (product_id) references products (id)
) default character set utf8mb4 collate utf8mb4_bin;
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
) default character set utf8mb4 collate utf8mb4_bin;

create table category_brands (
    category_id bigint not null,
    brand_id bigint not null,
    product_count bigint not null,
    primary key (category_id, brand_id),
    foreign key (brand_id) references brands (id)
) default character set utf8mb4 collate utf8mb4_bin;

-- A number for each thing that is kept in memory; it rises in the commit that changes the thing.
create table versions (
    name varchar(64) primary key,
    version bigint not null
) default character set utf8mb4 collate utf8mb4_bin;
-- Listings are counted when `saved` is ahead of `counted`.
insert into versions (name, version) values ('categories', 1), ('saved', 0), ('counted', 0);
