-- Tokens and secrets that were stored in clear. What only has to be recognized becomes a hash in its old
-- column; what has to be read again is sealed with a key that is not in the database. The program does both
-- for the rows that are there, and notes here that it has.
alter table carts add column token_sealed varchar(255);
alter table orders add column token_sealed varchar(255);
alter table webhooks add column secret_sealed varchar(255);
-- A sealed answer is longer than the answer. SQLite's texts have any length.
-- contract: nothing is taken away; what a program of the version before writes is shorter, and fits.
alter table idempotency modify body mediumtext not null;
insert into versions (name, version) values ('secrets', 0);
