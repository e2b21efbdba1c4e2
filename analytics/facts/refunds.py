"""Refunds as facts: one row for each that ever became due, and whether it went out."""

from analytics.facts.projection import EVENT, Column, Projection

REFUNDS = Projection(
    name="refunds",
    version=1,
    comment="One row per refund, as it stands at the checkpoint",
    topics=("booking.refund_%",),
    columns=(
        Column("refund_id", "uuid not null", "The refund"),
        Column("booking_id", "uuid not null", "The booking, in bookings"),
        Column("flight_id", "uuid not null", "The booking's flight, in flights"),
        Column("payment_id", "uuid not null", "The payment whose money goes back, in payments"),
        Column("amount", "bigint not null", "What goes back, in minor units of currency"),
        Column("currency", 'text collate "C" not null', "ISO 4217 code"),
        Column(
            "reason",
            'text collate "C" not null',
            "Why: booking_cancelled, flight_cancelled, seats_reduced, late_payment",
        ),
        Column(
            "status", 'text collate "C" not null', "due, requested (a gateway was asked to pay it), settled"
        ),
        Column("refusal", 'text collate "C"', "Why the gateway will not pay it: it is due, by hand"),
        Column("due_at", "timestamptz not null", "Since when it is owed"),
        Column("requested_at", "timestamptz", "When a gateway was last asked to pay it; null: never"),
        Column("settled_at", "timestamptz", "When the customer had the money back; null: not yet"),
        Column("position", "bigint not null", "Position of its last event in the log"),
    ),
    key="refund_id",
    stream="booking_id",
    indexes=("(due_at)", "(due_at) where settled_at is null", "(flight_id)", "(booking_id)", "(payment_id)"),
    # The log's first releases wrote neither refund_id, for which the payment's stood, nor a reason.
    fold=f"""
    with touched as materialized (
        select distinct e.originator_id from {{events}} as e
        where e.position > %(after)s and e.position <= %(upto)s and e.topic like 'booking.refund\\_%%'
    ), stream as materialized (
        select {EVENT} from {{events}} as e
        where e.originator_id = any (array(select originator_id from touched)) and e.position + 0 <= %(upto)s
            and (e.topic like 'booking.refund\\_%%' or e.originator_version = 1)
    ), told as (
        select *, first_value(state ->> 'flight_id') over (
            partition by originator_id order by originator_version) as flight_id
        from stream
    ), folded as (
        select originator_id, coalesce(state ->> 'refund_id', state ->> 'payment_id')::uuid as id,
            max(position) as position, min(flight_id) as flight_id,
            (array_agg(state) filter (where topic = 'booking.refund_due'))[1] as due,
            min(recorded_at) as due_at,
            max(recorded_at) filter (where topic = 'booking.refund_requested') as requested_at,
            max(state ->> 'code') filter (where topic = 'booking.refund_refused') as refusal,
            max(recorded_at) filter (where topic = 'booking.refund_settled') as settled_at
        from told where topic like 'booking.refund\\_%%' group by 1, 2
    )
    select f.id, f.originator_id, f.flight_id::uuid, (due ->> 'payment_id')::uuid,
        (due -> 'amount' ->> 'amount')::bigint, due -> 'amount' ->> 'currency',
        coalesce(due ->> 'reason', 'booking_cancelled'),
        case when settled_at is not null then 'settled'
            when requested_at is not null and refusal is null then 'requested' else 'due' end,
        refusal, f.due_at, requested_at, settled_at, f.position
    from folded as f
    """,  # noqa: S608 - constants only
)
