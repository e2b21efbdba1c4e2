"""Times of a flight, and a change of them as a booking sees it."""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec


class Times(msgspec.Struct, frozen=True):
    """The scheduled times of a flight, in UTC."""

    departs_at: datetime
    arrives_at: datetime

    def shift_from(self, other: "Times") -> timedelta:
        """Return the larger of the differences of both times, as a positive duration."""
        return max(abs(self.departs_at - other.departs_at), abs(self.arrives_at - other.arrives_at))


class ScheduleChange(msgspec.Struct, frozen=True):
    """Times that the customer last agreed to, and the times now.

    Until `accept_before` the customer may accept them, or cancel with all money back; None: no answer needed.
    """

    was: Times
    now: Times
    accept_before: datetime | None

    @property
    def json(self) -> str:
        """This change as the view of bookings stores it."""
        return _encode(self).decode()


class Retiming(NamedTuple):
    """Terms of a change of times, for all bookings that it concerns.

    A change below `small` needs no answer, but one of the `route` does. `hold_until` and `capture_before` are
    the ends of a hold and of an authorised payment that begin now, were there no departure.
    """

    was: Times
    now: Times
    accept_before: datetime
    small: timedelta
    hold_until: datetime
    capture_before: datetime
    route: bool = False

    def needs_answer(self, agreed: Times) -> bool:
        """Return whether a customer that agreed to these times has to be asked."""
        return self.route or (self.now != agreed and self.now.shift_from(agreed) >= self.small)

    def end_of(self, end: datetime, latest: datetime) -> datetime:
        """Return the new end of a hold or payment: never after the departure.

        If it ended with the earlier departure, it goes on with the new one, until `latest`.
        """
        if end == self.was.departs_at:
            end = max(end, latest)
        return min(end, self.now.departs_at)


_encode = msgspec.json.Encoder().encode
