-- Nearly every update of a booking changes an indexed column, so it cannot use space kept free in its page.
alter table views.bookings reset (fillfactor);
