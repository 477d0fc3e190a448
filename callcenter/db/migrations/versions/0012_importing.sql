create table imports (
    import_id bigint generated always as identity primary key,
    file_name text not null check (length(file_name) between 1 and 200),
    size int not null check (size between 1 and 52428800),
    state text not null check (state in ('uploading', 'reading', 'read', 'checking', 'checked', 'running', 'done',
        'stopped', 'failed', 'undoing', 'undone', 'discarded')),
    made_by bigint references users on delete set null,
    made_at timestamptz not null default now(),
    encoding text not null default '',
    separator text not null default '',
    sheet int not null default 0,
    sheets text[] not null default '{}',
    header_row int not null default 1,
    mapping text[] not null default '{}',
    duplicates text not null default 'skip' check (duplicates in ('skip', 'fill', 'overwrite', 'merge')),
    total_rows int not null default 0,
    done_rows int not null default 0,
    last_row int not null default 0,
    counts jsonb not null default '{}',
    problem jsonb,
    began_at timestamptz,
    ended_at timestamptz,
    claim text,
    claimed_until timestamptz
);
comment on table imports is 'Files of customers on their way into the records, and what came of them.';
comment on column imports.encoding is 'utf-8, gb18030 or utf-16; empty until it is known, or of a workbook.';
comment on column imports.mapping is 'A field for each column (callcenter/importing/fields.py); empty: not imported.';
comment on column imports.last_row is 'The last row that the work under way has dealt with: who goes on begins after it.';
comment on column imports.began_at is 'When the work under way began: rows a second are counted from it.';
comment on column imports.claim is 'Which process does the work; another''s when claimed_until is over.';
create index imports_to_do on imports (import_id) where state in ('reading', 'checking', 'running', 'undoing');

create table import_parts (
    import_id bigint not null references imports on delete cascade,
    part int not null check (part between 0 and 99),
    content bytea not null check (length(content) between 1 and 1048576),
    primary key (import_id, part)
);
comment on table import_parts is 'The file as it was uploaded, 1 MiB each, so that any replica can go on; gone once it is imported.';
alter table import_parts alter column content set storage external;

create table import_rows (
    import_id bigint not null references imports on delete cascade,
    row_number int not null,
    cells text[] not null,
    draft jsonb,
    problems jsonb,
    outcome text check (outcome in ('new', 'filled', 'overwritten', 'merged', 'unchanged', 'skipped', 'bad')),
    customer_id bigint,
    primary key (import_id, row_number)
);
comment on column import_rows.row_number is 'As Excel counts it, from 1.';
comment on column import_rows.draft is 'What the row says of a customer, by the mapping of the last check.';
comment on column import_rows.outcome is 'What would become of it by the last check; once imported, what became of it.';
create index import_rows_bad on import_rows (import_id, row_number) where outcome = 'bad';

create table import_customers (
    import_id bigint not null references imports on delete cascade,
    customer_id bigint not null,
    before jsonb,
    after_at timestamptz not null,
    undone text check (undone in ('removed', 'restored', 'changed', 'in_use', 'gone')),
    primary key (import_id, customer_id)
);
comment on table import_customers is 'Whom an import made (before is null) or changed: what is needed to undo it.';
comment on column import_customers.after_at is 'updated_at as the import left it: another one means that somebody has changed him since.';
comment on column import_customers.undone is 'What became of him when it was undone; changed, in_use: left as he is.';
create index import_customers_left on import_customers (import_id, customer_id) where undone is null;

