-- What tells this shop from every other: a number by chance. Whoever keeps something of the shop outside of
-- the database keeps it under this number.
insert into versions (name, version) values ('shop', random() & 9223372036854775807);
