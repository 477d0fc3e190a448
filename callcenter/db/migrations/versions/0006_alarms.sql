create table alarms (
    alarm_id bigint generated always as identity primary key,
    key text not null,
    kind text not null check (kind in
        ('waiting', 'longest_wait', 'service_level', 'abandoned', 'no_agent', 'node_lost')),
    subject text not null,
    value double precision,
    threshold double precision,
    raised_at timestamptz not null,
    cleared_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by bigint references users on delete set null,
    unique (key, raised_at)
);
comment on table alarms is 'What supervisors were told was wrong; those that are open stand in Redis too (cc:alarms).';
comment on column alarms.subject is 'The queue''s id, or the node''s name; the queue may have been removed since.';
comment on column alarms.value is 'What it was when the alarm was raised.';
create unique index alarms_open on alarms (key) where cleared_at is null;
comment on index alarms_open is 'One open alarm of a kind for a queue or node.';
create index alarms_raised on alarms (raised_at desc, alarm_id desc);

create table alarm_notices (
    alarm_id bigint not null references alarms on delete cascade,
    what text not null check (what in ('raised', 'cleared')),
    due_at timestamptz not null default now(),
    tries int not null default 0 check (tries >= 0),
    delivered_at timestamptz,
    given_up_at timestamptz,
    primary key (alarm_id, what)
);
comment on table alarm_notices is 'What the webhook is told; a row without delivered_at and given_up_at is tried again.';
create index alarm_notices_due on alarm_notices (due_at) where delivered_at is null and given_up_at is null;

create index calls_given_up on calls (ended_at) where status = 'abandoned';
comment on index calls_given_up is 'Callers who gave up of late: read every few seconds for the alarm.';
