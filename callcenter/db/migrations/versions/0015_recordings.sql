create table recordings (
    recording_id bigint generated always as identity primary key,
    call_id text not null check (length(call_id) <= 100),
    node text not null check (length(node) <= 20),
    started_at timestamptz not null,
    seconds double precision not null check (seconds > 0),
    bytes int not null check (bytes > 0),
    sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    format text not null default 'mp3',
    parts jsonb not null,
    peaks bytea not null,
    file text not null unique,
    taken_at timestamptz not null default now(),
    held_at timestamptz,
    held_by bigint references users on delete set null,
    hold_reason text check (length(hold_reason) <= 500),
    deleted_at timestamptz,
    deleted_by bigint references users on delete set null,
    deleted_by_name text not null default '',
    deleted_for text check (deleted_for in ('retention', 'by_hand', 'erasure')),
    delete_reason text check (length(delete_reason) <= 500),
    gone_at timestamptz,
    unique (call_id, started_at, node),
    check ((deleted_at is null) = (deleted_for is null)),
    check (deleted_at is null or held_at is null),
    check (gone_at is null or deleted_at is not null)
);
comment on table recordings is 'A row stays when its sound is deleted: it is the proof.';
comment on column recordings.parts is 'Stretches without a break: [{"started_at_ms", "seconds"}]; between two the recording was paused, or nobody talked.';
comment on column recordings.peaks is 'The waveform: so many bytes of the caller (left), then as many of the agent (right).';
comment on column recordings.file is 'Below CALLCENTER_RECORDINGS_DIR.';
comment on column recordings.held_at is 'Since then it is kept whatever the retention says, until somebody releases it.';
comment on column recordings.gone_at is 'When it was seen that the file is gone.';
create index recordings_newest on recordings (started_at desc, recording_id desc);
create index recordings_kept on recordings (started_at) where deleted_at is null;
comment on index recordings_kept is 'What the retention looks through.';
create index recordings_going on recordings (recording_id) where deleted_at is not null and gone_at is null;
comment on index recordings_going is 'Files that are still to be deleted: few.';
