"""A made-up history of five payments through a gateway, each with another end: log, books and calls."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from trials.checker.answers import check_events
from trials.checker.books import Books, Intent, Repayment, check_books
from trials.checker.calls import Call
from trials.checker.history import EXACT, History
from trials.checker.log import Event, Log, SeatCount
from trials.checker.money import check_money
from trials.checker.outcomes import check_acknowledged, check_statuses

START = datetime(2030, 1, 1, tzinfo=UTC)
FLIGHT = UUID("ffffffff-0000-0000-0000-000000000000")
COST = 900
ANN, BEN, CAT, DAN, EVE = ("ann", "ben", "cat", "dan", "eve")
PLAN = {
    "number": "BA117",
    "origin": "DEL",
    "departs_at": "2031-01-01T12:00:00Z",
    "seats": 10,
    "price": {"amount": COST // 2, "currency": "INR"},
}


def booking_of(name: str) -> UUID:
    return UUID(int=ord(name[0]))


def payment_of(name: str) -> str:
    return str(UUID(int=1000 + ord(name[0])))


def refund_of(name: str) -> str:
    return str(UUID(int=2000 + ord(name[0])))


class GatewayHistory:
    """Ann's payment is captured, Ben's declined, Cat's released, Dan's comes too late; Eve gives a seat back.

    A test changes `events`, `intents`, `refunds`, `calls` or `counts`, and then calls `violations`.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.calls: list[Call] = []
        self.counts = [SeatCount(FLIGHT, 10, 0, 3)]
        self._schedule()
        self._pay(ANN, "succeeded")
        self.add(ANN, "booked")
        self.answer(ANN, "pay_booking", 201, paid(ANN, "booked"))
        self._pay(BEN, "requires_payment_method", "payment_declined", hold=4, code="generic_decline")
        self.answer(BEN, "pay_booking", 402, {"reason": "generic_decline"})
        self.add(BEN, "cancelled", reason="hold_expired", note=None)
        self._pay(CAT, "canceled")
        self.answer(CAT, "pay_booking", 201, paid(CAT, "pending"))
        self.add(CAT, "void_requested", "void_payment", reason="no")
        self.add(CAT, "payment_voided", reason="no")
        self.answer(CAT, "void_payment", 200, {"id": str(booking_of(CAT)), "status": "initiated"})
        self.add(CAT, "cancelled", reason="requested", note=None)
        self._pay(DAN, "succeeded")
        self.add(DAN, "capture_requested", "capture_payment", capture_before=_at(100))
        self.add(DAN, "cancelled", reason="requested", note=None)
        self.owe(DAN, COST, "late_payment")
        self.answer(DAN, "capture_payment", 200, {"id": str(booking_of(DAN)), "status": "cancelled"})
        self.settle(DAN, COST)
        self._pay(EVE, "succeeded")
        self.add(EVE, "booked")
        self.add(EVE, "seats_reduced", seats=1, total_cost=money(COST // 2))
        self.owe(EVE, COST // 2, "seats_reduced")

    def violations(self) -> list[str]:
        """Check by all rules except those about recorded outcomes, which this history does not have."""
        events = [
            Event(position, recorded_at=START + timedelta(seconds=position), **event)
            for position, event in enumerate(self.events, start=1)
        ]
        intents = [Intent(**row) for row in self.intents.values()]
        refunds = [Repayment(**row) for row in self.refunds.values()]
        history = History.of(self.calls, Log(events, [], self.counts), EXACT, has_gateway=True)
        rules = (check_statuses, check_acknowledged, check_money, check_events)
        found = [violation for rule in rules for violation in rule(history)]
        return [*found, *check_books(history, Books(intents, refunds))]

    def add(self, name: str, topic: str, operation: str = "record_payment", **state: Any) -> None:
        version = 1 + sum(event["subject"] == booking_of(name) for event in self.events)
        if topic not in ("initiated", "seats_reduced", "cancelled", "refund_requested", "refund_settled"):
            state = {"payment_id": payment_of(name), **state}
        actor = "seatledger" if operation == "record_payment" else name
        self.events.append(
            {
                "subject": booking_of(name),
                "version": version,
                "topic": f"booking.{topic}",
                "state": state,
                "actor": actor,
                "operation": operation,
                "key": f"{operation}-{name}",
            }
        )

    def event(self, name: str, topic: str) -> dict[str, Any]:
        return next(
            event
            for event in self.events
            if (event["subject"], event["topic"]) == (booking_of(name), f"booking.{topic}")
        )

    def drop(self, name: str, topic: str) -> None:
        self.events.remove(self.event(name, topic))

    def owe(self, name: str, amount: int, reason: str) -> None:
        self.add(name, "refund_due", amount=money(amount), refund_id=refund_of(name), reason=reason)

    def settle(self, name: str, amount: int) -> None:
        self.add(name, "refund_requested", "settle_refund", refund_id=refund_of(name))
        self.add(name, "refund_settled", refund_id=refund_of(name), reference=f"re_{name}")
        self.refunds[name] = {
            "id": f"re_{name}",
            "intent": f"pi_{name}",
            "amount": amount,
            "refund_id": refund_of(name),
        }
        self.intents[name]["refunded"] = amount
        self.answer(name, "settle_refund", 200, {"id": refund_of(name), "reference": f"re_{name}"})

    def answer(self, name: str, operation: str, status: int, body: dict[str, Any]) -> None:
        self.calls.append(
            Call(
                who=name,
                operation=operation,
                path="/",
                key=f"{operation}-{name}",
                sent_at=1.0,
                ended_at=2.0,
                status=status,
                text=json.dumps(body),
            )
        )

    def change_call(self, number: int, **fields: Any) -> None:
        self.calls[number] = msgspec.structs.replace(self.calls[number], **fields)

    def _schedule(self) -> None:
        self.events.append(
            {
                "subject": FLIGHT,
                "version": 1,
                "topic": "flight.scheduled",
                "state": PLAN,
                "actor": "operator",
                "operation": "schedule_flight",
                "key": "schedule",
            }
        )

    def _pay(
        self, name: str, status: str, topic: str = "payment_authorised", hold: int = 100, **state: Any
    ) -> None:
        """Add a booking whose payment is requested, authorised or declined; `hold` in seconds."""
        cost = {"flight_id": str(FLIGHT), "seats": 2, "total_cost": money(COST), "user_id": name}
        ends = {"expires_at": _at(len(self.events) + hold)}
        self.add(name, "initiated", "initiate_booking", **cost, **ends)
        requested = {"amount": money(COST), "capture_before": ends["expires_at"]}
        self.add(name, "payment_requested", "pay_booking", **requested)
        self.add(name, topic, **(state or {"reference": f"pi_{name}"}))
        self.intents[name] = {
            "id": f"pi_{name}",
            "status": status,
            "amount": COST,
            "currency": "inr",
            "captured": COST if status == "succeeded" else 0,
            "refunded": 0,
            "payment_id": payment_of(name),
            "booking_id": str(booking_of(name)),
        }


def _at(seconds: int) -> str:
    return str(msgspec.to_builtins(START + timedelta(seconds=seconds)))


def money(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "INR"}


def paid(name: str, status: str) -> dict[str, Any]:
    return {"payment_id": payment_of(name), "booking": {"id": str(booking_of(name)), "status": status}}
