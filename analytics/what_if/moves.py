"""Bookings that come to the flight of a replay from another one, or leave it, and changes of its times."""

from copy import copy
from uuid import UUID

from analytics.what_if.demand import PastRequest
from domain.booking import Booking
from domain.schedule import ScheduleChange
from domain.seats import NONE_USED, SeatUse
from domain.working_set import WorkingSet


class Moves:
    """Moves happen in a replay as recorded, like changes of aircraft and times: no policy decides them.

    `elsewhere` are the recorded bookings while they are on other flights.
    """

    def __init__(self, happened: dict[UUID, Booking], working_set: WorkingSet) -> None:
        self._happened = happened
        self._working_set = working_set
        self._elsewhere: dict[UUID, Booking] = {}

    def is_elsewhere(self, request: PastRequest, flight_id: UUID | None) -> bool:
        """Return whether the request is about a booking on another flight, and fold its events if so.

        The flight of the replay is None while it is not scheduled yet.
        """
        first = request.events[0]
        id = first.originator_id
        made_elsewhere = isinstance(first, Booking.Initiated) and first.flight_id != flight_id
        if id not in self._elsewhere and not made_elsewhere:
            return False
        for event in request.events:
            self._elsewhere[id] = event.mutate(self._elsewhere.get(id))
        if self._elsewhere[id].flight_id == flight_id:
            self._arrive(self._elsewhere.pop(id))
        return True

    def follow(self, request: PastRequest, then: Booking | None) -> Booking | None:
        """Follow a change of times or a move away; return the replayed booking if its hold may end otherwise.

        `then` is the recorded booking before the request.
        """
        event = request.events[0]
        now = self._working_set.bookings.get(event.originator_id)
        if isinstance(event, Booking.Moved):
            self._leave(request, then, now)
            return None
        if now is None or then is None:
            return None
        now.latest_change = ScheduleChange(event.was, event.now, event.accept_before)
        if now.held_until == then.held_until:
            now.set_ends(event.expires_at, event.capture_before)
        elif until := now.held_until:
            ends = min(now.expires_at, event.now.departs_at), min(until, event.now.departs_at)
            now.set_ends(*ends)
        return now

    def _arrive(self, booking: Booking) -> None:
        self._happened[booking.id] = booking
        replayed = self._working_set.bookings[booking.id] = copy(booking)
        replayed.itinerary_id = None  # a replay decides each booking of an itinerary alone
        self._working_set.seats[booking.flight_id].replace_use(NONE_USED, SeatUse.of(booking))

    def _leave(self, request: PastRequest, then: Booking | None, now: Booking | None) -> None:
        event = request.events[0]
        if now is not None:
            del self._working_set.bookings[now.id]
            self._working_set.seats[event.from_flight_id].replace_use(SeatUse.of(now), NONE_USED)
        if then is not None:
            self._happened.pop(then.id)
            self._elsewhere[then.id] = event.mutate(then)
