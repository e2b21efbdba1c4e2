-- A flight departs when it is recorded, and a booking is then recorded as flown or as a no-show.
alter table flights add column departed_at timestamptz;
comment on column flights.departed_at is 'Time at which the departure was recorded; null: not yet';
alter table bookings add column travel text collate "C";
comment on column bookings.travel is 'What became of it after the departure: flown or no_show; null: not recorded';
