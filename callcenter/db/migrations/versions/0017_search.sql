-- Two neighbouring letters are in so many records that a long word took longest to find; three are in few.
create index customers_triples on customers using gin (search_keys(customer_id >> 16, words, 3)) with (fastupdate = off);
comment on index customers_triples is 'Three letters or more of a name, company, project, unit or address, newest first.';

drop index customers_name, customer_numbers_start, customer_numbers_end;
