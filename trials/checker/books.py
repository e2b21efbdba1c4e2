"""The gateway's books against the log, to the minor unit, once nothing moves any more."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from trials.checker.bookings import Booking
from trials.checker.gateway_answers import check_gateway_answers
from trials.checker.history import History
from trials.checker.log import Event
from trials.checker.model import Model
from trials.checker.payments import Payment, payments_of

CAPTURED, HELD, RELEASED, DECLINED = (
    "succeeded",
    "requires_capture",
    "canceled",
    "requires_payment_method",
)


class Intent(msgspec.Struct, frozen=True):
    """One charge at the gateway. Amounts are in minor units; the ids are those the ledger sent."""

    id: str
    status: str
    amount: int
    currency: str
    captured: int
    refunded: int
    payment_id: str | None
    booking_id: str | None

    def __str__(self) -> str:
        captured = f"{self.captured} of {self.amount} {self.currency} captured"
        return f"{self.id} ({self.status}, {captured}, payment {self.payment_id})"


class Repayment(msgspec.Struct, frozen=True):
    """One refund that the gateway paid."""

    id: str
    intent: str
    amount: int
    refund_id: str | None


class Books(msgspec.Struct, frozen=True):
    """Everything that the gateway recorded."""

    intents: list[Intent]
    refunds: list[Repayment]


def check_books(history: History, books: Books) -> Iterator[str]:
    """Yield each disagreement between the books, the log and the answers, as a sentence."""
    model = Model()
    for event in history.log.events:
        model.apply(event)
    payments = payments_of(history.log.events)
    intents: dict[str, list[Intent]] = defaultdict(list)
    for intent in books.intents:
        intents[intent.payment_id or ""].append(intent)
    yield from _requested(payments, books.intents)
    for payment in payments.values():
        yield from _payment(payment, intents[payment.id])
    yield from _refunds(history.log.events, model, books)
    yield from _sums(model, books)
    for id, booking in model.bookings.items():
        if booking.status not in ("booked", "cancelled"):
            yield f"booking {id} is neither booked nor cancelled"
    yield from check_gateway_answers(history, model, payments)


def _requested(payments: dict[str, Payment], intents: Sequence[Intent]) -> Iterator[str]:
    """Every charge at the gateway was requested in the log, with the same facts."""
    for intent in intents:
        payment = payments.get(intent.payment_id or "")
        if payment is None:
            yield f"the log never requested {intent}"
            continue
        requested = (str(payment.booking), payment.amount, payment.currency)
        if requested != (intent.booking_id, intent.amount, intent.currency.upper()):
            yield f"{intent} is not what was requested: {payment}"


def _payment(payment: Payment, intents: Sequence[Intent]) -> Iterator[str]:
    """A payment has the same end at the gateway and in the log."""
    captured = [intent for intent in intents if intent.captured]
    if len(captured) > 1:
        yield f"payment {payment.id} is captured {len(captured)} times: {_list(captured)}"
    if any(intent.status == HELD for intent in intents):
        yield f"payment {payment.id} is {payment.end}, and money is still held for it: {_list(intents)}"
    came = payment.amount if payment.captured else 0
    if sum(intent.captured for intent in captured) != came:
        yield f"payment {payment.id} is {payment.end} in the log, {came} came; the books say {_list(intents)}"
    if captured and payment.captured and captured[0].id != payment.reference:
        yield f"payment {payment.id} came by {payment.reference} in the log; the books say {_list(captured)}"
    match payment.end:
        case "open":
            yield f"payment {payment.id} has no end in the log; the books say {_list(intents)}"
        case "declined" if any(intent.status != DECLINED for intent in intents):
            yield f"payment {payment.id} is declined in the log; the books say {_list(intents)}"
        case "let go" if all(intent.status != RELEASED for intent in intents):
            yield f"payment {payment.id} is let go in the log; the books say {_list(intents)}"


def _refunds(events: Sequence[Event], model: Model, books: Books) -> Iterator[str]:
    """The gateway paid each settled refund once, and no other."""
    settled: dict[str, list[str | None]] = defaultdict(list)
    for event in events:
        if event.topic == "booking.refund_settled":
            settled[event.state["refund_id"]].append(event.state["reference"])
    paid: dict[str, list[Repayment]] = defaultdict(list)
    payments = {intent.id: intent.payment_id for intent in books.intents}
    for row in books.refunds:
        paid[row.refund_id or ""].append(row)
        if row.refund_id not in model.refunds:
            yield f"the log never requested {row}"
    for id, refund in model.refunds.items():
        rows = paid[id]
        if refund["reason"] == "compensation":
            if rows:
                yield f"a compensation is paid out of a charge: {rows}"
            continue
        if len(settled[id]) > 1:
            yield f"refund {id} is settled {len(settled[id])} times in the log"
        if [row.id for row in rows] != settled[id][:1]:
            yield f"refund {id} is settled by {settled[id]} in the log; the books say {rows}"
        for row in rows:
            if (row.amount, payments.get(row.intent)) != (refund["amount"]["amount"], refund["payment_id"]):
                yield f"{row} is not what was due: {refund}"


def _sums(model: Model, books: Books) -> Iterator[str]:
    """Captured less refunded money is the cost of bookings and the refunds due: for each and for all."""
    there: dict[str | None, int] = defaultdict(int)
    kept: dict[str, int] = defaultdict(int)
    back: dict[str, int] = defaultdict(int)
    for row in books.refunds:
        back[row.intent] += row.amount
    for intent in books.intents:
        there[_purchase(model, intent.booking_id)] += intent.captured - back[intent.id]
        if back[intent.id] != intent.refunded or back[intent.id] > intent.captured:
            yield f"{back[intent.id]} went back of {intent}"
    for id, booking in model.bookings.items():
        kept[str(_purchase(model, id))] += _kept(booking)
    for id, amount in kept.items():
        if amount != there[id]:
            yield f"booking {id}: {there[id]} is at the gateway, {amount} is kept or still due in the log"
    total = sum(kept.values())
    if total != (sum_there := sum(there.values())):
        yield f"all together: {sum_there} is at the gateway, {total} is kept or still due in the log"


def _purchase(model: Model, booking_id: str | None) -> str | None:
    """Return the id of the booking's itinerary, which one charge pays for, or else of the booking.

    A part of a split booking is paid with the whole.
    """
    booking = model.bookings.get(booking_id or "")
    while booking and booking.row["split_from"]:
        booking_id = booking.row["split_from"]
        booking = model.bookings.get(booking_id)
    return (booking.row.get("itinerary_id") if booking else None) or booking_id


def _kept(booking: Booking) -> int:
    """Return the booking's captured money that is kept, or owed and not yet paid back."""
    due = [row for row in booking.refunds.values() if row["status"] != "settled"]
    owed = sum(row["amount"]["amount"] for row in due if row["reason"] != "compensation")
    return int(owed) + booking.forfeited + (booking.cost if booking.status == "booked" else 0)


def _list(intents: Sequence[Intent]) -> str:
    return ", ".join(map(str, intents)) or "nothing"
