-- What a provider calls a payment, once that is known.
alter table payments add column external_id varchar(255);
