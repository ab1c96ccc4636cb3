-- Goods that were sold before they were there: who waits for how many. They are given out as they
-- come, to the first order first.
create table backorders (
    variant_id bigint not null,
    order_id bigint not null,
    quantity bigint not null,
    primary key (variant_id, order_id)
) default character set utf8mb4 collate utf8mb4_bin;
create index backorders_order on backorders (order_id);
insert into backorders (variant_id, order_id, quantity)
select l.variant_id, l.order_id, l.backordered
  from order_lines l
  join orders o on o.id = l.order_id
 where l.backordered > 0
   and o.state in ('pending', 'paid');
alter table order_lines drop column backordered;
-- How many came back, and how many of them lie on a shelf again.
alter table order_lines add column returned bigint not null default 0;
alter table order_lines add column restocked bigint not null default 0;
