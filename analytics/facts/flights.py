"""Flight facts: one row per flight."""

from analytics.facts.projection import Column, Projection, streams

_TOPICS = "e.topic like 'flight.%%'"

FLIGHTS = Projection(
    name="flights",
    version=5,
    comment="One row per flight, as of the checkpoint",
    topics=("flight.%",),
    columns=(
        Column("flight_id", "uuid not null", "The flight"),
        Column("number", 'text collate "C" not null', "Flight number, like BA117", True),
        Column(
            "carrier",
            'text collate "C" not null',
            "IATA code of the airline: the first two characters of the number",
            True,
        ),
        Column("origin", 'text collate "C" not null', "IATA code of the departure airport", True),
        Column("destination", 'text collate "C" not null', "IATA code of the arrival airport", True),
        Column("departs_at", "timestamptz not null", "Current departure"),
        Column("arrives_at", "timestamptz not null", "Current arrival"),
        Column(
            "departure_day",
            "date not null",
            "Departure day as printed on the ticket, local at the origin",
        ),
        Column("seats", "integer not null", "Current seats"),
        Column(
            "price_amount", "bigint not null", "Current price of a seat, in minor units of price_currency"
        ),
        Column("price_currency", 'text collate "C" not null', "ISO 4217 code"),
        Column("scheduled_at", "timestamptz not null", "Time of scheduling"),
        Column("cancelled_at", "timestamptz", "Time of the cancellation; null if not cancelled"),
        Column("version", "integer not null", "Number of its events"),
        Column("position", "bigint not null", "Position of its last event in the log"),
        Column("departed_at", "timestamptz", "Time at which the departure was recorded; null if it was not"),
        Column("overbooking", "integer not null", "Seats that may be sold beyond those of the aircraft"),
        Column("departs_at_scheduled", "timestamptz not null", "Departure as first scheduled"),
        Column("retimed_at", "timestamptz", "Time of the last change of its times; null if never"),
        Column(
            "price_parts",
            'text collate "C"',
            "Fare, taxes and fees of price_amount, in minor units by code, as JSON; null: not listed",
        ),
    ),
    key="flight_id",
    stream="flight_id",
    indexes=("(origin, destination, departs_at)", "(carrier, departs_at)", "(departs_at)"),
    streams=streams(_TOPICS),
    rows="""
    folded as (
        select originator_id as id, max(originator_version) as version, max(position) as position,
            (array_agg(state) filter (where originator_version = 1))[1] as first,
            min(recorded_at) as scheduled_at,
            (array_agg((state ->> 'seats')::integer order by originator_version desc)
                filter (where topic in ('flight.scheduled', 'flight.seats_changed')))[1] as seats,
            (array_agg((state ->> 'seats')::integer order by originator_version desc)
                filter (where topic = 'flight.overbooking_changed'))[1] as overbooking,
            (array_agg(state -> 'price' order by originator_version desc)
                filter (where state ? 'price'))[1] as price,
            (array_agg(state order by originator_version desc)
                filter (where topic = 'flight.retimed'))[1] as retimed,
            max(recorded_at) filter (where topic = 'flight.retimed') as retimed_at,
            min(recorded_at) filter (where topic = 'flight.cancelled') as cancelled_at,
            min(recorded_at) filter (where topic = 'flight.departed') as departed_at
        from stream group by originator_id
    )
    select f.id, first ->> 'number', left(first ->> 'number', 2), first ->> 'origin',
        first ->> 'destination',
        coalesce(retimed -> 'now' ->> 'departs_at', first ->> 'departs_at')::timestamptz,
        coalesce(retimed -> 'now' ->> 'arrives_at', first ->> 'arrives_at')::timestamptz,
        coalesce(retimed ->> 'departure_day', first ->> 'departure_day')::date, f.seats,
        (f.price ->> 'amount')::bigint, f.price ->> 'currency', f.scheduled_at, f.cancelled_at,
        f.version, f.position, f.departed_at, coalesce(f.overbooking, 0),
        (first ->> 'departs_at')::timestamptz, f.retimed_at, (f.price -> 'parts')::text
    from folded as f
    """,
)
