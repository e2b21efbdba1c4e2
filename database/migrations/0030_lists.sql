-- Bookings in the order of their last change, all of them and those of a user.
create index bookings_by_change on bookings (updated_at, id);
create index bookings_by_user_and_change on bookings (user_id, updated_at, id);
create index bookings_by_payment on bookings (payment_id) where payment_id is not null;
