-- Scripts and answers (TEL-11, TEL-41, TRN-06) -----------------------------------------------------

create table knowledge_categories (
    category_id text primary key check (category_id ~ '^[a-z0-9_-]{1,40}$'),
    name_zh text not null check (length(name_zh) between 1 and 40),
    name_en text not null check (length(name_en) between 1 and 40),
    position int not null,
    shipped bool not null default false
);
comment on column knowledge_categories.shipped is 'One of the handbooks'' (TEL-41): it can be named anew, not removed.';

create table knowledge_articles (
    article_id bigint generated always as identity primary key,
    kind text not null check (kind in ('script', 'answer')),
    category text not null references knowledge_categories,
    title text not null check (length(title) between 1 and 120),
    body text not null check (length(body) between 1 and 20000),
    keywords text not null default '' check (length(keywords) <= 200),
    call_types text[] not null default '{}' check (cardinality(call_types) <= 40),
    queues text[] not null default '{}' check (cardinality(queues) <= 40),
    valid_from date,
    valid_until date,
    state text not null default 'draft' check (state in ('draft', 'published', 'retired')),
    source text not null default '' check (length(source) <= 200),
    initials text not null default '' check (length(initials) <= 600),
    version int not null default 1 check (version >= 1),
    updated_at timestamptz not null default now(),
    updated_by bigint references users on delete set null,
    title_words text generated always as (folded(title || '|' || keywords || '|' || initials)) stored,
    words text generated always as (folded(title || '|' || keywords || '|' || initials || '|' || body)) stored,
    check (valid_until is null or valid_from is null or valid_until >= valid_from)
);
create index knowledge_articles_category on knowledge_articles (category);
create index knowledge_articles_pairs on knowledge_articles using gin (search_pairs(words));
comment on column knowledge_articles.source is 'The handbooks'' rules that a shipped article follows.';
comment on column knowledge_articles.initials is 'First letters of the title''s pinyin: what an agent types for 道歉语 is dqy.';
comment on column knowledge_articles.queues is 'With call_types, the calls that it is meant for; both empty: all. A queue may be gone since.';

create table knowledge_versions (
    article_id bigint not null references knowledge_articles on delete cascade,
    version int not null,
    at timestamptz not null,
    by_user bigint references users on delete set null,
    kind text not null,
    category text not null,
    title text not null,
    body text not null,
    keywords text not null,
    call_types text[] not null,
    queues text[] not null,
    valid_from date,
    valid_until date,
    state text not null,
    primary key (article_id, version)
);
comment on table knowledge_versions is 'All that each article has said; the last is what it says now.';

create table knowledge_opens (
    article_id bigint not null references knowledge_articles on delete cascade,
    day date not null,
    opens int not null,
    primary key (article_id, day)
);
comment on table knowledge_opens is 'How often an article was opened on a day of the department.';
