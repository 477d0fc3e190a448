-- What supervisors tell agents on their desks, until each has clicked it away.
create table desk_messages (
    message_id bigint generated always as identity primary key,
    text text not null check (length(text) between 1 and 500),
    sent_at timestamptz not null default now(),
    sent_by bigint references users on delete set null,
    to_all boolean not null
);
comment on column desk_messages.to_all is 'To everybody who was signed in, and to those who come later in the shift.';
create index desk_messages_sent_at on desk_messages (sent_at);

create table desk_message_readers (
    message_id bigint not null references desk_messages on delete cascade,
    user_id bigint not null references users on delete cascade,
    seen_at timestamptz,
    primary key (message_id, user_id)
);
comment on table desk_message_readers is 'To whom a message was sent; one who came later and saw it, too.';
create index desk_message_readers_user on desk_message_readers (user_id);
