-- Call types and their forms (requirements 4.2, 4.3; REC-01 to REC-10, TEL-17) -----------------------

alter table call_types
    add column active bool not null default true,
    add column shipped bool not null default false;
update call_types set shipped = true;
comment on column call_types.active is 'Switched off: no new call gets it; those that have it keep it.';
comment on column call_types.shipped is 'From the handbooks; it can be renamed and switched off, its direction stays.';

create table call_forms (
    call_type text not null references call_types,
    version int not null check (version >= 1),
    definition jsonb not null,
    made_at timestamptz not null default now(),
    made_by bigint references users on delete set null,
    primary key (call_type, version)
);
comment on table call_forms is 'What is asked of a call of a type. A version never changes: outcomes are read by the one they were filled in with.';

create table form_settings (
    only_one bool primary key default true check (only_one),
    revision bigint not null default 1,
    words jsonb not null default '{}'
);
comment on column form_settings.revision is 'Counts the changes of call types, forms and words; replicas read them again when it differs.';
comment on column form_settings.words is 'What agents say first and last, by queue (TEL-07 to TEL-10, TEL-20).';
insert into form_settings default values;

-- Outcomes --------------------------------------------------------------------------------------------

create table outcome_drafts (
    call_id text not null check (length(call_id) between 1 and 150),
    user_id bigint not null references users on delete cascade,
    draft jsonb not null,
    written_at timestamptz not null,
    primary key (call_id, user_id)
);
comment on table outcome_drafts is 'What an agent has written of a call and not saved yet; the call''s outcome takes it away.';
create index outcome_drafts_written on outcome_drafts (written_at);

alter table calls
    add column sub_type text,
    add column form_version int,
    add column form_fields jsonb,
    add column read_back jsonb,
    add column read_back_at timestamptz,
    add column outcome_complete bool;
comment on column calls.form_fields is 'Field code to value, as the version form_version of the call type''s form asks for them.';
comment on column calls.read_back is 'What was read back to the caller: codes of the form''s checklist (TEL-17, REC-02).';
comment on column calls.outcome_complete is 'All that the form requires is there; false: it was saved while no form was known.';
create index calls_unwritten on calls (agent_id, arrived_at desc) where outcome_at is null and answered_at is not null;
comment on index calls_unwritten is 'Calls that an agent has not written down: few among millions.';
