"""The judge: the gateway's own books against the log, to the minor unit. It folds both by itself."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from gateways.simulator.books import BookedIntent, BookedRefund, Books
from trials.checker.calls import Call
from trials.checker.log import Log
from trials.drills.gateway.answers import wrong_answers
from trials.drills.gateway.tale import Payment, Tale, tale_of

CAPTURED, HELD, LET_GO, DECLINED = "succeeded", "requires_capture", "canceled", "requires_payment_method"


class Count(msgspec.Struct, frozen=True):
    """A row of the ledger's seat counts."""

    flight: str
    seats: int
    held: int
    booked: int


class Evidence(msgspec.Struct, frozen=True):
    """Taken when nothing was on its way any more. All amounts are in INR, which both count in paise."""

    log: Log
    books: Books
    counts: Sequence[Count]
    calls: Sequence[Call]


def judge(evidence: Evidence) -> list[str]:
    """All that does not agree, a sentence each."""
    tale = tale_of(evidence.log)
    intents: dict[str, list[BookedIntent]] = defaultdict(list)
    for intent in evidence.books.intents:
        intents[intent.payment_id or ""].append(intent)
    return [
        *_unasked(tale, evidence.books.intents),
        *(wrong for payment in tale.payments.values() for wrong in _payment(payment, intents[payment.id])),
        *_refunds(tale, evidence.books),
        *_sums(tale, evidence.books),
        *_seats(tale, evidence.counts),
        *wrong_answers(evidence.calls, evidence.log, tale),
    ]


def _unasked(tale: Tale, intents: Sequence[BookedIntent]) -> Iterator[str]:
    """Everything at the gateway was asked for in the log, with the same words."""
    for intent in intents:
        payment = tale.payments.get(intent.payment_id or "")
        if payment is None:
            yield f"nobody asked for {_told(intent)}"
            continue
        asked = (str(payment.booking), payment.amount, payment.currency)
        if asked != (intent.booking_id, intent.amount, intent.currency.upper()):
            yield f"{_told(intent)} is not what was asked for: {payment}"


def _payment(payment: Payment, intents: Sequence[BookedIntent]) -> Iterator[str]:
    """The gateway's end of a payment is the log's."""
    captured = [intent for intent in intents if intent.captured]
    if len(captured) > 1:
        yield f"payment {payment.id} is captured {len(captured)} times: {_all(captured)}"
    if any(intent.status == HELD for intent in intents):
        yield f"payment {payment.id} is {payment.end}, and money is still held for it: {_all(intents)}"
    came = payment.amount if payment.came else 0
    if sum(intent.captured for intent in captured) != came:
        yield f"payment {payment.id} is {payment.end} in the log, {came} came; the books say {_all(intents)}"
    if captured and payment.came and captured[0].id != payment.reference:
        yield f"payment {payment.id} came by {payment.reference} in the log; the books say {_all(captured)}"
    match payment.end:
        case "open":
            yield f"payment {payment.id} has no end in the log; the books say {_all(intents)}"
        case "declined" if any(intent.status != DECLINED for intent in intents):
            yield f"payment {payment.id} is declined in the log; the books say {_all(intents)}"
        case "let go" if all(intent.status != LET_GO for intent in intents):
            yield f"payment {payment.id} is let go in the log; the books say {_all(intents)}"


def _refunds(tale: Tale, books: Books) -> Iterator[str]:
    """Each refund was paid once, and only those that were due."""
    paid: dict[str, list[BookedRefund]] = defaultdict(list)
    payments = {intent.id: intent.payment_id for intent in books.intents}
    for row in books.refunds:
        paid[row.refund_id or ""].append(row)
        if row.refund_id not in tale.refunds:
            yield f"nobody asked for {row}"
    for refund in tale.refunds.values():
        rows = paid[refund.id]
        if len(refund.settled) > 1:
            yield f"{refund} is settled {len(refund.settled)} times in the log"
        if [row.id for row in rows] != refund.settled[:1]:
            yield f"refund {refund.id} is settled by {refund.settled} in the log; the books say {rows}"
        for row in rows:
            if (row.amount, payments.get(row.intent)) != (refund.amount, refund.payment):
                yield f"{row} is not what was due: {refund}"


def _sums(tale: Tale, books: Books) -> Iterator[str]:
    """Captured less refunded is what bookings cost and what is still due, for each and for all."""
    ours: dict[str | None, int] = defaultdict(int)
    back: dict[str, int] = defaultdict(int)
    for row in books.refunds:
        back[row.intent] += row.amount
    for intent in books.intents:
        ours[intent.booking_id] += intent.captured - back[intent.id]
        if back[intent.id] != intent.refunded or back[intent.id] > intent.captured:
            yield f"{back[intent.id]} went back of {_told(intent)}"
    for booking in tale.bookings.values():
        kept, there = tale.kept(booking), ours[str(booking.id)]
        if kept != there:
            yield f"booking {booking.id}: {there} is at the gateway, {kept} is kept or still due in the log"
    kept, there = sum(map(tale.kept, tale.bookings.values())), sum(ours.values())
    if kept != there:
        yield f"all together: {there} is at the gateway, {kept} is kept or still due in the log"


def _seats(tale: Tale, counts: Sequence[Count]) -> Iterator[str]:
    """What is booked is counted, within the flight's seats; nothing is held any more."""
    booked: dict[str, int] = defaultdict(int)
    for booking in tale.bookings.values():
        if booking.booked:
            booked[booking.flight] += booking.seats
        elif booking.ended is None:
            yield f"booking {booking.id} is neither booked nor ended"
    for count in counts:
        if (count.held, count.booked) != (0, booked[count.flight]) or count.booked > count.seats:
            yield f"{count} is counted; bookings have {booked[count.flight]} seats"


def _all(intents: Sequence[BookedIntent]) -> str:
    return ", ".join(map(_told, intents)) or "nothing"


def _told(intent: BookedIntent) -> str:
    return (
        f"{intent.id} ({intent.status}, {intent.captured} of {intent.amount} {intent.currency} captured, "
        f"payment {intent.payment_id})"
    )
