-- By which change a part of the catalogue was changed last, `*` all of it: answers that were made before
-- are no longer right. Rows that are older than any answer is kept are taken away.
create table changes (
    tag varchar(32) primary key,
    version bigint not null,
    changed_at bigint not null
) default character set utf8mb4 collate utf8mb4_bin;
create index changes_version on changes (version);
insert into versions (name, version) values ('changes', 0);
