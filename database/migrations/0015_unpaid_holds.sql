-- The seats that a user holds without a payment are counted before each new hold.
create index unpaid_holds_by_user on views.bookings (user_id, held_until) where status = 'initiated';
