"""Payments as facts: one row for each that was ever begun, and how far it came."""

from analytics.facts.projection import Column, Projection, streams

_TOPICS = "e.topic like 'booking.%%'"

PAYMENTS = Projection(
    name="payments",
    version=2,
    comment="One row per payment, as it stands at the checkpoint; refunds of it are in refunds",
    topics=("booking.%",),
    columns=(
        Column("payment_id", "uuid not null", "The payment"),
        Column("booking_id", "uuid not null", "The booking it is for, in bookings"),
        Column("flight_id", "uuid not null", "The booking's flight, in flights"),
        Column("seats", "smallint not null", "Seats it is for: those the booking had when it was begun"),
        Column("amount", "bigint not null", "What is paid, in minor units of currency"),
        Column("currency", 'text collate "C" not null', "ISO 4217 code"),
        Column(
            "capture", 'text collate "C" not null', "automatic (taken at once) or manual (authorised first)"
        ),
        Column("gateway", 'text collate "C"', "Who moves the money; null: the caller vouches for it"),
        Column(
            "status",
            'text collate "C" not null',
            "pending, captured (the money came), declined, voided, lapsed (the booking ended before)",
        ),
        Column("reason", 'text collate "C"', "Why it was declined, where the gateway said so"),
        Column("started_at", "timestamptz not null", "When it was begun"),
        Column("authorised_at", "timestamptz", "When it was authorised; null: it was not, or nobody said so"),
        Column("captured_at", "timestamptz", "When the money came; null: it did not"),
        Column("failed_at", "timestamptz", "When it was declined or voided, or lapsed; null: it was not"),
        Column("position", "bigint not null", "Position of its last event in the log"),
    ),
    key="payment_id",
    stream="booking_id",
    indexes=("(captured_at) where captured_at is not null", "(flight_id)", "(booking_id)", "(started_at)"),
    fold=f"""
    {streams(_TOPICS)}, numbered as (
        -- Each event belongs to the booking's latest payment; what came before the first has number 0.
        select *, topic in ('booking.payment_pending', 'booking.payment_requested') as starts,
            count(*) filter (where topic in ('booking.payment_pending', 'booking.payment_requested')) over w
                as number,
            min((state ->> 'seats')::smallint) over w as seats,
            first_value(state ->> 'flight_id') over w as flight_id
        from stream window w as (partition by originator_id order by originator_version)
    ), folded as (
        select originator_id, number, max(position) as position, min(flight_id) as flight_id,
            (array_agg(state) filter (where starts))[1] as begun, min(recorded_at) as started_at,
            max(seats) as seats,
            min(recorded_at) filter (where topic in (
                'booking.payment_pending', 'booking.payment_authorised')) as authorised_at,
            min(recorded_at) filter (where topic = 'booking.booked'
                or topic = 'booking.refund_due' and state ->> 'reason' = 'late_payment') as captured_at,
            min(recorded_at) filter (where topic = 'booking.payment_declined') as declined_at,
            min(recorded_at) filter (where topic in (
                'booking.payment_voided', 'booking.payment_released')) as voided_at,
            -- Why one was voided is what somebody wrote about somebody: no fact for analysts.
            max(state ->> 'code') filter (where topic = 'booking.payment_declined') as reason,
            (array_agg(topic order by originator_version desc) filter (
                where starts or topic in ('booking.cancelled', 'booking.reseated')))[1] as turn,
            max(recorded_at) filter (where topic = 'booking.cancelled') as cancelled_at
        from numbered where number > 0 group by originator_id, number
    ), judged as (
        select *, case when captured_at is not null then 'captured'
            when declined_at is not null then 'declined'
            when voided_at is not null then 'voided' when turn = 'booking.cancelled' then 'lapsed'
            else 'pending' end as status
        from folded
    )
    select (begun ->> 'payment_id')::uuid, j.originator_id, j.flight_id::uuid, j.seats,
        (begun -> 'amount' ->> 'amount')::bigint, begun -> 'amount' ->> 'currency', begun ->> 'capture',
        begun ->> 'gateway', j.status, case j.status when 'declined' then j.reason end,
        j.started_at, j.authorised_at, j.captured_at,
        case j.status when 'declined' then j.declined_at when 'voided' then j.voided_at
            when 'lapsed' then j.cancelled_at end,
        j.position
    from judged as j
    """,  # noqa: S608 - constants only
)
