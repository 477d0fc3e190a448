-- Rosters (SHF-02, SHF-04) -----------------------------------------------------------------------

create table shift_settings (
    only_one bool primary key default true check (only_one),
    early_minutes int not null default 10 check (early_minutes between 0 and 120),
    due_day int not null default 28 check (due_day between 1 and 28),
    swap_working_days int not null default 1 check (swap_working_days between 0 and 30),
    duty_number text not null default '' check (duty_number ~ '^(\+?[0-9]{2,20})?$')
);
comment on column shift_settings.early_minutes is 'So long before his shift somebody is to be there (SHF-07).';
comment on column shift_settings.due_day is 'The day of a month by which the next month''s roster is submitted (SHF-04).';
comment on column shift_settings.swap_working_days is 'A swap is asked for so many working days ahead (SHF-05).';
comment on column shift_settings.duty_number is 'The phone that is handed round: of whoever is on duty without a number of his own.';
insert into shift_settings default values;

create table shift_kinds (
    kind_id bigint generated always as identity primary key,
    code text not null check (code ~ '^[0-9a-z]$'),
    name_zh text not null check (length(name_zh) between 1 and 40),
    name_en text not null check (length(name_en) between 1 and 40),
    starts time,
    ends time,
    colour text not null check (colour ~ '^#[0-9a-f]{6}$'),
    duty bool not null default false,
    position int not null,
    removed_at timestamptz,
    check ((starts is null) = (ends is null)),
    check (not duty or starts is not null)
);
comment on column shift_kinds.code is 'The key that sets it on the roster.';
comment on column shift_kinds.ends is 'Not later than its start: on the next day. Null with it: rest or leave.';
comment on column shift_kinds.duty is 'Who has it holds the duty phone (HRS-03, HRS-05).';
comment on column shift_kinds.removed_at is 'Past shifts keep its name; nothing new does.';
create unique index shift_kinds_code on shift_kinds (code) where removed_at is null;
create unique index shift_kinds_name_zh on shift_kinds (lower(name_zh)) where removed_at is null;
create unique index shift_kinds_name_en on shift_kinds (lower(name_en)) where removed_at is null;
comment on index shift_kinds_name_zh is 'An imported cell names one kind; the names of removed ones are free again.';
insert into shift_kinds (code, name_zh, name_en, starts, ends, colour, duty, position) values
    ('1', '早班', 'Early', '08:00', '16:00', '#2f7d5b', false, 1),
    ('2', '晚班', 'Late', '14:00', '22:00', '#1a56a8', false, 2),
    ('3', '夜班', 'Night', '22:00', '08:00', '#6440a5', true, 3),
    ('0', '休息', 'Rest', null, null, '#64716d', false, 4),
    ('9', '请假', 'Leave', null, null, '#86580a', false, 5);

create table rosters (
    month date primary key check (extract(day from month) = 1),
    state text not null default 'draft' check (state in ('draft', 'submitted', 'approved')),
    submitted_at timestamptz,
    submitted_by bigint references users,
    decided_at timestamptz,
    decided_by bigint references users,
    note text not null default '' check (length(note) <= 200),
    check (state = 'draft' or submitted_at is not null),
    check (state <> 'approved' or decided_at is not null)
);
comment on table rosters is 'How far a month''s roster has come; the row that every change of the month locks first.';
comment on column rosters.decided_at is 'When it was approved, or given back.';

create table shifts (
    user_id bigint not null references users on delete cascade,
    day date not null,
    kind_id bigint not null references shift_kinds,
    starts_at timestamptz,
    ends_at timestamptz,
    duty_number text check (duty_number ~ '^\+?[0-9]{2,20}$'),
    deputy_id bigint references users on delete set null,
    primary key (user_id, day),
    check ((starts_at is null) = (ends_at is null)),
    check (starts_at < ends_at),
    check (deputy_id <> user_id),
    constraint shifts_one_at_a_time exclude using gist
        (int8range(user_id, user_id, '[]') with &&, tstzrange(starts_at, ends_at) with &&)
        where (starts_at is not null) deferrable
);
comment on constraint shifts_one_at_a_time on shifts is 'A night and the next morning''s early shift may overlap on paper only.';
comment on column shifts.starts_at is 'As its kind''s times were when it was planned; null for rest and leave.';
comment on column shifts.deputy_id is 'Who stands in for him (SHF-02).';
create index shifts_day on shifts (day);
create index shifts_ends on shifts (ends_at) where starts_at is not null;
comment on index shifts_ends is 'Who is on shift now; rest and leave are never asked for this way.';

create table shift_swaps (
    swap_id bigint generated always as identity primary key,
    user_id bigint not null references users on delete cascade,
    day date not null,
    kind_id bigint not null references shift_kinds,
    colleague_id bigint not null references users on delete cascade,
    colleague_day date not null,
    colleague_kind_id bigint references shift_kinds,
    note text not null default '' check (length(note) <= 200),
    asked_at timestamptz not null default now(),
    state text not null default 'asked' check (state in ('asked', 'approved', 'declined', 'withdrawn')),
    decided_at timestamptz,
    decided_by bigint references users,
    decision text not null default '' check (length(decision) <= 200),
    check (user_id <> colleague_id),
    check ((state = 'asked') = (decided_at is null))
);
comment on table shift_swaps is 'The two exchange what they have on these days once it is approved (SHF-05, SHF-06).';
comment on column shift_swaps.kind_id is 'What each had when it was asked for.';
create unique index shift_swaps_open on shift_swaps (user_id, day) where state = 'asked';
comment on index shift_swaps_open is 'One open request a shift.';

-- Hand-over (SHF-08 to SHF-11, SHF-14) ------------------------------------------------------------

create table hand_over_notes (
    note_id bigint generated always as identity primary key,
    written_at timestamptz not null default now(),
    written_by bigint not null references users,
    text text not null check (length(text) <= 4000)
);
create trigger hand_over_notes_only_grow before update or delete or truncate on hand_over_notes
    for each statement execute function refuse_change();

create table hand_over_additions (
    note_id bigint not null references hand_over_notes,
    written_at timestamptz not null default now(),
    written_by bigint not null references users,
    text text not null check (length(text) between 1 and 4000)
);
create index hand_over_additions_note on hand_over_additions (note_id);
create trigger hand_over_additions_only_grow before update or delete or truncate on hand_over_additions
    for each statement execute function refuse_change();

create table hand_over_items (
    item_id bigint generated always as identity primary key,
    note_id bigint not null references hand_over_notes,
    text text not null check (length(text) between 1 and 200),
    done_at timestamptz,
    done_by bigint references users,
    check ((done_at is null) = (done_by is null))
);
create index hand_over_items_note on hand_over_items (note_id);
create index hand_over_items_open on hand_over_items (note_id) where done_at is null;
comment on index hand_over_items_open is 'What is still to be done, of all notes ever.';

create table hand_over_takings (
    note_id bigint primary key references hand_over_notes,
    taken_at timestamptz not null default now(),
    taken_by bigint not null references users
);
create trigger hand_over_takings_only_grow before update or delete or truncate on hand_over_takings
    for each statement execute function refuse_change();

create table visits (
    visit_id bigint generated always as identity primary key,
    visitors text not null check (length(visitors) between 1 and 200),
    purpose text not null check (length(purpose) between 1 and 200),
    came_at timestamptz not null,
    left_at timestamptz,
    recorded_by bigint not null references users,
    recorded_at timestamptz not null default now(),
    check (left_at >= came_at)
);
create index visits_came on visits (came_at desc);
comment on table visits is 'Who was in the machine room, from when to when, and what for (SHF-11).';
