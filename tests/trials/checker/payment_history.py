"""A made-up history of one flight with three seats: payments lapse and come late, and money goes back.

ALICE's payment is voided, lapses, comes late and seats her again. She gives one seat back, gets its money,
and loses the other seat with the flight. BOB's money comes after his cancellation.
"""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.trials.checker.samples import COST, FLIGHT, PLAN, START, at
from trials.checker.answers import check_answers, check_events
from trials.checker.calls import Call
from trials.checker.history import History
from trials.checker.log import LEDGER, Event, Log, Outcome
from trials.checker.money import check_money
from trials.checker.outcomes import check_charges

ALICE, BOB, CAROL = (UUID(int=number) for number in (11, 12, 13))
"""Their bookings."""
PAYMENT, REFUNDS = str(UUID(int=20)), [str(UUID(int=number)) for number in (31, 32, 33)]
HALF = {"amount": 450, "currency": "GBP"}
PAID = {"payment_id": PAYMENT}


def held(second: float, seats: int = 2) -> dict[str, Any]:
    cost = {"amount": 450 * seats, "currency": "GBP"}
    fields = {"flight_id": str(FLIGHT), "user_id": "customer", "seats": seats}
    return fields | {"total_cost": cost, "expires_at": at(second + 10)}


def authorised(capture_before: float) -> dict[str, Any]:
    return PAID | {"amount": COST, "capture": "manual", "capture_before": at(capture_before)}


def owed(refund: str, amount: Any, reason: str) -> dict[str, Any]:
    return PAID | {"refund_id": refund, "amount": amount, "reason": reason}


def reason(value: str) -> dict[str, Any]:
    return {"reason": value, "note": None}


class PaymentHistory:
    """Events by name, so that a test can forge them. Versions count by themselves."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.outcomes: list[Outcome] = []
        self.calls: list[Call] = []
        self.add("planned", FLIGHT, 1, "flight.scheduled", PLAN, "schedule_flight")
        self.add("held", ALICE, 2, "booking.initiated", held(2), "initiate_booking")
        self.add("authorised", ALICE, 3, "booking.payment_pending", authorised(14), "pay_booking")
        self.add("voided", ALICE, 4, "booking.payment_voided", PAID | {"reason": "no"}, "void_payment")
        self.add("again", ALICE, 5, "booking.payment_pending", authorised(15), "pay_booking")
        self.add("lapsed", ALICE, 16, "booking.cancelled", reason("hold_expired"), "expire_hold")
        self.add("reseated", ALICE, 18, "booking.reseated", PAID, "capture_payment")
        self.add("booked", ALICE, 18, "booking.booked", PAID, "capture_payment")
        fewer = {"seats": 1, "total_cost": HALF}
        self.add("fewer", ALICE, 20, "booking.seats_reduced", fewer, "reduce_seats")
        share = owed(REFUNDS[0], HALF, "seats_reduced")
        self.add("share", ALICE, 20, "booking.refund_due", share, "reduce_seats")
        settled = {"refund_id": REFUNDS[0], "reference": None}
        self.add("settled", ALICE, 21, "booking.refund_settled", settled, "settle_refund")
        self.add("bob", BOB, 22, "booking.initiated", held(22), "initiate_booking")
        self.add("bob pays", BOB, 23, "booking.payment_pending", authorised(33), "pay_booking")
        self.add("bob goes", BOB, 24, "booking.cancelled", reason("requested"), "cancel_booking")
        late = owed(REFUNDS[1], COST, "late_payment")
        self.add("bob's money", BOB, 25, "booking.refund_due", late, "capture_payment")
        self.add("ash", FLIGHT, 30, "flight.cancelled", {"reason": "volcanic ash"}, "cancel_flight")
        with_it = reason("flight_cancelled")
        self.add("grounded", ALICE, 30, "booking.cancelled", with_it, "cancel_with_flight")
        rest = owed(REFUNDS[2], HALF, "flight_cancelled")
        self.add("rest", ALICE, 30, "booking.refund_due", rest, "cancel_with_flight")

    def add(self, name: str, subject: UUID, second: float, topic: str, state: Any, operation: str) -> None:
        own = operation in ("expire_hold", "cancel_with_flight")
        # All events of one command have one instant.
        command = {
            "actor": LEDGER if own else "alice",
            "operation": operation,
            "key": f"{operation} {second}",
        }
        when = START + timedelta(seconds=second)
        facts = {"subject": subject, "topic": topic, "state": state}
        self.events[name] = {**facts, **command, "recorded_at": when}

    def drop(self, *names: str) -> None:
        for name in names:
            del self.events[name]

    def show(self, operation: str, path: str, position: int, body: Any) -> None:
        self.calls.append(
            Call(
                who="alice",
                operation=operation,
                path=path,
                sent_at=0,
                ended_at=1,
                status=200,
                position=position,
                text=json.dumps(body),
            )
        )

    def refuse(
        self, operation: str, path: str, position: int, second: float, code: str, **facts: Any
    ) -> None:
        status, body = 404 if code.endswith("not-found") else 409, json.dumps({"code": code, **facts})
        when = START + timedelta(seconds=second)
        recorded = status != 404
        if recorded:
            self.outcomes.append(Outcome("alice", operation, "no", status, body, None, position, when))
        fields = {"reduce_seats": {"seats": 2}, "pay_booking": {"user_id": "customer", "total_cost": COST}}
        request = json.dumps(fields.get(operation, {}))
        self.calls.append(
            Call(
                who="alice",
                role="operator",
                operation=operation,
                path=path,
                key="no",
                body=request,
                sent_at=0,
                ended_at=1,
                **({} if recorded else {"status": status, "position": position, "text": body}),
            )
        )

    def violations(self) -> list[str]:
        versions: dict[UUID, int] = {}
        events = []
        for position, event in enumerate(self.events.values(), start=1):
            version = versions[event["subject"]] = versions.get(event["subject"], 0) + 1
            events.append(Event(position=position, version=version, **event))
        history = History.of(self.calls, Log(events, self.outcomes))
        rules = check_charges, check_money, check_events, check_answers
        return [violation for rule in rules for violation in rule(history)]
