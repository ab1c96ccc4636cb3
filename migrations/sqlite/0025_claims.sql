-- What buyers have of the stock without having paid for it: unpaid orders by buyer and by network, held
-- carts by network. Subjects are hashes, and rows go with the payment, the cancellation or the hold. The
-- slot makes two claims that do not know of each other meet at the primary key.
create table stock_claims (
    subject varchar(32) not null,
    slot bigint not null,
    -- The order or cart.
    owner bigint not null,
    units bigint not null,
    value_minor bigint not null,
    primary key (subject, slot)
);
create index stock_claims_owner on stock_claims (owner);

-- 0 while an unpaid order has taken nothing from the stock.
alter table orders add column reserved bigint not null default 1;
