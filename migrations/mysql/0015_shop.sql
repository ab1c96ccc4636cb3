-- What tells this shop from every other: a number by chance. Whoever keeps something of the shop outside of
-- the database keeps it under this number.
insert into versions (name, version)
values ('shop', cast(conv(left(md5(concat(uuid(), rand())), 15), 16, 10) as signed));
