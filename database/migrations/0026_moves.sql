-- A booking may be moved to another flight. The log finds the bookings that were moved away from a flight.
create index moves_by_flight on events (((state::jsonb ->> 'from_flight_id')::uuid)) where topic = 'booking.moved';
