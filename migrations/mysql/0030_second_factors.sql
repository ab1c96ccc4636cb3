-- What proves an account beside its password, and which browsers have signed in to it before.

-- A browser that has signed in before: guessing elsewhere does not lock it out.
create table known_devices (
    token_hash varchar(64) primary key,
    user_id bigint not null references users (id),
    created_at bigint not null,
    expires_at bigint not null
) default character set utf8mb4 collate utf8mb4_bin;
create index known_devices_user on known_devices (user_id, created_at);
create index known_devices_expires_at on known_devices (expires_at);

-- The secret is sealed, and the last step is the time of the last code that was accepted. Not confirmed, it
-- asks for nothing yet.
create table second_factors (
    user_id bigint primary key references users (id),
    secret varchar(255) not null,
    last_step bigint not null,
    confirmed_at bigint,
    created_at bigint not null
) default character set utf8mb4 collate utf8mb4_bin;

create table recovery_codes (
    code_hash varchar(64) primary key,
    user_id bigint not null references users (id),
    created_at bigint not null
) default character set utf8mb4 collate utf8mb4_bin;
create index recovery_codes_user on recovery_codes (user_id);

-- When somebody has last shown that it is them; before that, when they signed in.
alter table sessions add column proved_at bigint not null default 0;
alter table token_families add column proved_at bigint not null default 0;
