"""Payment facts: one row per payment, and for an itinerary one row for the share of each booking."""

from analytics.facts.projection import Column, Projection, by_time, touched_streams

_TOPICS = "e.topic like 'booking.%%'"
# Most bookings of a batch are new, and have no payment yet.
_TOUCHES = f"{_TOPICS} and e.topic <> 'booking.initiated'"

PAYMENTS = Projection(
    name="payments",
    version=4,
    comment="One row per payment and booking, as of the checkpoint; its refunds are in refunds",
    topics=("booking.%",),
    columns=(
        Column("payment_id", "uuid not null", "The payment; bookings of one itinerary share it"),
        Column("booking_id", "uuid not null", "The booking it is for, in bookings"),
        Column("flight_id", "uuid not null", "The booking's current flight, in flights"),
        Column("seats", "smallint not null", "Seats of the booking when the payment started"),
        Column("amount", "bigint not null", "Amount for the booking, in minor units of currency"),
        Column("currency", 'text collate "C" not null', "ISO 4217 code"),
        Column(
            "capture", 'text collate "C" not null', "automatic (taken at once) or manual (authorised first)"
        ),
        Column("gateway", 'text collate "C"', "Payment gateway; null if the caller vouches for the payment"),
        Column(
            "status",
            'text collate "C" not null',
            "pending, captured (money received), declined, voided, lapsed (the booking ended first)",
        ),
        Column("reason", 'text collate "C"', "Decline code of the gateway, if any", True),
        Column("started_at", "timestamptz not null", "Start of the payment"),
        Column(
            "authorised_at", "timestamptz", "Time of the authorisation; null if unknown or not authorised"
        ),
        Column("captured_at", "timestamptz", "Time of the capture; null if not captured"),
        Column("failed_at", "timestamptz", "Time when it was declined, voided or lapsed; null otherwise"),
        Column("position", "bigint not null", "Position of its last event in the log"),
        Column("itinerary_id", "uuid", "The itinerary that it pays for; null: a single booking"),
        Column(
            "share_id",
            "uuid not null",
            "The share of the booking in the payment: payment_id, unless it pays for an itinerary",
        ),
    ),
    key="share_id",
    stream="booking_id",
    indexes=(by_time("started_at", "captured_at"), "(flight_id)", "(booking_id)", "(payment_id)"),
    streams=touched_streams(_TOUCHES, _TOPICS),
    rows="""
    numbered as (
        -- Each event belongs to the booking's latest payment; events before the first payment have number 0.
        select *, topic in ('booking.payment_pending', 'booking.payment_requested') as starts,
            count(*) filter (where topic in ('booking.payment_pending', 'booking.payment_requested')) over w
                as number,
            min((state ->> 'seats')::smallint) over w as seats,
            first_value(state ->> 'flight_id') over latest as flight_id,
            first_value(state ->> 'itinerary_id') over w as itinerary_id
        from stream window w as (partition by originator_id order by originator_version),
            latest as (partition by originator_id
                order by state ->> 'flight_id' is null, originator_version desc)
    ), folded as (
        select originator_id, number, max(position) as position, min(flight_id) as flight_id,
            min(itinerary_id) as itinerary_id,
            (array_agg(state) filter (where starts))[1] as begun, min(recorded_at) as started_at,
            max(seats) as seats,
            min(recorded_at) filter (where topic in (
                'booking.payment_pending', 'booking.payment_authorised')) as authorised_at,
            min(recorded_at) filter (where topic = 'booking.booked'
                or topic = 'booking.refund_due' and state ->> 'reason' = 'late_payment') as captured_at,
            min(recorded_at) filter (where topic = 'booking.payment_declined') as declined_at,
            min(recorded_at) filter (where topic in (
                'booking.payment_voided', 'booking.payment_released')) as voided_at,
            -- The reason of a void is free text about a person, so analysts do not see it.
            max(state ->> 'code') filter (where topic = 'booking.payment_declined') as reason,
            max(originator_version) filter (where starts or topic = 'booking.reseated') as live_version,
            max(originator_version) filter (where topic = 'booking.cancelled') as cancelled_version,
            max(recorded_at) filter (where topic = 'booking.cancelled') as cancelled_at
        from numbered where number > 0 group by originator_id, number
    ), classified as (
        select *, case when captured_at is not null then 'captured'
            when declined_at is not null then 'declined'
            when voided_at is not null then 'voided' when cancelled_version > live_version then 'lapsed'
            else 'pending' end as status
        from folded
    )
    select (begun ->> 'payment_id')::uuid, j.originator_id, j.flight_id::uuid, j.seats,
        (begun -> 'amount' ->> 'amount')::bigint, begun -> 'amount' ->> 'currency', begun ->> 'capture',
        begun ->> 'gateway', j.status, case j.status when 'declined' then j.reason end,
        j.started_at, j.authorised_at, j.captured_at,
        case j.status when 'declined' then j.declined_at when 'voided' then j.voided_at
            when 'lapsed' then j.cancelled_at end,
        j.position, j.itinerary_id::uuid,
        case when j.itinerary_id is null then (begun ->> 'payment_id')::uuid
            else md5((begun ->> 'payment_id') || j.originator_id)::uuid end
    from classified as j
    """,
)
