-- Itineraries: bookings that are made and paid together, found by their itinerary and, in lists, by its user.
alter table bookings add column itinerary_id uuid;
create index bookings_by_itinerary on bookings (itinerary_id, id) where itinerary_id is not null;
create index itineraries_by_user on bookings (user_id, itinerary_id) where itinerary_id is not null;
comment on column bookings.itinerary_id is 'Itinerary whose bookings are made and paid together; null: none';
