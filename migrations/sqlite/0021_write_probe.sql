-- What is written to find out whether anything can be.
insert into versions (name, version) values ('write_probe', 0);
