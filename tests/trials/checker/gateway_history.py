"""A made-up till: five payments, each with another end, as log, books and callers tell of them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from gateways.simulator.books import BookedIntent, BookedRefund, Books
from trials.checker.calls import Call
from trials.checker.log import Event, Log
from trials.drills.gateway.judge import Count, Evidence, judge

START = datetime(2030, 1, 1, tzinfo=UTC)
FLIGHT = "f" * 8 + "-0000-0000-0000-000000000000"
COST = 900
ANN, BEN, CAT, DAN, EVE = ("ann", "ben", "cat", "dan", "eve")


def booking_of(who: str) -> UUID:
    return UUID(int=ord(who[0]))


def payment_of(who: str) -> str:
    return str(UUID(int=1000 + ord(who[0])))


def refund_of(who: str) -> str:
    return str(UUID(int=2000 + ord(who[0])))


class Till:
    """Ann's payment is captured, Ben's declined, Cat's let go, Dan's comes too late; Eve gives a seat back.

    A test changes `events`, `intents`, `refunds`, `calls` or `counts`, and asks what is `judged`.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.calls: list[Call] = []
        self.counts = [Count(FLIGHT, 10, 0, 3)]
        self._pay(ANN, "succeeded")
        self.tell(ANN, "booked")
        self.answer(ANN, "pay_booking", 201, paid(ANN, "booked"))
        self._pay(BEN, "requires_payment_method", "payment_declined", code="generic_decline")
        self.answer(BEN, "pay_booking", 402, {"reason": "generic_decline"})
        self.tell(BEN, "cancelled", reason="hold_expired", note=None)
        self._pay(CAT, "canceled")
        self.answer(CAT, "pay_booking", 201, paid(CAT, "pending"))
        self.tell(CAT, "payment_voided", reason="no")
        self.answer(CAT, "void_payment", 200, {"id": str(booking_of(CAT)), "status": "initiated"})
        self.tell(CAT, "cancelled", reason="requested", note=None)
        self._pay(DAN, "succeeded")
        self.tell(DAN, "cancelled", reason="hold_expired", note=None)
        self.owe(DAN, COST, "late_payment")
        self.answer(DAN, "capture_payment", 200, {"id": str(booking_of(DAN)), "status": "cancelled"})
        self.settle(DAN, COST)
        self._pay(EVE, "succeeded")
        self.tell(EVE, "booked")
        self.tell(EVE, "seats_reduced", seats=1, total_cost=money(COST // 2))
        self.owe(EVE, COST // 2, "seats_reduced")

    def judged(self) -> list[str]:
        events = [
            Event(position, recorded_at=START + timedelta(seconds=position), **event)
            for position, event in enumerate(self.events, start=1)
        ]
        intents = [BookedIntent(**row) for row in self.intents.values()]
        refunds = [BookedRefund(**row) for row in self.refunds.values()]
        return judge(Evidence(Log(events, []), Books([], intents, refunds), self.counts, self.calls))

    def tell(self, who: str, name: str, operation: str = "record_payment", **state: Any) -> None:
        version = 1 + sum(event["subject"] == booking_of(who) for event in self.events)
        if name not in ("initiated", "seats_reduced", "cancelled", "refund_settled"):
            state = {"payment_id": payment_of(who), **state}
        actor = who if operation in ("pay_booking", "initiate_booking") else "seatledger"
        self.events.append(
            {
                "subject": booking_of(who),
                "version": version,
                "topic": f"booking.{name}",
                "state": state,
                "actor": actor,
                "operation": operation,
                "key": f"{operation}-{who}",
            }
        )

    def event(self, who: str, name: str) -> dict[str, Any]:
        return next(
            event
            for event in self.events
            if (event["subject"], event["topic"]) == (booking_of(who), f"booking.{name}")
        )

    def drop(self, who: str, name: str) -> None:
        self.events.remove(self.event(who, name))

    def owe(self, who: str, amount: int, reason: str) -> None:
        self.tell(who, "refund_due", amount=money(amount), refund_id=refund_of(who), reason=reason)

    def settle(self, who: str, amount: int) -> None:
        self.tell(who, "refund_settled", refund_id=refund_of(who), reference=f"re_{who}")
        self.refunds[who] = {
            "id": f"re_{who}",
            "created": 1.0,
            "intent": f"pi_{who}",
            "amount": amount,
            "refund_id": refund_of(who),
        }
        self.intents[who]["refunded"] = amount
        self.answer(who, "settle_refund", 200, {"id": refund_of(who), "reference": f"re_{who}"})

    def answer(self, who: str, operation: str, status: int, body: dict[str, Any]) -> None:
        """The command's own event stands for its intent."""
        if operation in ("void_payment", "capture_payment", "settle_refund"):
            intent = {"void_payment": "void_requested", "capture_payment": "capture_requested"}
            self.tell(who, intent.get(operation, "refund_requested"), operation, refund_id=refund_of(who))
            self.events[-1]["actor"] = who
        self.calls.append(
            Call(
                who=who,
                operation=operation,
                path="/",
                key=f"{operation}-{who}",
                sent_at=1.0,
                ended_at=2.0,
                status=status,
                text=json.dumps(body),
            )
        )

    def _pay(self, who: str, status: str, name: str = "payment_authorised", **state: Any) -> None:
        cost = {"flight_id": FLIGHT, "seats": 2, "total_cost": money(COST)}
        self.tell(who, "initiated", "initiate_booking", **cost)
        self.tell(who, "payment_requested", "pay_booking", amount=money(COST))
        self.tell(who, name, **(state or {"reference": f"pi_{who}"}))
        self.intents[who] = {
            "id": f"pi_{who}",
            "created": 1.0,
            "status": status,
            "amount": COST,
            "currency": "inr",
            "captured": COST if status == "succeeded" else 0,
            "refunded": 0,
            "payment_id": payment_of(who),
            "booking_id": str(booking_of(who)),
        }


def money(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "INR"}


def paid(who: str, status: str) -> dict[str, Any]:
    return {"payment_id": payment_of(who), "booking": {"id": str(booking_of(who)), "status": status}}
