"""The read set: what a block loads before it decides its commands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Protocol, Self
from uuid import UUID

from domain.flight import NaturalKey


class WaitingLists(NamedTuple):
    """Waiting lists to load, by flight, or by a booking, a waiting party or an itinerary of the flight."""

    of_flights: set[UUID]
    of_bookings: set[UUID]
    of_parties: set[UUID]
    of_itineraries: set[UUID]


class _Reader(Protocol):
    """A command, as far as a read set uses it."""

    def add_reads(self, read_set: ReadSet, /) -> None: ...


@dataclass(slots=True)
class ReadSet:
    """Ids of what the commands of a block touch. Each command adds its own (`Command.add_reads`)."""

    flights: set[UUID] = field(default_factory=set)
    bookings: set[UUID] = field(default_factory=set)
    parties: set[UUID] = field(default_factory=set)
    itineraries: set[UUID] = field(default_factory=set)
    """Itineraries; all bookings of each are loaded."""
    refunds: set[UUID] = field(default_factory=set)
    """Refunds; the booking of each is loaded."""
    seats_needed: dict[UUID, int] = field(default_factory=dict)
    """Seats that the commands take on a flight; due holds are loaded until expiring them frees as many."""
    departures: bool = False
    """Whether the times of departure of the flights of these bookings are loaded with the seat counts."""
    captures: set[UUID] = field(default_factory=set)
    """Bookings that may need lost seats again; loaded with their flights and due holds."""
    itinerary_captures: set[UUID] = field(default_factory=set)
    """Itineraries; all bookings of each are loaded like `captures`."""
    all_bookings_of: set[UUID] = field(default_factory=set)
    """Flights; all live bookings of each are loaded."""
    natural_keys: set[NaturalKey] = field(default_factory=set)
    new_days: set[tuple[UUID, date]] = field(default_factory=set)
    """Flights and other departure days of theirs; the natural key of each pair is looked up."""
    waiting_lists: WaitingLists = field(default_factory=lambda: WaitingLists(set(), set(), set(), set()))

    @classmethod
    def of(cls, commands: Iterable[_Reader]) -> Self:
        """Return what these commands need together."""
        read_set = cls()
        for command in commands:
            command.add_reads(read_set)
        return read_set

    @property
    def names_flights_indirectly(self) -> bool:
        """True if the block also touches flights that the read set names only by booking or waiting party."""
        lists = self.waiting_lists
        return bool(
            self.captures
            or lists.of_bookings
            or lists.of_parties
            or lists.of_itineraries
            or self.itinerary_captures
        )

    def add_seats_needed(self, flight_id: UUID, seats: int) -> None:
        self.seats_needed[flight_id] = self.seats_needed.get(flight_id, 0) + seats
