-- Who is told what happens, over HTTP. Topics are a JSON list; an empty one is all of them.
create table webhooks (
    id bigint primary key,
    url text not null,
    topics text not null,
    secret varchar(64) not null,
    created_at bigint not null
) default character set utf8mb4 collate utf8mb4_bin;
