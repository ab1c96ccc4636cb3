-- When the primary was last seen writing, by its own time in milliseconds: a replica that shows an
-- older beat lags behind by the difference.
create table heartbeats (
    name varchar(16) primary key,
    beat_at bigint not null
) default character set utf8mb4 collate utf8mb4_bin;
insert into heartbeats (name, beat_at) values ('primary', 0);
