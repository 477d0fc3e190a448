-- Roles (ROL-01 to ROL-19, HOS-07) -----------------------------------------------------------------

create table roles (
    role_id text primary key check (role_id ~ '^[a-z][a-z0-9_]{0,39}$'),
    name_zh text not null check (length(name_zh) between 1 and 40),
    name_en text not null check (length(name_en) between 1 and 40),
    shipped bool not null default false,
    position int not null
);
comment on column roles.shipped is 'A post of the handbooks: what it may do as shipped is in staff/permissions.py.';
insert into roles (role_id, name_zh, name_en, shipped, position) values
    ('agent', '座席', 'Agent', true, 1),
    ('complaint_specialist', '客诉专员', 'Complaint specialist', true, 2),
    ('archive_specialist', '档案资料专员', 'Archive specialist', true, 3),
    ('key_account', '大客户专员', 'Key-account specialist', true, 4),
    ('supervisor', '班长', 'Supervisor', true, 5),
    ('manager', '客服经理', 'Manager', true, 6),
    ('department_head', '部门主管', 'Department head', true, 7),
    ('administrator', '管理员', 'Administrator', true, 8),
    ('auditor', '审计员', 'Auditor', true, 9);
create sequence own_roles;
comment on sequence own_roles is 'The number in an own role''s id: a removed one''s comes never again, so that the audit log stays true.';

create table role_permissions (
    role_id text not null references roles on delete cascade,
    permission text not null check (permission ~ '^[a-z][a-z0-9_]{0,39}$'),
    granted bool not null,
    primary key (role_id, permission)
);
comment on table role_permissions is 'What differs from what the role has as shipped; an own role is shipped with nothing.';

alter table users drop constraint users_role_check;
alter table users add constraint users_role_fkey foreign key (role) references roles;
create index users_role on users (role);

-- Passwords and accounts (HOS-03, HOS-05) ----------------------------------------------------------

alter table users
    add column password_given bool not null default false,
    add column enabled_at timestamptz;
comment on column users.password_given is 'Somebody else made it, and it is to be changed at the next sign-in.';
comment on column users.enabled_at is 'When a closed account was opened again: unused days count from then.';
alter table sessions add column must_change_password bool not null default false;

create table password_history (
    user_id bigint not null references users on delete cascade,
    set_at timestamptz not null default clock_timestamp(),
    password_hash text not null,
    primary key (user_id, set_at)
);
comment on table password_history is 'Passwords that were, as argon2 hashes: they can''t be taken again.';

create table safety_settings (
    only_one bool primary key default true check (only_one),
    password_days int not null default 0 check (password_days between 0 and 365),
    password_shortest int not null default 9 check (password_shortest between 9 and 64),
    password_history int not null default 5 check (password_history between 1 and 24),
    change_given_password bool not null default false,
    close_unused_days int not null default 0 check (close_unused_days between 0 and 3650),
    night_from int not null default 22 check (night_from between 0 and 23),
    night_until int not null default 6 check (night_until between 0 and 23),
    keep_calls_months int not null default 0 check (keep_calls_months between 0 and 240),
    calls_erased_until timestamptz not null default '-infinity',
    updated_at timestamptz not null default now()
);
comment on column safety_settings.password_days is '0: passwords don''t age. The handbook says 15 (HOS-03).';
comment on column safety_settings.close_unused_days is '0: unused accounts stay open (HOS-05).';
comment on column safety_settings.keep_calls_months is 'After so many months a call no longer says who rang; 0: it does for ever.';
comment on column safety_settings.calls_erased_until is 'How far that has come: no call before it says who rang.';
insert into safety_settings default values;

create table sign_in_reviews (
    week date primary key check (extract(isodow from week) = 1),
    reviewed_at timestamptz not null default now(),
    reviewed_by bigint not null references users,
    note text not null default '' check (length(note) <= 2000)
);
comment on table sign_in_reviews is 'The week''s sign-ins were looked at (HOS-02), by its Monday.';
create trigger sign_in_reviews_only_grow before update or delete or truncate on sign_in_reviews
    for each statement execute function refuse_change();

-- Reading the audit log ----------------------------------------------------------------------------

create index audit_log_at on audit_log (at desc, audit_id desc);
create index audit_log_action on audit_log (action, at desc);
create index audit_log_sign_ins on audit_log (user_id, address, at) where action = 'session.started';
comment on index audit_log_sign_ins is 'Whether somebody has signed in from an address before.';

-- Erasure ------------------------------------------------------------------------------------------

alter table calls add column erased_at timestamptz;
comment on column calls.erased_at is 'Nothing in the row or its facts says any more who rang; figures stay.';
create index calls_erased on calls (erased_at) where erased_at is not null;
comment on index calls_erased is 'Calls erased lately, of which facts may still come.';

create table customer_erasures (
    erasure_id bigint generated always as identity primary key,
    customer_id bigint not null references customers,
    reason text not null check (length(btrim(reason)) between 1 and 500),
    asked_at timestamptz not null default now(),
    asked_by bigint references users on delete set null,
    done_at timestamptz,
    counts jsonb not null default '{}'
);
create unique index customer_erasures_customer on customer_erasures (customer_id);
create index customer_erasures_open on customer_erasures (erasure_id) where done_at is null;
comment on table customer_erasures is 'The proof that a customer''s data is gone: when, by whom, why, how much; never what.';
comment on column customer_erasures.done_at is 'Null: it goes on, by whichever replica.';
