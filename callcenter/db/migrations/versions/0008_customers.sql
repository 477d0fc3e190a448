-- The record (CUS-05, CUS-09, CUS-14, CUS-18, CUS-19) ----------------------------------------------

alter table customers
    add column initials text not null default '' check (length(initials) <= 200),
    add column member_level text not null default '' check (length(member_level) <= 40),
    add column birthday date check (birthday between '1880-01-01' and '2100-01-01'),
    add column tags text[] not null default '{}' check (cardinality(tags) <= 30),
    add column own_fields jsonb not null default '{}',
    add column owner_id bigint references users on delete set null,
    add column owner_since timestamptz,
    add column owner_until timestamptz,
    add column merged_into bigint references customers on delete set null,
    add column erased_at timestamptz,
    add constraint customers_owner check (owner_id is null or owner_since is not null);
comment on column customers.initials is 'First letters of the name''s pinyin (several readings by spaces), small: what a clerk types for 刘秀英 is lxy.';
comment on column customers.own_fields is 'Field id (customer_fields) to value: text, number, day as YYYY-MM-DD, true/false, or a choice''s words.';
comment on column customers.owner_until is 'The claim of the agent who registered him ends then (OWN-02); null: it does not end.';
comment on column customers.merged_into is 'This record is part of another now; it is found no more, and may be split off again.';
comment on column customers.erased_at is 'All that said who he was has been erased; his calls'' figures stay.';

-- Newest first and an index on words contradict each other, so the keys that a search finds rows by have a shelf in them,
-- one for each 65,536 records: a search asks one after another, the newest first, until it has a page. A key is so many
-- neighbouring letters (`width`: 2, or of digits 4, of initials 3), as a number: an index of these is made fastest.
create function search_keys(shelf bigint, said text, width int) returns bigint[]
language plpgsql immutable parallel safe strict as $$
declare
    bits int := 42 / width;
    letter_mask bigint := (1::bigint << bits) - 1;
    code_mask bigint := (1::bigint << bits * width) - 1;
    code bigint := 0;
    place int := 0;
    keys bigint[] := '{}';
    letter text;
begin
    foreach letter in array string_to_array(said, null) loop
        place := place + 1;
        code := ((code << bits) | (ascii(letter) & letter_mask)) & code_mask;
        if place >= width then
            keys := keys || ((shelf << 42) | code);
        end if;
    end loop;
    return keys;
end
$$;
-- Without a list of what is still to be sorted in: a search would read it for each shelf.
create index customers_keys on customers using gin (search_keys(customer_id >> 16, words, 2)) with (fastupdate = off);
comment on index customers_keys is 'A part of a name, company, project, unit or address, newest first.';
create index customers_initials on customers using gin (search_keys(customer_id >> 16, ' ' || initials, 3))
    with (fastupdate = off);
create index customers_surname on customers (left(lower(name), 1), customer_id);
comment on index customers_surname is 'A surname, newest first.';
create index customers_without_initials on customers (customer_id) where initials = '';
comment on index customers_without_initials is 'Records whose initials are still to be made.';
create index customers_owned on customers (owner_id) where owner_id is not null;
comment on index customers_owned is 'An agent''s customers, when he leaves (OWN-15).';
create index customers_merged on customers (merged_into) where merged_into is not null;
comment on index customers_merged is 'The parts of a record: few among millions.';
create index customers_birthday on customers (extract(month from birthday), extract(day from birthday)) where birthday is not null;
comment on index customers_birthday is 'Whose birthday it is (CAT-17).';
create index customers_tags on customers using gin (tags);

create table customer_addresses (
    customer_id bigint not null references customers on delete cascade,
    position int not null,
    label text not null default '' check (length(label) <= 40),
    address text not null default '' check (length(address) <= 200),
    building text not null default '' check (length(building) <= 40),
    unit text not null default '' check (length(unit) <= 40),
    room text not null default '' check (length(room) <= 40),
    words text generated always as (folded(address || building || unit || room)) stored,
    primary key (customer_id, position)
);
comment on table customer_addresses is 'The first is the one that unit_or_address shows on lists and pops.';
create index customer_addresses_keys on customer_addresses
    using gin (search_keys(customer_id >> 16, words, 2)) with (fastupdate = off) where position > 0;
comment on index customer_addresses_keys is 'The first address is found by its customer''s words (unit_or_address).';

create table customer_contracts (
    contract_id bigint generated always as identity primary key,
    customer_id bigint not null references customers on delete cascade,
    kind text not null check (kind in ('household', 'decoration', 'elevator', 'membership', 'other')),
    name text not null check (length(name) between 1 and 200),
    number text not null default '' check (length(number) <= 100),
    signed_on date,
    starts_on date,
    ends_on date,
    warranty_until date,
    notes text not null default '' check (length(notes) <= 2000),
    position int not null default 0,
    check (ends_on is null or starts_on is null or ends_on >= starts_on)
);
create index customer_contracts_customer on customer_contracts (customer_id, position);
create index customer_contracts_number on customer_contracts (lower(number) text_pattern_ops) where number <> '';
comment on column customer_contracts.warranty_until is 'Whether a repair is free or charged hangs on it (CAT-30).';

create index customer_numbers_parts on customer_numbers
    using gin (search_keys(customer_id >> 16, '^' || number || '$', 4)) with (fastupdate = off);
comment on index customer_numbers_parts is 'Every four neighbouring digits; ^ and $: the first and the last three.';

create table customer_fields (
    field_id text primary key check (field_id ~ '^[a-z][a-z0-9_]{0,39}$'),
    name_zh text not null check (length(name_zh) between 1 and 40),
    name_en text not null check (length(name_en) between 1 and 40),
    kind text not null check (kind in ('text', 'number', 'date', 'yes_no', 'choice')),
    choices text[] not null default '{}' check (cardinality(choices) <= 100),
    required bool not null default false,
    position int not null default 0,
    removed_at timestamptz,
    check ((kind = 'choice') = (cardinality(choices) > 0))
);
comment on table customer_fields is 'Fields that a department has made for itself on a page.';
comment on column customer_fields.removed_at is 'Asked for no more; what was written stays in the records.';

-- Merging, changes, files --------------------------------------------------------------------------

create table customer_changes (
    change_id bigint generated always as identity primary key,
    customer_id bigint not null references customers on delete cascade,
    at timestamptz not null default now(),
    by_user bigint references users on delete set null,
    kind text not null check (kind in ('created', 'changed', 'merged', 'split', 'owner', 'imported', 'erased', 'file')),
    detail jsonb not null default '{}'
);
create index customer_changes_customer on customer_changes (customer_id, at desc);
comment on table customer_changes is 'What was changed of a record, from what to what; stands on his timeline.';

create table customer_files (
    file_id bigint generated always as identity primary key,
    customer_id bigint not null references customers on delete cascade,
    name text not null check (length(name) between 1 and 200),
    media_type text not null check (length(media_type) <= 100),
    size int not null check (size between 1 and 20971520),
    sha256 bytea not null check (length(sha256) = 32),
    content bytea not null,
    added_at timestamptz not null default now(),
    added_by bigint references users on delete set null,
    removed_at timestamptz
);
create index customer_files_customer on customer_files (customer_id, added_at desc) where removed_at is null;
comment on column customer_files.content is 'In the database, so that one backup has it all (CUS-02); at most 20 MiB.';
alter table customer_files alter column content set storage external;

-- An agent's claim (OWN-02) and other settings of records -------------------------------------------

create table customer_settings (
    only_one bool primary key default true check (only_one),
    first_contact_owns bool not null default false,
    owner_valid_months int not null default 2 check (owner_valid_months between 0 and 120)
);
comment on column customer_settings.first_contact_owns is 'Who makes a record is its owner (OWN-01).';
comment on column customer_settings.owner_valid_months is 'How long his claim holds after the last contact (OWN-02); 0: for ever.';
insert into customer_settings default values;
