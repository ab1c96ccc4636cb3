-- Each edge is told of changes by itself: up to which one it was told, and until when somebody does so just now.
create table edge_cursors (
    edge varchar(320) primary key,
    version bigint not null,
    told_at bigint not null,
    leased_until bigint not null
);
-- Whom a message is for; empty for everybody. What is for one never waits for another.
alter table outbox add column receiver varchar(64) not null default '';
create index outbox_receiver on outbox (receiver, due_at);
