-- Pending payments are few, and listed by who waits for them.
create index bookings_pending on views.bookings (id) where status = 'pending';
