"""The checker on waiting lists: a list is at rest after each group of commands of one block."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.trials.checker.samples import COST, FLIGHT, PLAN, START, at
from trials.checker.answers import check_events
from trials.checker.history import EXACT, History
from trials.checker.log import LEDGER, Event, Log, Outcome

FIRST, SECOND, THIRD, PARTY = (UUID(int=number) for number in (11, 12, 13, 14))
OTHER_FLIGHT = UUID(int=15)
SWEEP = ""
"""The correlation id of all commands of a sweep: they have no cause."""


class SweepHistory:
    """One seat of three is held until second 5, one until 6, one for long; a party of two waits.

    Another flight has a hold until second 6.5.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.outcomes: list[Outcome] = []
        for flight, number in ((FLIGHT, "BA117"), (OTHER_FLIGHT, "BA119")):
            state = PLAN | {"number": number, "departure_day": "2031-01-01"}
            self.add(flight, 1, "flight.scheduled", state, "schedule_flight", 1, number)
        for hold, flight, ends in (
            (FIRST, FLIGHT, 5),
            (SECOND, FLIGHT, 6),
            (UUID(int=16), FLIGHT, 60),
            (THIRD, OTHER_FLIGHT, 6.5),
        ):
            state = {"flight_id": str(flight), "user_id": "alice", "seats": 1, "expires_at": at(ends)}
            state["total_cost"] = COST | {"amount": 450}
            self.add(hold, 1, "booking.initiated", state, "initiate_booking", 2, str(hold))
        waits = {"flight_id": str(FLIGHT), "user_id": "bob", "seats": 2}
        self.add(PARTY, 1, "waiting.joined", waits, "join_waitlist", 3, "wait")

    def expire(self, booking: UUID, second: float) -> None:
        """Expire a hold as a sweep does."""
        state = {"reason": "hold_expired"}
        self.add(booking, 2, "booking.cancelled", state, "expire_hold", second, SWEEP, actor=LEDGER)

    def add(
        self,
        subject: UUID,
        version: int,
        topic: str,
        state: Any,
        operation: str,
        second: float,
        correlation_id: str,
        actor: str = "alice",
    ) -> None:
        position, when = len(self.events) + 1, START + timedelta(seconds=second)
        key = (actor, operation, str(subject))
        self.events.append(Event(position, subject, version, topic, state, *key, when))
        self.outcomes.append(Outcome(*key, 200, "{}", position, position, when, correlation_id))

    def violations(self) -> list[str]:
        return list(check_events(History.of([], Log(self.events, self.outcomes), EXACT, False)))


def test_a_hold_that_falls_due_between_two_blocks_of_a_sweep_is_not_free_in_the_first() -> None:
    history = SweepHistory()
    history.expire(FIRST, 5.5)
    history.expire(THIRD, 7)
    assert history.violations() == []


def test_a_hold_that_is_due_in_the_block_of_a_sweep_is_free_for_the_waiting_party() -> None:
    history = SweepHistory()
    history.expire(FIRST, 6.1)
    history.expire(THIRD, 7)
    (violation,) = history.violations()
    assert violation.startswith(f"2 seats of {FLIGHT} are free, and a party of 2 waits")


def test_a_split_moves_no_seats_so_holds_that_are_due_are_not_free_after_it() -> None:
    history = SweepHistory()
    state = {"flight_id": str(FLIGHT), "user_id": "alice", "seats": 1, "expires_at": at(6)}
    state["total_cost"] = COST | {"amount": 450}
    history.add(UUID(int=17), 1, "booking.initiated", state, "split_booking", 6.1, "split")
    history.expire(THIRD, 7)
    assert [one for one in history.violations() if "waits at" in one] == []
