-- Bookings by the family names of their passengers, written with the view in each block.
create table passenger_names (
    lookup     bytea not null,
    booking_id uuid  not null,
    primary key (lookup, booking_id)
);
create index passenger_names_by_booking on passenger_names (booking_id);
-- Samples of what is deleted must not stay behind in the planner's statistics.
alter table passenger_names alter column lookup set statistics 0;
comment on table passenger_names is 'Bookings by family names of passengers; rows of an erased person are deleted';
comment on column passenger_names.lookup is
    'HMAC-SHA256 of the family name without case and accents, under a key derived from the master key';
comment on column passenger_names.booking_id is 'A booking with a passenger of that family name';
grant select, insert, delete on passenger_names to seatledger_writer;
