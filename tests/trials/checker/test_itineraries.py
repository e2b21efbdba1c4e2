"""The checker on itineraries: silent about the honest history, and loud about each forged one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.trials.checker.samples import PLAN, START, at
from trials.checker.answers import check_events
from trials.checker.history import History
from trials.checker.log import Event, Log, Outcome
from trials.checker.money import check_money
from trials.checker.outcomes import check_charges

FLIGHTS = UUID(int=1), UUID(int=2)
BOOKINGS = UUID(int=11), UUID(int=12)
ITINERARY, PAYMENT = str(UUID(int=20)), str(UUID(int=30))
SHARE, TOTAL = ({"amount": amount, "currency": "GBP"} for amount in (900, 1800))


@dataclass
class ItineraryHistory:
    """Two seats on each of two flights of three: held at second 3, authorised at 4, captured late at 20."""

    events: list[dict[str, Any]] = field(default_factory=list)
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for second, flight in enumerate(FLIGHTS, 1):
            number = f"BA{second}"
            state = PLAN | {"departure_day": "2031-01-01", "number": number}
            self.command("schedule_flight", second, {flight: [("flight.scheduled", state)]}, key=number)
        held = {"user_id": "alice", "seats": 2, "total_cost": SHARE, "expires_at": at(13)}
        self.on_both(
            "initiate_itinerary",
            3,
            lambda flight: [
                ("booking.initiated", held | {"flight_id": str(flight), "itinerary_id": ITINERARY})
            ],
        )
        paid = {"payment_id": PAYMENT}
        pending = paid | {"amount": SHARE, "capture": "manual", "capture_before": at(14)}
        body = {"payment_id": PAYMENT, "itinerary": {"total_cost": TOTAL}}
        self.on_both("pay_itinerary", 4, lambda _: [("booking.payment_pending", pending)], body)
        expired = ("booking.cancelled", {"reason": "hold_expired", "note": None})
        late = [expired, ("booking.reseated", paid), ("booking.booked", paid)]
        self.on_both("capture_itinerary", 20, lambda _: late)

    def on_both(
        self,
        operation: str,
        second: float,
        events: Callable[[UUID], list[tuple[str, Any]]],
        body: Any = None,
    ) -> None:
        pairs = zip(BOOKINGS, FLIGHTS, strict=True)
        self.command(operation, second, {booking: events(flight) for booking, flight in pairs}, body)

    def command(
        self, operation: str, second: float, streams: dict[UUID, Any], body: Any = None, key: str = ""
    ) -> None:
        key = key or operation
        for subject, events in streams.items():
            for topic, state in events:
                facts = {"subject": subject, "topic": topic, "state": dict(state), "key": key}
                when = {"recorded_at": START + timedelta(seconds=second)}
                self.events.append({**facts, "actor": "alice", "operation": operation, **when})
        self.outcomes[key] = {"operation": operation, "body": body or {}, "second": second}

    def of(self, topic: str, number: int) -> dict[str, Any]:
        """Return the event of this topic of the first or second booking."""
        found = (one for one in self.events if one["topic"] == f"booking.{topic}")
        return next(one for one in found if one["subject"] == BOOKINGS[number])

    def drop(self, topic: str, number: int) -> None:
        self.events.remove(self.of(topic, number))

    def violations(self) -> list[str]:
        versions: dict[UUID, int] = {}
        events = []
        for position, event in enumerate(self.events, start=1):
            version = versions[event["subject"]] = versions.get(event["subject"], 0) + 1
            events.append(Event(position=position, version=version, **event))
        outcomes = [self._outcome(events, key, **facts) for key, facts in self.outcomes.items()]
        history = History.of([], Log(events, outcomes))
        rules = check_charges, check_money, check_events
        return [violation for rule in rules for violation in rule(history)]

    def _outcome(self, events: list[Event], key: str, operation: str, body: Any, second: float) -> Outcome:
        own = [event.position for event in events if event.key == key]
        when = START + timedelta(seconds=second)
        text = json.dumps(body)
        return Outcome("alice", operation, key, 200, text, own[0], own[-1], when, correlation_id=key)


def test_an_honest_history_has_no_violation() -> None:
    assert ItineraryHistory().violations() == []


def pay_for_one_only(history: ItineraryHistory) -> None:
    history.drop("payment_pending", 1)


def pay_by_two_payments(history: ItineraryHistory) -> None:
    history.of("payment_pending", 1)["state"]["payment_id"] = str(UUID(int=31))


def pay_in_two_commands(history: ItineraryHistory) -> None:
    history.of("payment_pending", 1).update(key="another")
    history.outcomes["another"] = history.outcomes["pay_itinerary"]


def pay_less_than_the_total(history: ItineraryHistory) -> None:
    history.outcomes["pay_itinerary"]["body"]["itinerary"]["total_cost"] = TOTAL | {"amount": 1900}


def seat_one_again_only(history: ItineraryHistory) -> None:
    for topic in ("reseated", "booked"):
        history.drop(topic, 1)
    owed = {"payment_id": PAYMENT, "refund_id": str(UUID(int=40)), "amount": SHARE, "reason": "late_payment"}
    last = history.of("cancelled", 1)
    history.events.append(last | {"topic": "booking.refund_due", "state": owed})


def owe_all_where_there_were_seats(history: ItineraryHistory) -> None:
    for number in (0, 1):
        history.drop("reseated", number)
        owed = {"refund_id": str(UUID(int=40 + number)), "amount": SHARE, "reason": "late_payment"}
        booked = history.of("booked", number)
        booked.update(topic="booking.refund_due", state={"payment_id": PAYMENT, **owed})


def join_later(history: ItineraryHistory) -> None:
    made = history.of("initiated", 1)
    made.update(key="another")
    history.outcomes["another"] = {"operation": "initiate_itinerary", "body": {}, "second": 3}


FORGERIES: list[tuple[Callable[[ItineraryHistory], None], str]] = [
    (pay_for_one_only, "are paid only"),
    (pay_by_two_payments, "several payments"),
    (pay_by_two_payments, "charged twice"),
    (pay_in_two_commands, "are paid only"),
    (pay_less_than_the_total, "shares of 1800"),
    (seat_one_again_only, "seated again only"),
    (seat_one_again_only, "all seats of the itinerary were there"),
    (owe_all_where_there_were_seats, "all seats of the itinerary were there"),
    (join_later, "joins an itinerary"),
]


@pytest.mark.parametrize(("forge", "sentence"), FORGERIES)
def test_a_forged_history_is_found_out(forge: Callable[[ItineraryHistory], None], sentence: str) -> None:
    history = ItineraryHistory()
    forge(history)
    found = history.violations()
    assert any(sentence in violation for violation in found), found
