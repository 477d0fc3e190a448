-- By what a call is judged, as it was set when the call came into its queue.
alter table calls add column target_ring int check (target_ring >= 1);
alter table calls add column response_seconds int check (response_seconds >= 0);
comment on column calls.target_ring is 'The last ring in which an answer was in time; null: the call came into no line.';
comment on column calls.response_seconds is 'Within so many seconds an answer met the second target.';

create index call_events_missed on call_events (at) where kind = 'missed';
comment on index call_events_missed is 'Missed offers: a few a day among many facts, counted on every board.';
