"""Seat change facts: one row per event that changed the seat counts of a flight, two for a move."""

from analytics.facts.projection import Column, Projection, by_time, streams

_TOPICS = """e.topic in ('booking.initiated', 'booking.booked', 'booking.reseated', 'booking.cancelled',
    'booking.seats_reduced', 'booking.split', 'booking.payment_shared', 'booking.moved',
    'flight.scheduled', 'flight.seats_changed', 'flight.overbooking_changed')"""

SEAT_CHANGES = Projection(
    name="seat_changes",
    version=3,
    comment="One row per flight and event that changed its seat counts; sums up to a position are the counts",
    topics=("booking.%", "flight.%"),
    columns=(
        Column("position", "bigint not null", "Position of the event in the log"),
        Column("recorded_at", "timestamptz not null", "Time of the event"),
        Column("flight_id", "uuid not null", "The flight, in flights"),
        Column("booking_id", "uuid", "The booking, in bookings; null if the flight itself changed"),
        Column("topic", 'text collate "C" not null', "Topic of the event, like booking.booked"),
        Column("seats_change", "integer not null", "Change of the flight's seats"),
        Column("held_change", "integer not null", "Change of its held (unpaid) seats"),
        Column("booked_change", "integer not null", "Change of its booked seats"),
        Column(
            "overbooking_change",
            "integer not null default 0",
            "Change of the seats that may be sold beyond those of the aircraft",
        ),
        Column(
            "change_id",
            "bigint not null",
            "The change: twice the position, and one less for the flight that a moved booking leaves",
        ),
    ),
    key="change_id",
    stream=None,
    indexes=("(flight_id, position)", by_time("recorded_at")),
    streams=streams(_TOPICS),
    rows="""
    seated as (
        select *,
            -- The last turn so far: 1 held, 2 booked, 3 gone. Its version is the highest.
            max(originator_version * 4 + case topic when 'booking.initiated' then 1
                when 'booking.reseated' then 1 when 'booking.booked' then 2
                when 'booking.payment_shared' then 2
                when 'booking.cancelled' then 3 end) over w %% 4 as turn,
            -- The seats of a booking only decrease; a reseated booking has the same number again.
            -- Those of a flight are the last ones, which have the highest version.
            case when topic like 'flight.%%' then (max(originator_version * 4294967296
                    + (state ->> 'seats')::bigint) filter (where topic <> 'flight.overbooking_changed') over w
                    %% 4294967296)::integer
                else min((state ->> 'seats')::integer) over w end as seats,
            coalesce(max(originator_version * 4294967296 + (state ->> 'seats')::bigint)
                filter (where topic = 'flight.overbooking_changed') over w %% 4294967296, 0)::integer
                as overbooking,
            -- The latest flight so far: the one with the highest version.
            right(max(case when state ? 'flight_id' then lpad(originator_version::text, 10, '0')
                || (state ->> 'flight_id') end) over w, 36) as flight_id
        from stream window w as (partition by originator_id order by originator_version)
    ), counted as (
        select *, case when topic like 'flight.%%' then seats else 0 end as seats_now,
            case turn when 1 then seats else 0 end as held_now,
            case turn when 2 then seats else 0 end as booked_now
        from seated
    ), changed as (
        select *, seats_now - lag(seats_now, 1, 0) over w as seats_change,
            lag(held_now, 1, 0) over w as held_before, lag(booked_now, 1, 0) over w as booked_before,
            overbooking - lag(overbooking, 1, 0) over w as overbooking_change
        from counted window w as (partition by originator_id order by originator_version)
    )
    -- A booking that is moved gives all its seats back on the flight that it leaves.
    select position, recorded_at,
        case when topic like 'flight.%%' then originator_id
            when leaves then (state ->> 'from_flight_id')::uuid else flight_id::uuid end,
        case when topic like 'booking.%%' then originator_id end, topic, seats_change,
        case when leaves then 0 else held_now end
            - case when leaves or topic <> 'booking.moved' then held_before else 0 end,
        case when leaves then 0 else booked_now end
            - case when leaves or topic <> 'booking.moved' then booked_before else 0 end,
        overbooking_change, position * 2 - leaves::integer
    from changed join (values (false), (true)) as part (leaves) on not leaves or topic = 'booking.moved'
    where position > %(after)s
    """,
)
