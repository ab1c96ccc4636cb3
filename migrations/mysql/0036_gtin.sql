-- The number by which trade knows a variant: a GTIN of GS1, 8, 12, 13 or 14 digits. It is not unique: a shop may
-- offer one article in several ways, for example as new and as returned.
alter table variants add column gtin varchar(14);
