create table exports (
    export_id bigint generated always as identity primary key,
    kind text not null check (kind in ('customers', 'calls')),
    filter jsonb not null default '{}',
    format text not null check (format in ('csv', 'xlsx')),
    reason text not null check (length(reason) between 1 and 1000),
    purpose text not null check (length(purpose) between 1 and 200),
    rows_when_asked int not null,
    asked_by bigint not null references users,
    asked_at timestamptz not null default now(),
    state text not null default 'asked' check (state in ('asked', 'approved', 'declined', 'withdrawn')),
    decided_by bigint references users,
    decided_at timestamptz,
    note text not null default '' check (length(note) <= 1000),
    whole_numbers bool not null default false,
    valid_until timestamptz,
    most_downloads int not null default 0 check (most_downloads between 0 and 20),
    returned_at timestamptz,
    returned_how text check (returned_how in ('returned', 'destroyed')),
    checked_at timestamptz,
    checked_by bigint references users,
    check_note text not null default '' check (length(check_note) <= 1000),
    constraint exports_four_eyes check (decided_by <> asked_by and checked_by <> asked_by),
    constraint exports_decided check ((state in ('approved', 'declined')) = (decided_at is not null)),
    constraint exports_approved check ((state = 'approved') = (valid_until is not null)),
    constraint exports_returned check ((returned_at is null) = (returned_how is null))
);
comment on table exports is 'Lists that somebody asks for, a manager lets out (SEC-02), and that come back and are checked (SEC-03, CUS-29).';
comment on column exports.valid_until is 'Until then it can be downloaded, and by then it is to be given back or destroyed.';
create index exports_asked_by on exports (asked_by, export_id desc);
create index exports_waiting on exports (export_id) where state = 'asked';
create index exports_approved on exports (export_id desc) where state = 'approved';

create table export_downloads (
    download_id bigint generated always as identity primary key,
    export_id bigint not null references exports on delete cascade,
    at timestamptz not null default now(),
    address text not null default '',
    row_count int
);
create index export_downloads_export on export_downloads (export_id);
comment on column export_downloads.row_count is 'Null: it was not written to its end.';
