-- Stock that is kept for carts in checkout. `stock.held` is the sum of these rows; when they end is
-- written with the cart.
alter table carts add column held_since bigint;
alter table carts add column held_until bigint;
create index carts_held_until on carts (held_until);

create table stock_holds (
    cart_id bigint not null,
    variant_id bigint not null,
    location_id bigint not null,
    quantity bigint not null,
    primary key (cart_id, variant_id, location_id)
) default character set utf8mb4 collate utf8mb4_bin;
