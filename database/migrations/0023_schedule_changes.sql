-- A flight may get other times, and its customers are asked to accept them.
alter table bookings add column schedule_change text collate "C";
comment on column bookings.schedule_change is
    'Times that the customer agreed to, times now, and the end of the time to answer; JSON. Null: no change awaits one';
