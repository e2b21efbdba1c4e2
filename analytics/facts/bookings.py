"""Booking facts: one row per booking, with the times of its steps."""

from typing import LiteralString

from analytics.facts.projection import Column, Projection, by_time, streams
from projections.references import reference_sql

_TOPICS = "e.topic like 'booking.%%'"


def _count(type: LiteralString) -> LiteralString:
    """Return an expression for the number of passengers of a type; names are sealed and stay in the log."""
    of_type = f"jsonb_path_query_array(f.passengers, '$[*] ? (@.type == \"{type}\")')"
    return f"coalesce(jsonb_array_length({of_type}), 0)::smallint"


BOOKINGS = Projection(
    name="bookings",
    version=5,
    comment="One row per booking, as of the checkpoint, with the times of its steps",
    topics=("booking.%",),
    columns=(
        Column("booking_id", "uuid not null", "The booking"),
        Column("flight_id", "uuid not null", "Its current flight, in flights"),
        Column("seats", "smallint not null", "Current seats; for a cancelled booking the last number"),
        Column("seats_initiated", "smallint not null", "Seats when it was initiated"),
        Column("amount", "bigint not null", "Current price, in minor units of currency"),
        Column(
            "amount_initiated", "bigint not null", "Price when it was initiated, in minor units of currency"
        ),
        Column("currency", 'text collate "C" not null', "ISO 4217 code"),
        Column(
            "status",
            'text collate "C" not null',
            "initiated (held, unpaid), pending (a payment is in progress), booked (paid), cancelled",
        ),
        Column(
            "cancel_reason",
            'text collate "C"',
            "Reason of the cancellation: requested, hold_expired, flight_cancelled, denied_boarding; null if "
            "not cancelled",
        ),
        Column("initiated_at", "timestamptz not null", "Time of the hold"),
        Column("hold_expires_at", "timestamptz not null", "Expiry of the hold as first set"),
        Column("payment_started_at", "timestamptz", "Start of the first payment; null if there was none"),
        Column("paid_at", "timestamptz", "Time of the first booking (payment captured); null if never"),
        Column("cancelled_at", "timestamptz", "Time of the cancellation; null if not cancelled"),
        Column("payments", "integer not null", "Number of payments started; each is a row of payments"),
        Column("version", "integer not null", "Number of its events"),
        Column("position", "bigint not null", "Position of its last event in the log"),
        Column("reference", 'text collate "C" not null', "Reference that customers and staff name it by"),
        Column(
            "itinerary_id",
            "uuid",
            "Its itinerary, of which it is one segment; null: none. Segments have the order of booking_id",
        ),
        Column(
            "travel",
            'text collate "C"',
            "What became of it after the departure: flown, no_show; null if not recorded",
        ),
        Column("schedule_changes", "integer not null", "Changes of its flight's times since it was made"),
        Column(
            "change_accepted_at",
            "timestamptz",
            "Time at which the customer last accepted changed times; null if never",
        ),
        Column(
            "parts",
            'text collate "C"',
            "Fare, taxes and fees of amount, in minor units by code, as JSON; null: not listed",
        ),
        Column("flight_id_initiated", "uuid not null", "The flight on which it was made, in flights"),
        Column("adults", "smallint not null", "Adults among its named passengers; 0 if none are named"),
        Column("children", "smallint not null", "Children among them, each with a seat of its own"),
        Column("infants", "smallint not null", "Infants on laps among them, without a seat of their own"),
        Column(
            "split_from",
            "uuid",
            "Booking that it was a part of, which has the whole payment in payments; null: made for itself",
        ),
    ),
    key="booking_id",
    stream="booking_id",
    indexes=("(flight_id)", by_time("initiated_at", "paid_at")),
    streams=streams(_TOPICS),
    rows=f"""
    folded as (
        select originator_id as id, max(originator_version) as version, max(position) as position,
            min(position) as first_position,
            (array_agg(state) filter (where originator_version = 1))[1] as first,
            min(recorded_at) as initiated_at,
            -- Seats and their price only ever decrease.
            min((state ->> 'seats')::smallint) as seats,
            min((state -> 'total_cost' ->> 'amount')::bigint) as amount,
            -- Of several steps, the one with the highest version decides.
            max(originator_version) filter (where topic = 'booking.cancelled')
                > max(originator_version) filter (where topic in ('booking.initiated', 'booking.reseated'))
                as is_cancelled,
            max(originator_version) filter (where topic in (
                'booking.booked', 'booking.payment_shared')) as booked_version,
            max(originator_version) filter (where topic in ('booking.payment_pending',
                'booking.payment_requested', 'booking.reseated')) as pending_version,
            max(originator_version) filter (where topic in (
                'booking.payment_voided', 'booking.payment_declined')) as failed_version,
            (array_agg(state order by originator_version desc)
                filter (where topic = 'booking.cancelled'))[1] ->> 'reason' as reason,
            max(recorded_at) filter (where topic = 'booking.cancelled') as cancelled_at,
            min(recorded_at) filter (where topic in (
                'booking.booked', 'booking.payment_shared')) as paid_at,
            min(recorded_at) filter (where topic in (
                'booking.payment_pending', 'booking.payment_requested')) as payment_started_at,
            (array_agg(state order by originator_version desc)
                filter (where topic = 'booking.travel_recorded'))[1] ->> 'travel' as travel,
            (array_agg(state order by originator_version desc)
                filter (where state ? 'total_cost'))[1] -> 'total_cost' -> 'parts' as parts,
            (array_agg(state order by originator_version desc)
                filter (where topic in ('booking.initiated', 'booking.moved')))[1] ->> 'flight_id'
                as flight_id,
            count(*) filter (where topic in ('booking.schedule_changed', 'booking.moved'))
                as schedule_changes,
            max(recorded_at) filter (where topic = 'booking.schedule_accepted') as change_accepted_at,
            (array_agg(state order by originator_version desc)
                filter (where topic = 'booking.passengers_named'))[1] -> 'passengers' as passengers,
            (array_agg(state) filter (where topic = 'booking.split_off'))[1] ->> 'split_from' as split_from,
            count(*) filter (where topic in (
                'booking.payment_pending', 'booking.payment_requested')) as payments
        from stream group by originator_id
    )
    select f.id, f.flight_id::uuid, f.seats, (first ->> 'seats')::smallint, f.amount,
        (first -> 'total_cost' ->> 'amount')::bigint, first -> 'total_cost' ->> 'currency',
        case when is_cancelled then 'cancelled'
            when booked_version > coalesce(greatest(pending_version, failed_version), 0) then 'booked'
            when pending_version > coalesce(greatest(booked_version, failed_version), 0) then 'pending'
            else 'initiated' end,
        case when is_cancelled then f.reason end, f.initiated_at,
        (first ->> 'expires_at')::timestamptz, f.payment_started_at, f.paid_at,
        case when is_cancelled then f.cancelled_at end, f.payments, f.version, f.position,
        {reference_sql("f.first_position")},
        (first ->> 'itinerary_id')::uuid, f.travel, f.schedule_changes, f.change_accepted_at,
        f.parts::text, (first ->> 'flight_id')::uuid,
        {_count("adult")}, {_count("child")}, {_count("infant_on_lap")}, f.split_from::uuid
    from folded as f
    """,  # noqa: S608 - constants only
)
