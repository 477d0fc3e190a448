-- Who is signed in, for the time when Redis has lost everything; while Redis knows, nobody looks here.
create table sessions (
    token_id text primary key,
    user_id bigint not null references users on delete cascade,
    csrf_token text not null,
    expires_at timestamptz not null
);
comment on column sessions.token_id is 'SHA-256 of the token, which is in the browser''s cookie and nowhere else.';
create index sessions_user on sessions (user_id);
create index sessions_expires on sessions (expires_at);
