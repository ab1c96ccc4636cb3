-- How often cards were declined in one network, so that nobody tries them without end. Networks are
-- hashes; rows are forgotten after a while.
create table card_tries (
    network varchar(32) primary key,
    declined bigint not null,
    -- Payments of which the provider has not answered yet.
    under_way bigint not null,
    -- When counting began.
    since bigint not null,
    -- How many pauses there were, and when the last one ends.
    pauses bigint not null,
    paused_until bigint not null
) default character set utf8mb4 collate utf8mb4_bin;

-- Where a payment was begun, until it has ended.
alter table payments add column network varchar(32);
