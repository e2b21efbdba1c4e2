-- The passengers of a booking.
alter table bookings add column passengers text;
comment on column bookings.passengers is
    'The passengers as JSON, with sealed names and dates of birth; null: not named';
-- Without statistics, no sample of a name that is erased stays in the catalogue.
alter table bookings alter column passengers set statistics 0;
alter table bookings add column split_from uuid;
comment on column bookings.split_from is 'Booking that it was a part of; null: made for itself';
