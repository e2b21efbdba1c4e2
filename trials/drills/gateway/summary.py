"""What a play came to in numbers: payments by where they ended, and late money by what became of it."""

from collections import Counter
from typing import TYPE_CHECKING

from trials.checker.calls import READS
from trials.drills.gateway.tale import Booking, Payment, Tale, tale_of

if TYPE_CHECKING:
    from trials.drills.gateway.judge import Evidence


def summary(evidence: "Evidence") -> dict[str, int]:
    """By name; amounts in minor units."""
    tale = tale_of(evidence.log)
    commands = [call for call in evidence.calls if call.operation not in READS]
    keys = {(call.who, call.operation, call.key) for call in commands}
    unknown = {(call.who, call.operation, call.key) for call in commands if not call.answered}
    ends = Counter(f"payments {payment.end}" for payment in tale.payments.values())
    late = Counter(filter(None, (_late(tale, payment) for payment in tale.payments.values())))
    charged = {intent.payment_id for intent in evidence.books.intents}
    settled = [refund for refund in tale.refunds.values() if refund.settled]
    return {
        "commands": len(keys),
        "unknown at first": len(unknown),
        "payments": len(tale.payments),
        **dict(sorted(ends.items())),
        **dict(sorted(late.items())),
        "refunds settled": len(settled),
        "refunds due": len(tale.refunds) - len(settled),
        "captured": sum(intent.captured for intent in evidence.books.intents),
        "refunded": sum(row.amount for row in evidence.books.refunds),
        "second charges": len(evidence.books.intents) - len(charged),
    }


def _late(tale: Tale, payment: Payment) -> str | None:
    """What became of money that came after its seats were gone."""
    booking = tale.bookings[payment.booking]
    if payment.booked:
        return "late: seated again" if _seated_again(booking) else None
    if payment.late or (payment.let_go and booking.ended):
        return f"late: {'refund due' if payment.late else 'let go'}, {booking.ended}"
    return None


def _seated_again(booking: Booking) -> bool:
    return "reseated" in booking.history
