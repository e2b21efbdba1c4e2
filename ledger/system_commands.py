"""System commands: expire a hold, cancel a booking with its flight."""

from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from domain.caller import SYSTEM
from domain.commands.bookings import CancelWithFlight, ExpireHold
from ledger.submission import Submission, render_plain


class Hold(Protocol):
    """A booking, or its row in a view."""

    @property
    def id(self) -> UUID: ...

    @property
    def held_until(self) -> datetime | None: ...


def expiry_of(hold: Hold, correlation_id: str = "") -> Submission:
    """Return the command that expires a hold.

    The key includes the end of the hold: a late payment can start a second hold of the same booking.
    """
    assert hold.held_until is not None
    key = f"{hold.id}-{hold.held_until.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    return Submission(ExpireHold(hold.id), SYSTEM, render_plain, key=key, correlation_id=correlation_id)


def cancellation_of(booking_id: UUID, correlation_id: str = "") -> Submission:
    """Return the command that cancels a booking with its flight. A flight is cancelled only once."""
    return Submission(
        CancelWithFlight(booking_id), SYSTEM, render_plain, key=str(booking_id), correlation_id=correlation_id
    )
