-- Staff ----------------------------------------------------------------------------------------

create table users (
    user_id bigint generated always as identity primary key,
    username text not null check (username = btrim(username) and length(username) between 1 and 64),
    display_name text not null check (length(display_name) between 1 and 200),
    role text not null check (role in ('agent', 'supervisor', 'administrator')),
    password_hash text not null,
    disabled bool not null default false,
    created_at timestamptz not null default now(),
    password_changed_at timestamptz not null default now(),
    last_signed_in_at timestamptz
);
create unique index users_username on users (lower(username));
comment on index users_username is 'Alice and alice are one person.';

create table agents (
    user_id bigint primary key references users on delete cascade,
    extension text not null constraint agents_extension unique check (extension ~ '^[0-9]{3,6}$'),
    phone_kind text not null check (phone_kind in ('browser', 'desk')),
    sip_digest text check (sip_digest ~ '^[0-9a-f]{32}$')
);
comment on column agents.sip_digest is 'HA1: md5(extension:realm:password), RFC 7616. Null until a password was made.';

create table queues (
    queue_id text primary key check (queue_id ~ '^[a-z0-9_]{1,40}$'),
    name_zh text not null,
    name_en text not null,
    ring_seconds int not null default 20 check (ring_seconds between 5 and 120),
    position int not null
);

create table queue_numbers (
    number text primary key,
    queue_id text not null references queues on delete cascade
);
comment on table queue_numbers is 'Called number to queue; a number that stands nowhere goes to the first queue by position.';

create table queue_members (
    queue_id text not null references queues on delete cascade,
    user_id bigint not null references agents on delete cascade,
    primary key (queue_id, user_id)
);
create index queue_members_user on queue_members (user_id);

create table call_types (
    code text primary key,
    name_zh text not null,
    name_en text not null,
    direction text not null check (direction in ('in', 'out')),
    position int not null
);

-- Customers ------------------------------------------------------------------------------------

-- All pairs of neighbouring characters, so that two Chinese characters find their rows by an index
-- in any locale (pg_trgm needs three, and sees no Chinese at all in the C locale).
create function search_pairs(said text) returns text[]
language sql immutable parallel safe strict as $$
    select coalesce(array_agg(distinct substr(said, place, 2)), '{}')
    from generate_series(1, length(said) - 1) as place
$$;

create function folded(said text) returns text
language sql immutable parallel safe strict as $$
    select lower(regexp_replace(said, '\s+', '', 'g'))
$$;

create table customers (
    customer_id bigint generated always as identity primary key,
    name text not null check (length(name) between 1 and 200),
    company_or_project text not null default '' check (length(company_or_project) <= 200),
    unit_or_address text not null default '' check (length(unit_or_address) <= 200),
    vip bool not null default false,
    notes text not null default '' check (length(notes) <= 4000),
    language text check (language in ('zh', 'en')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by bigint references users on delete set null,
    words text generated always as (folded(name || '|' || company_or_project || '|' || unit_or_address)) stored
);
create index customers_pairs on customers using gin (search_pairs(words));
comment on index customers_pairs is 'A part of a name, company, project, unit or address.';

create index customers_name on customers (lower(name) text_pattern_ops);
comment on index customers_name is 'A surname: one character is no pair.';

create table customer_numbers (
    number text not null check (length(number) between 1 and 64),
    customer_id bigint not null references customers on delete cascade,
    label text not null default '' check (length(label) <= 100),
    position int not null default 0,
    primary key (number, customer_id)
);
comment on column customer_numbers.number is 'E.164, or the bare digits of a number that has no E.164 form.';
create index customer_numbers_customer on customer_numbers (customer_id);
create index customer_numbers_start on customer_numbers (number text_pattern_ops);
comment on index customer_numbers_start is 'The first digits of a number, in any locale.';
create index customer_numbers_end on customer_numbers (reverse(number) text_pattern_ops);
comment on index customer_numbers_end is 'The last digits of a number.';

create view customer_records as
    select customer_id, name, company_or_project, unit_or_address, vip, notes, language, created_at, updated_at,
        (select coalesce(jsonb_agg(jsonb_build_array(n.number, n.label) order by n.position), '[]')
         from customer_numbers n where n.customer_id = c.customer_id) as numbers
    from customers c;

-- Calls ----------------------------------------------------------------------------------------

create table calls (
    call_id text primary key check (length(call_id) between 1 and 150),
    node text not null,
    queue_id text references queues,
    called_number text,
    caller_number text,
    caller_name text,
    place jsonb,
    carrier jsonb,
    customer_id bigint references customers on delete set null,
    agent_id bigint references users,
    status text not null
        check (status in ('waiting', 'offered', 'talking', 'abandoned', 'answered', 'closed', 'failed')),
    arrived_at timestamptz not null,
    queued_at timestamptz,
    offered_at timestamptz,
    ringing_at timestamptz,
    answered_at timestamptz,
    ended_at timestamptz,
    outcome_at timestamptz,
    rings int not null default 0 check (rings >= 0),
    agent_rings int not null default 0 check (agent_rings >= 0),
    waiting_seconds numeric(10, 3) check (waiting_seconds >= 0),
    ringing_seconds numeric(10, 3) check (ringing_seconds >= 0),
    talking_seconds numeric(10, 3) check (talking_seconds >= 0),
    holding_seconds numeric(10, 3) check (holding_seconds >= 0),
    wrapup_seconds numeric(10, 3) check (wrapup_seconds >= 0),
    offers int not null default 0 check (offers >= 0),
    hung_up_by text check (hung_up_by in ('caller', 'agent', 'system')),
    hangup_cause int,
    through text not null default 'service' check (through in ('service', 'fallback')),
    call_type text references call_types,
    notes text,
    next_step text check (next_step in
        ('none', 'callback', 'transfer_department', 'refer_up', 'site_visit', 'follow_up')),
    outcome_by bigint references users,
    updated_at timestamptz not null default now()
);
comment on column calls.place is 'Where the number comes from: {"zh": …, "en": …}.';
comment on column calls.place is 'Where the number is from: {"zh", "en"}; so is the carrier.';
comment on column calls.caller_number is 'E.164, or as given when it has no such form; null when anonymous.';
create index calls_arrived on calls (arrived_at desc, call_id desc);
create index calls_customer on calls (customer_id, arrived_at desc) where customer_id is not null;
comment on index calls_customer is 'A customer''s calls; calls of strangers are not looked up this way.';
create index calls_agent on calls (agent_id, arrived_at desc) where agent_id is not null;
comment on index calls_agent is 'An agent''s calls; calls nobody answered are not looked up this way.';
create index calls_number on calls (caller_number, arrived_at desc) where caller_number is not null;
comment on index calls_number is 'Calls from a number; anonymous calls are not looked up this way.';
create index calls_open on calls (status) where status in ('waiting', 'offered', 'talking');
comment on index calls_open is 'Calls in progress: a handful among millions, read when a service starts.';

create table call_events (
    event_id text not null,
    call_id text not null,
    kind text not null,
    at timestamptz not null,
    body jsonb not null default '{}',
    call_started_at timestamptz not null,
    recorded_at timestamptz not null default now(),
    primary key (event_id, call_started_at)
) partition by range (call_started_at);
comment on column call_events.call_started_at is 'Read from the call id: the same however often, and by whomever, the event is told.';
create index call_events_call on call_events (call_id, at);
create table call_events_default partition of call_events default;
comment on table call_events_default is 'Events of a month nobody made a partition for; stays empty while the service runs.';

-- Makes the partitions of the months from last month to `months_ahead` after now's month (UTC).
-- Any number of replicas may call it at once. Rows that fell into the default partition move home.
create function ensure_partitions(now_at timestamptz, months_ahead int) returns int
language plpgsql as $$
declare
    first_day date := date_trunc('month', now_at at time zone 'UTC');
    month_start date;
    partition_name text;
    made int := 0;
begin
    perform pg_advisory_xact_lock(hashtext('callcenter.ensure_partitions'));
    for step in -1 .. months_ahead loop
        month_start := first_day + make_interval(months => step);
        partition_name := 'call_events_' || to_char(month_start, 'YYYY_MM');
        continue when to_regclass(partition_name) is not null;
        execute format('create table %I (like call_events including defaults)', partition_name);
        execute format(
            'with moved as (delete from call_events_default where call_started_at >= %L and call_started_at < %L returning *)
             insert into %I select * from moved',
            month_start || ' 00:00Z', (month_start + interval '1 month')::date || ' 00:00Z', partition_name);
        execute format(
            'alter table call_events attach partition %I for values from (%L) to (%L)',
            partition_name, month_start || ' 00:00Z', (month_start + interval '1 month')::date || ' 00:00Z');
        made := made + 1;
    end loop;
    return made;
end
$$;

create table ring_backs (
    ring_back_id bigint generated always as identity primary key,
    number text not null,
    customer_id bigint references customers on delete set null,
    call_id text not null,
    call_count int not null default 1 check (call_count >= 1),
    first_at timestamptz not null,
    last_at timestamptz not null,
    state text not null default 'open' check (state in ('open', 'done')),
    done_at timestamptz,
    done_by bigint references users,
    done_note text check (length(done_note) <= 4000),
    answered_by_call text,
    check ((state = 'done') = (done_at is not null))
);
create unique index ring_backs_open on ring_backs (number) where state = 'open';
comment on index ring_backs_open is 'However often somebody rang in vain, he is rung back once.';
create index ring_backs_last on ring_backs (state, last_at desc);

-- Audit ----------------------------------------------------------------------------------------

create table audit_log (
    audit_id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    user_id bigint,
    username text not null default '',
    action text not null,
    object_kind text not null default '',
    object_id text not null default '',
    detail jsonb not null default '{}',
    address text not null default ''
);
create index audit_log_object on audit_log (object_kind, object_id, at desc);
create index audit_log_user on audit_log (user_id, at desc);

create function refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception 'table % only grows', tg_table_name using errcode = 'integrity_constraint_violation';
end
$$;
create trigger audit_log_only_grows before update or delete or truncate on audit_log
    for each statement execute function refuse_change();

select ensure_partitions(now(), 2);
