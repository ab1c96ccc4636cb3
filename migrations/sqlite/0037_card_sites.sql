-- The site around the network where a payment was begun, until it has ended: its declined cards count in
-- `card_tries`, too.
alter table payments add column site varchar(32);
