-- By which words products are found, in each language. A word's rows lie best first, so that a search
-- reads the beginning of a range and stops.
create table search_words (
    locale varchar(8) not null,
    word varchar(32) not null,
    weight bigint not null,
    sold bigint not null,
    product_id bigint not null references products (id),
    primary key (locale, word, weight desc, sold desc, product_id desc)
) without rowid;
create index search_words_product on search_words (product_id, locale, word);

-- Every word once, for those who mistype it. A word may stay here after its last product.
create table search_terms (
    locale varchar(8) not null,
    word varchar(32) not null,
    primary key (locale, word)
) without rowid;

-- Products that were there before are written by the program, which notes here that it has.
insert into versions (name, version) values ('search', 0);
