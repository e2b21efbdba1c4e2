"""Waiting lists in the second pass: what was offered is what is held, and nobody was passed over."""

from collections.abc import Callable, Iterable
from datetime import datetime
from heapq import heappop, heappush
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from domain.booking import Booking
from domain.waiting import WaitingParty

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

    def follow(self, party: WaitingParty, position: int) -> None:
        """A party right after its event at that position; the events of one party come one after another."""
        line = self._lines.setdefault(party.flight_id, [])
        if party.version == 1:
            line.append(_Party(party, position))
        elif not line[-1].ended_at:
            last = line[-1]
            last.ended_at, last.booking_id = position, party.booking_id
            last.expires_at = party.offer_expires_at

    def follow_hold(self, booking: Booking, position: int) -> None:
        """A booking that the ledger made at that position for a party it made an offer."""
        hold = _Hold(booking.flight_id, booking.user_id, booking.seats, booking.expires_at)
        self._holds[booking.id] = position, hold

    def join(self, other: "WaitingLines") -> None:
        """What others have collected."""
        for flight_id, line in other._lines.items():
            self._lines.setdefault(flight_id, []).extend(line)
        self._holds |= other._holds

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
