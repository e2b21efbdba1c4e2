"""Waiting lists in the second pass: what was offered is what is held, and nobody was passed over."""

from collections.abc import Callable, Iterable
from datetime import datetime
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from domain.booking import Booking
from domain.waiting import WaitingParty
from domain.waiting_handlers import hold_offer
from ledger.log import RecordedEvent

Note = Callable[[int, str], None]


class _Hold(NamedTuple):
    flight_id: UUID
    user_id: str
    seats: int
    expires_at: datetime


class _Party:
    """`ended_at` is the position at which it was offered seats, left, or was closed; 0 while it waits."""

    __slots__ = ("booking_id", "ended_at", "expires_at", "id", "joined_at", "seats", "user_id")

    def __init__(self, party: WaitingParty, position: int) -> None:
        self.id = party.id
        self.user_id = party.user_id
        self.seats = party.seats
        self.joined_at = position
        self.ended_at = 0
        self.booking_id: UUID | None = None
        self.expires_at: datetime | None = None


class WaitingLines:
    """Collects who waited for which flight from streams in any order; memory grows with those who waited."""

    def __init__(self) -> None:
        self._lines: dict[UUID, list[_Party]] = {}
        self._holds: dict[UUID, tuple[int, _Hold]] = {}

    def follow(self, aggregate: Any, event: RecordedEvent) -> None:
        if isinstance(aggregate, WaitingParty):
            line = self._lines.setdefault(aggregate.flight_id, [])
            if event.originator_version == 1:
                line.append(_Party(aggregate, event.position))
            elif not line[-1].ended_at:
                party = line[-1]
                party.ended_at, party.booking_id = event.position, aggregate.booking_id
                party.expires_at = aggregate.offer_expires_at
        elif event.operation == hold_offer.__name__ and event.topic == Booking.Initiated.TOPIC:
            hold = _Hold(aggregate.flight_id, aggregate.user_id, aggregate.seats, aggregate.expires_at)
            self._holds[aggregate.id] = event.position, hold

    def check(self, cancelled: Iterable[UUID], note: Note) -> None:
        for flight_id in cancelled:
            for party in self._lines.get(flight_id, ()):
                if not party.ended_at:
                    note(party.joined_at, f"flight {flight_id} is cancelled, and {party.id} waits for it")
        for flight_id, line in self._lines.items():
            self._check_offers(flight_id, line, note)
            _check_order(line, note)
        for booking_id, (position, _) in self._holds.items():
            note(position, f"{booking_id} was made for an offer that nobody had")

    def _check_offers(self, flight_id: UUID, line: list[_Party], note: Note) -> None:
        for party in line:
            if party.booking_id is None or party.expires_at is None:
                continue
            _, held = self._holds.pop(party.booking_id, (0, None))
            if held != _Hold(flight_id, party.user_id, party.seats, party.expires_at):
                note(party.ended_at, f"{party.id} was offered {party.booking_id}, which is no such hold")


def _check_order(line: list[_Party], note: Note) -> None:
    """The skip rule: when a party was offered seats, no earlier one that is no larger was still waiting."""
    ended = sorted((party for party in line if party.ended_at), key=attrgetter("ended_at"))
    joining = sorted(line, key=attrgetter("joined_at"), reverse=True)
    # For each size who joined first stands first; whoever waits no more is taken off when met there.
    first: dict[int, list[tuple[int, int]]] = {}
    for party in ended:
        while joining and joining[-1].joined_at < party.ended_at:
            one = joining.pop()
            heappush(first.setdefault(one.seats, []), (one.joined_at, one.ended_at))
        for seats, waiting in first.items():
            while waiting and 0 < waiting[0][1] <= party.ended_at:
                heappop(waiting)
            if party.booking_id and seats <= party.seats and waiting and waiting[0][0] < party.joined_at:
                note(party.ended_at, f"{party.id} is offered seats, and a party before it is passed over")
