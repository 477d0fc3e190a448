-- What an administrator sets ---------------------------------------------------------------------

create table hours (
    hours_id text primary key check (hours_id ~ '^[a-z0-9_]{1,40}$'),
    position int not null,
    settings jsonb not null
);
comment on column hours.settings is 'callcenter.configuration.model.Hours without its id; so are the other settings columns here.';

alter table queues add column settings jsonb not null default '{}';
alter table queues add column hours_id text references hours;
alter table queues add column removed_at timestamptz;
comment on column queues.settings is 'callcenter.configuration.model.Queue without what has columns or tables of its own.';
comment on column queues.ring_seconds is 'Of the release before; settings say how many rings an offer has.';
comment on column queues.removed_at is 'When an administrator removed it: past calls keep its name, nothing else does.';
update queues set settings = jsonb_build_object('offer_rings', least(20, greatest(1, round(ring_seconds / 5.0))));

-- A hotline has a line from the first day; it is everybody's, as a new queue is.
with made as (
    insert into queues (queue_id, name_zh, name_en, position)
    select 'service', '客服热线', 'Service hotline', 0 where not exists (select from queues)
    returning queue_id
)
insert into queue_members (queue_id, user_id) select queue_id, user_id from made, agents;

create table menus (
    menu_id text primary key check (menu_id ~ '^[a-z0-9_]{1,40}$'),
    position int not null,
    settings jsonb not null
);

alter table queue_numbers alter column queue_id drop not null;
alter table queue_numbers add column menu_id text references menus on delete cascade;
delete from queue_numbers where number !~ '^\+?[0-9]{2,20}$';
alter table queue_numbers add constraint queue_numbers_dialled check (number ~ '^\+?[0-9]{2,20}$');
alter table queue_numbers add constraint queue_numbers_one_way check (num_nonnulls(queue_id, menu_id) = 1);
comment on constraint queue_numbers_dialled on queue_numbers is 'What nobody can dial led nowhere, and is gone.';
comment on table queue_numbers is 'Called number to queue or menu; a number that stands nowhere goes to the first queue by position.';

alter table queue_members add column opens_after_seconds int not null default 0 check (opens_after_seconds >= 0);

create table skills (
    skill_id text primary key check (skill_id ~ '^[a-z0-9_]{1,40}$'),
    name_zh text not null,
    name_en text not null,
    position int not null
);

create table agent_skills (
    user_id bigint not null references agents on delete cascade,
    skill_id text not null references skills on delete cascade,
    level int not null check (level between 1 and 10),
    primary key (user_id, skill_id)
);
create index agent_skills_skill on agent_skills (skill_id);

create table pause_reasons (
    code text primary key check (code ~ '^[a-z0-9_]{1,40}$'),
    name_zh text not null,
    name_en text not null,
    productive bool not null default false,
    longest_seconds int check (longest_seconds between 60 and 86400),
    position int not null
);
insert into pause_reasons (code, name_zh, name_en, productive, longest_seconds, position) values
    ('break', '小休', 'Break', false, 900, 1),
    ('meal', '用餐', 'Meal', false, 3600, 2),
    ('meeting', '会议', 'Meeting', true, null, 3),
    ('training', '培训', 'Training', true, null, 4),
    ('other', '其他', 'Other', false, null, 5);

create table routing_settings (
    only_one bool primary key default true check (only_one),
    revision bigint not null default 1,
    settings jsonb not null default '{}'
);
comment on table routing_settings is 'callcenter.configuration.model.General; the row that every change locks first.';
comment on column routing_settings.revision is 'Counts the changes of all that is set, and of the staff.';
insert into routing_settings default values;

create table blocked_callers (
    number text primary key check (length(number) between 1 and 64),
    reason text not null check (length(btrim(reason)) between 1 and 200),
    blocked_until timestamptz,
    created_at timestamptz not null default now(),
    created_by bigint references users on delete set null
);
comment on column blocked_callers.number is 'E.164, or the bare digits of a number that has no E.164 form.';
comment on column blocked_callers.blocked_until is 'Null: until somebody lifts it.';

create table prompts (
    name text not null check (name ~ '^[a-z0-9_]{1,80}$'),
    language text not null check (language in ('zh', 'en')),
    text text check (length(text) between 1 and 1000),
    recording bytea,
    recorded_at timestamptz,
    primary key (name, language),
    check (num_nonnulls(text, recording) > 0)
);
comment on table prompts is 'What differs from the built-in words: other words, or a recording by a person (WAV, 8 kHz, mono, 16 bit).';

-- Live facts that history keeps ------------------------------------------------------------------

create table agent_events (
    event_id text not null,
    user_id bigint not null,
    at timestamptz not null,
    from_state text not null,
    to_state text not null,
    move text not null,
    reason text,
    call_id text,
    online bool not null,
    recorded_at timestamptz not null default now(),
    primary key (event_id, at)
);
create index agent_events_agent on agent_events (user_id, at desc);
create index agent_events_at on agent_events using brin (at);
comment on table agent_events is 'Each change of an agent''s state or of his phone''s being there; it answers "why did nobody ring?" for any moment.';

create table roster_versions (
    at timestamptz primary key default clock_timestamp(),
    revision bigint not null,
    roster jsonb not null
);
comment on table roster_versions is 'What was set, and who served it, from this moment on.';

alter table calls drop constraint calls_status_check;
alter table calls add constraint calls_status_check check (status in
    ('menu', 'waiting', 'offered', 'talking', 'callback', 'abandoned', 'answered', 'closed', 'failed',
     'blocked', 'message', 'passed_on'));
alter table calls add column menu_keys text not null default '' check (length(menu_keys) <= 40);
alter table calls add column priority int not null default 0;
alter table calls add column callback_number text;
alter table calls add column callback_at timestamptz;
alter table calls add column callback_attempts int not null default 0 check (callback_attempts >= 0);
alter table calls add column left_at timestamptz;
alter table calls add column abandoned_in text check (abandoned_in in ('menu', 'queue', 'ringing'));
alter table calls add column passed_on_to text;
comment on column calls.menu_keys is 'The keys pressed in menus, in order.';
comment on column calls.callback_at is 'When the caller gave up the line and kept his place.';
comment on column calls.left_at is 'When the line on which he called was over, where that is not the end of the call (callbacks).';
comment on column calls.passed_on_to is 'The number or queue an overflow led to.';
create index calls_callbacks on calls (callback_at) where status = 'callback';
comment on index calls_callbacks is 'Callers who keep their place without a line: read when the live queue was lost.';

alter table ring_backs add column kind text not null default 'abandoned'
    check (kind in ('abandoned', 'message', 'callback_failed', 'node_lost'));
alter table ring_backs add column queue_id text references queues on delete set null;

create table messages (
    call_id text primary key,
    number text,
    seconds numeric(8, 2) not null check (seconds >= 0),
    recording bytea not null,
    recorded_at timestamptz not null,
    heard_at timestamptz,
    heard_by bigint references users on delete set null
);
comment on table messages is 'What callers left to say (WAV, 8 kHz, mono); the task to ring them back is in ring_backs.';
