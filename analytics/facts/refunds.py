"""Refund facts: one row per refund."""

from analytics.facts.projection import Column, Projection, touched_streams

_TOUCHES = r"(e.topic like 'booking.refund\_%%' or e.topic = 'booking.moved')"

REFUNDS = Projection(
    name="refunds",
    version=2,
    comment="One row per refund, as of the checkpoint",
    topics=("booking.refund_%", "booking.moved"),
    columns=(
        Column("refund_id", "uuid not null", "The refund"),
        Column("booking_id", "uuid not null", "The booking, in bookings"),
        Column("flight_id", "uuid not null", "The booking's current flight, in flights"),
        Column("payment_id", "uuid not null", "The refunded payment, in payments"),
        Column("amount", "bigint not null", "Amount, in minor units of currency"),
        Column("currency", 'text collate "C" not null', "ISO 4217 code"),
        Column(
            "reason",
            'text collate "C" not null',
            "Reason: booking_cancelled, flight_cancelled, seats_reduced, late_payment, denied_boarding, "
            "compensation",
        ),
        Column("status", 'text collate "C" not null', "due, requested (sent to a gateway), settled"),
        Column(
            "refusal",
            'text collate "C"',
            "Refusal code of the gateway; the refund must be paid by hand",
            True,
        ),
        Column("due_at", "timestamptz not null", "Time when it became due"),
        Column("requested_at", "timestamptz", "Time of the last request to a gateway; null if none"),
        Column("settled_at", "timestamptz", "Time of settlement; null if not settled"),
        Column("position", "bigint not null", "Position of its last event in the log"),
        Column(
            "parts",
            'text collate "C"',
            "Fare, taxes and fees of amount, in minor units by code, as JSON; null: not listed",
        ),
    ),
    key="refund_id",
    stream="booking_id",
    indexes=("(due_at)", "(due_at) where settled_at is null", "(flight_id)", "(booking_id)", "(payment_id)"),
    # Early releases wrote no refund_id (the payment id identified the refund) and no reason.
    streams=touched_streams(_TOUCHES, f"({_TOUCHES} or e.originator_version = 1)"),
    rows="""
    refund_events as (
        select *, first_value(state ->> 'flight_id') over (
            partition by originator_id order by state ->> 'flight_id' is null, originator_version desc
            ) as flight_id
        from stream
    ), folded as (
        select originator_id, coalesce(state ->> 'refund_id', state ->> 'payment_id')::uuid as id,
            max(position) as position, min(flight_id) as flight_id,
            (array_agg(state) filter (where topic = 'booking.refund_due'))[1] as due,
            min(recorded_at) as due_at,
            max(recorded_at) filter (where topic = 'booking.refund_requested') as requested_at,
            max(state ->> 'code') filter (where topic = 'booking.refund_refused') as refusal,
            max(recorded_at) filter (where topic = 'booking.refund_settled') as settled_at
        from refund_events where topic like 'booking.refund\\_%%' group by 1, 2
    )
    select f.id, f.originator_id, f.flight_id::uuid, (due ->> 'payment_id')::uuid,
        (due -> 'amount' ->> 'amount')::bigint, due -> 'amount' ->> 'currency',
        coalesce(due ->> 'reason', 'booking_cancelled'),
        case when settled_at is not null then 'settled'
            when requested_at is not null and refusal is null then 'requested' else 'due' end,
        refusal, f.due_at, requested_at, settled_at, f.position, (due -> 'amount' -> 'parts')::text
    from folded as f
    """,
)
