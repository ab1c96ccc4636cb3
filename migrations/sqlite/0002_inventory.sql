-- The stock. `on_hand` changes only together with a row in the ledger, which is never changed.

create table locations (
    id integer primary key,
    code varchar(64) not null unique,
    name varchar(200) not null
);
insert into locations (id, code, name) values (1, 'main', 'Main warehouse');

create table stock (
    variant_id bigint not null references variants (id),
    location_id bigint not null references locations (id),
    on_hand bigint not null,
    held bigint not null,
    primary key (variant_id, location_id)
);

create table stock_ledger (
    id integer primary key,
    variant_id bigint not null,
    location_id bigint not null,
    delta bigint not null,
    reason varchar(32) not null,
    created_at bigint not null
);
create index stock_ledger_variant on stock_ledger (variant_id, location_id);
