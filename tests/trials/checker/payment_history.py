"""The tale of one flight of three seats, whose payments lapse and come late, and whose money goes back.

ALICE's payment is voided, lapses, comes late and seats her again; she gives one seat back, has the money for
it, and loses the other with the flight. BOB's money comes when he has cancelled.
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
    made = {"flight_id": str(FLIGHT), "user_id": "somebody", "seats": seats}
    return made | {"total_cost": cost, "expires_at": at(second + 10)}


def authorised(capture_before: float) -> dict[str, Any]:
    return PAID | {"amount": COST, "capture": "manual", "capture_before": at(capture_before)}


def owed(refund: str, amount: Any, reason: str) -> dict[str, Any]:
    return PAID | {"refund_id": refund, "amount": amount, "reason": reason}


def because(reason: str) -> dict[str, Any]:
    return {"reason": reason, "note": None}


class Tale:
    """Events by name, so that a forger finds them; versions count by themselves."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.outcomes: list[Outcome] = []
        self.calls: list[Call] = []
        self.tell("planned", FLIGHT, 1, "flight.scheduled", PLAN, "schedule_flight")
        self.tell("held", ALICE, 2, "booking.initiated", held(2), "initiate_booking")
        self.tell("authorised", ALICE, 3, "booking.payment_pending", authorised(14), "pay_booking")
        self.tell("voided", ALICE, 4, "booking.payment_voided", PAID | {"reason": "no"}, "void_payment")
        self.tell("again", ALICE, 5, "booking.payment_pending", authorised(15), "pay_booking")
        self.tell("lapsed", ALICE, 16, "booking.cancelled", because("hold_expired"), "expire_hold")
        self.tell("reseated", ALICE, 18, "booking.reseated", PAID, "capture_payment")
        self.tell("booked", ALICE, 18, "booking.booked", PAID, "capture_payment")
        fewer = {"seats": 1, "total_cost": HALF}
        self.tell("fewer", ALICE, 20, "booking.seats_reduced", fewer, "reduce_seats")
        share = owed(REFUNDS[0], HALF, "seats_reduced")
        self.tell("share", ALICE, 20, "booking.refund_due", share, "reduce_seats")
        settled = {"refund_id": REFUNDS[0], "reference": None}
        self.tell("settled", ALICE, 21, "booking.refund_settled", settled, "settle_refund")
        self.tell("bob", BOB, 22, "booking.initiated", held(22), "initiate_booking")
        self.tell("bob pays", BOB, 23, "booking.payment_pending", authorised(33), "pay_booking")
        self.tell("bob goes", BOB, 24, "booking.cancelled", because("requested"), "cancel_booking")
        late = owed(REFUNDS[1], COST, "late_payment")
        self.tell("bob's money", BOB, 25, "booking.refund_due", late, "capture_payment")
        self.tell("ash", FLIGHT, 30, "flight.cancelled", {"reason": "volcanic ash"}, "cancel_flight")
        with_it = because("flight_cancelled")
        self.tell("grounded", ALICE, 30, "booking.cancelled", with_it, "cancel_with_flight")
        rest = owed(REFUNDS[2], HALF, "flight_cancelled")
        self.tell("rest", ALICE, 30, "booking.refund_due", rest, "cancel_with_flight")

    def tell(self, name: str, subject: UUID, second: float, topic: str, state: Any, operation: str) -> None:
        own = operation in ("expire_hold", "cancel_with_flight")
        # What one command wrote is of one instant.
        known = {"actor": LEDGER if own else "alice", "operation": operation, "key": f"{operation} {second}"}
        when = START + timedelta(seconds=second)
        told = {"subject": subject, "topic": topic, "state": state}
        self.events[name] = {**told, **known, "recorded_at": when}

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

    def refuse(self, operation: str, path: str, position: int, second: float, code: str, **told: Any) -> None:
        status, body = 404 if code.endswith("not-found") else 409, json.dumps({"code": code, **told})
        when = START + timedelta(seconds=second)
        self.outcomes.append(Outcome("alice", operation, "no", status, body, None, position, when))
        fields = {"reduce_seats": {"seats": 2}, "pay_booking": {"user_id": "somebody", "total_cost": COST}}
        asked = json.dumps(fields.get(operation, {}))
        self.calls.append(
            Call(
                who="alice",
                role="operator",
                operation=operation,
                path=path,
                key="no",
                body=asked,
                sent_at=0,
                ended_at=1,
            )
        )

    def judged(self) -> list[str]:
        versions: dict[UUID, int] = {}
        events = []
        for position, event in enumerate(self.events.values(), start=1):
            version = versions[event["subject"]] = versions.get(event["subject"], 0) + 1
            events.append(Event(position=position, version=version, **event))
        history = History.of(self.calls, Log(events, self.outcomes))
        rules = check_charges, check_money, check_events, check_answers
        return [violation for rule in rules for violation in rule(history)]
