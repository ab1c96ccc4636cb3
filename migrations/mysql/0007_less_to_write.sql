-- Nothing is looked up by these, and every order and every change of a cart paid for them.
drop index carts_updated_at on carts;
drop index orders_email on orders;
-- An order names its cart; said twice, it would be written twice.
alter table carts drop column order_id;
