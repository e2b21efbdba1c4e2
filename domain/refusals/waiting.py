"""Refusals about the waiting list of a flight."""

from typing import TYPE_CHECKING
from uuid import UUID

from domain.refusals.base import NothingFound, Refusal, Sometimes

if TYPE_CHECKING:
    from domain.waiting import WaitingStatus


class SeatsAvailable(Refusal):
    """The flight has enough free seats.

    Book them instead of waiting.
    """

    asked: int
    free: int


class AlreadyWaiting(Refusal):
    """The user is already on the waiting list of this flight.

    Read the entry `waiting_id`, or leave the list first.
    """

    waiting_id: UUID


class PartyLargerThanFlight(Refusal):
    """The party needs more seats than the flight has.

    Wait with a smaller party, or choose another flight.
    """

    asked: int
    seats: int
    overbooking: Sometimes[int]


class WaitingListFull(Refusal):
    """The waiting list of the flight is full.

    Try again later with a new idempotency key, or choose another flight.
    """

    waiting: int


class WaitingPartyNotFound(NothingFound):
    """There is no such waiting party.

    Check the id. An entry of another user looks like an unknown one.
    """

    waiting_id: Sometimes[UUID]


class NotWaiting(Refusal):
    """The party is no longer waiting.

    Read the entry: its status says what became of it.
    """

    waiting_id: UUID
    was: "WaitingStatus"


class WaitingNotOver(Refusal):
    """The flight can still take the party, or the party is no longer waiting.

    Read the entry: its status says whether it still waits.
    """

    is_recorded = False
    waiting_id: UUID
