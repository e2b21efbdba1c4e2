-- Pages of a user's bookings in the order of changes read all of them, up to a limit, by bookings_by_user.
drop index bookings_by_user_and_change;
