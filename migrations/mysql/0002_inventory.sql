-- The stock. `on_hand` changes only together with a row in the ledger, which is never changed.

create table locations (
    id bigint primary key,
    code varchar(64) not null unique,
    name varchar(200) not null
) default character set utf8mb4 collate utf8mb4_bin;
insert into locations (id, code, name) values (1, 'main', 'Main warehouse');

create table stock (
    variant_id bigint not null,
    location_id bigint not null,
    on_hand bigint not null,
    held bigint not null,
    primary key (variant_id, location_id),
    foreign key (variant_id) references variants (id),
    foreign key (location_id) references locations (id)
) default character set utf8mb4 collate utf8mb4_bin;

create table stock_ledger (
    id bigint primary key,
    variant_id bigint not null,
    location_id bigint not null,
    delta bigint not null,
    reason varchar(32) not null,
    created_at bigint not null
) default character set utf8mb4 collate utf8mb4_bin;
create index stock_ledger_variant on stock_ledger (variant_id, location_id);
