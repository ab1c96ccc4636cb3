-- Programs that act for the shop, or for somebody with an account. What opens something is kept as its
-- hash.

create table api_keys (
    id integer primary key,
    key_hash varchar(64) not null unique,
    name varchar(100) not null,
    rights text not null,
    created_at bigint not null
);

-- A client that signed in with a password; its refresh tokens follow each other, and each is used once.
create table token_families (
    id integer primary key,
    user_id bigint not null references users (id),
    agent varchar(200) not null,
    created_at bigint not null,
    expires_at bigint not null
);
create index token_families_user on token_families (user_id);
create index token_families_expires_at on token_families (expires_at);

create table refresh_tokens (
    token_hash varchar(64) primary key,
    family_id bigint not null references token_families (id),
    used bigint not null,
    created_at bigint not null
);
create index refresh_tokens_family on refresh_tokens (family_id);

-- Who has changed what: rows are written with the change, and never changed themselves.
create table audit_log (
    id integer primary key,
    actor varchar(64) not null,
    action varchar(64) not null,
    subject varchar(100) not null,
    previous text not null,
    later text not null,
    created_at bigint not null
);
create index audit_log_subject on audit_log (subject, id);
