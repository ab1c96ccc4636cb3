-- A number that rises with every change of a stock row, so that a change can say what it expects.
alter table stock add column version bigint not null default 1;
