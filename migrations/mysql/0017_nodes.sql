-- Which process has which node id, until when by the database's time, and up to when that id has
-- perhaps been used in identities. A row stays: whoever has the id next begins after that.
create table nodes (
    node_id bigint primary key,
    holder varchar(64) not null,
    host varchar(255) not null,
    expires_at bigint not null,
    ids_until bigint not null
) default character set utf8mb4 collate utf8mb4_bin;
