-- Computed from call_events as calls are (calls/legs.py): what each of a call's agents did.
create table call_legs (
    call_id text not null check (length(call_id) between 1 and 150),
    agent_id bigint not null references users on delete cascade,
    offer_id text not null,
    offered_at timestamptz,
    rang_at timestamptz,
    answered_at timestamptz,
    ended_at timestamptz,
    talking_seconds double precision not null default 0,
    holding_seconds double precision not null default 0,
    consulting_seconds double precision not null default 0,
    ended_as text check (ended_as in ('missed', 'transferred', 'consulted', 'taken_away', 'ended')),
    primary key (call_id, offer_id, agent_id)
);
-- An agent's day.
create index call_legs_of_agents on call_legs (agent_id, answered_at) where answered_at is not null;

insert into call_legs (call_id, agent_id, offer_id, offered_at, rang_at, answered_at, ended_at, talking_seconds,
    holding_seconds, ended_as)
select call_id, agent_id, call_id, offered_at, ringing_at, answered_at, ended_at, talking_seconds, holding_seconds,
    case when ended_at is not null then 'ended' end
from calls where agent_id is not null and answered_at is not null;
