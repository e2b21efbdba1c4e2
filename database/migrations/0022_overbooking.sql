-- A flight may be sold beyond its seats, by a number that an operator sets.
alter table seats add column overbooking integer not null default 0;
alter table seats add constraint seats_overbooking_check check (overbooking >= 0);
alter table seats drop constraint seats_check;
alter table seats add constraint seats_check check (held + booked <= seats + overbooking);
comment on column seats.overbooking is 'Seats that may be sold beyond those of the aircraft';
alter table flights add column overbooking integer not null default 0;
comment on column flights.overbooking is 'Seats that may be sold beyond those of the aircraft';
alter table audited_seats add column overbooking integer not null default 0;
-- Facts of earlier builds have no overbooked flight, so the column needs no rebuild.
do $$
declare
    built record;
begin
    for built in select projection, build from facts_builds where projection = 'seat_changes' loop
        execute format('alter table %I add column overbooking_change integer not null default 0',
            format('facts_%s_%s', built.projection, built.build));
        execute format('create or replace view analytics_seat_changes as select position, recorded_at, flight_id,'
            ' booking_id, topic, seats_change, held_change, booked_change, overbooking_change from %I',
            (select format('facts_%s_%s', projection, build) from facts_builds
                where projection = 'seat_changes' and live));
        execute format('comment on column %I.overbooking_change is %L',
            format('facts_%s_%s', built.projection, built.build),
            'Change of the seats that may be sold beyond those of the aircraft');
        comment on column analytics_seat_changes.overbooking_change is
            'Change of the seats that may be sold beyond those of the aircraft';
    end loop;
    update facts_builds set version = 2 where projection = 'seat_changes';
end $$;
