create index calls_strangers on calls (caller_number, arrived_at desc)
    where customer_id is null and caller_number is not null;
comment on index calls_strangers is 'Calls of somebody who was made a customer later.';

create index ring_backs_customer on ring_backs (customer_id, first_at desc) where customer_id is not null;
create index ring_backs_strangers on ring_backs (number, first_at desc) where customer_id is null;
comment on index ring_backs_strangers is 'Tasks of somebody who was made a customer later.';

create index messages_number on messages (number, recorded_at desc);

create index customer_files_removed on customer_files (removed_at) where removed_at is not null;
comment on index customer_files_removed is 'Whose content is to be erased.';
