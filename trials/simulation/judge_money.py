"""The judge of money: charged once, never late, and every amount accounted for."""

from collections import Counter
from datetime import datetime
from uuid import UUID

from domain.refunds import RefundReason
from ledger.log import RecordedEvent
from trials.simulation.model import Model
from trials.simulation.violation import require


def check_late_money(model: Model, event: RecordedEvent) -> None:
    """Rule 8: late money books seats again where the clock alone took them, and there are some."""
    if event.topic != "booking.refund_due" or event.decoded().reason is not RefundReason.LATE_PAYMENT:
        return
    booking = model.bookings[event.originator_id]
    flight, free = model.flights[booking.flight_id], model.free(booking.flight_id, event.recorded_at)
    require(
        booking.status == "cancelled" or flight.gone(event.recorded_at) or free < booking.seats,
        f"{free} seats are free, and late money for {booking.seats} is refunded at {event.position}",
    )


def check_payments(events: list[RecordedEvent]) -> None:
    """Rule 2: a key charges once, a booking once at a time. Rule 6: never after its hold ran out."""
    expires: dict[UUID, datetime] = {}
    charged: set[object] = set()
    for event in events:
        match event.topic:
            case "booking.initiated":
                expires[event.originator_id] = event.decoded().expires_at
            case "booking.payment_voided":
                charged.discard(event.originator_id)
            case "booking.payment_pending":
                require(
                    event.recorded_at < expires[event.originator_id],
                    f"paid after its hold at {event.position}",
                )
                for charge in (event.originator_id, (event.actor, event.causation_id)):
                    require(charge not in charged, f"charged twice at {event.position}")
                    charged.add(charge)


def check_money(events: list[RecordedEvent]) -> None:
    """Rule 8: what was paid for a booking is what it costs now and what is owed back for it."""
    cost: dict[UUID, int] = {}
    paid: Counter[UUID] = Counter()
    owed: Counter[UUID] = Counter()
    live: set[UUID] = set()
    for event in events:
        id, fields = event.originator_id, event.decoded()
        match event.topic:
            case "booking.initiated" | "booking.seats_reduced":
                cost[id] = fields.total_cost.amount
            case "booking.booked":
                paid[id] += cost[id]
                live.add(id)
            case "booking.cancelled":
                live.discard(id)
            case "booking.refund_due":
                owed[id] += fields.amount.amount
                # Money that came when there was no seat left for it.
                paid[id] += fields.amount.amount if fields.reason is RefundReason.LATE_PAYMENT else 0
    for id, amount in paid.items():
        kept = cost[id] if id in live else 0
        require(amount == kept + owed[id], f"{id}: paid {amount}, kept {kept}, owed back {owed[id]}")
    require(owed.keys() <= paid.keys(), "money is owed back that was never paid")
