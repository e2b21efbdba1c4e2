"""Replay: decide the demand of a flight again with the real handlers, and compare with the record."""

import hashlib
import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from analytics.what_if.commands import command_for, lacked_seats_elsewhere, payment
from analytics.what_if.demand import Demand, Habits, PastRequest
from analytics.what_if.moves import Moves
from analytics.what_if.outcome import HoldOutcomes
from domain.booking import Booking
from domain.caller import SYSTEM, CommandContext
from domain.commands.base import Command
from domain.commands.bookings import CancelWithFlight, ExpireHold, InitiateBooking
from domain.commands.passengers import SplitBooking
from domain.commands.payments import CapturePayment, RecordPayment
from domain.flight import Flight
from domain.handlers import HANDLERS
from domain.payments import Capture
from domain.refusals.base import Refusal
from domain.seats import Seats
from domain.working_set import Terms, WorkingSet


class Policy(NamedTuple):
    """Duration of a hold, and overbooking as a share of a flight's seats. None: as recorded."""

    hold: timedelta | None = None
    overbook: Fraction | None = None

    def overbooking(self, flight: Flight) -> int:
        return flight.overbooking if self.overbook is None else int(flight.seats * self.overbook)


class Replay:
    """Replay of one flight. `happened` holds the bookings as recorded, `working_set.bookings` as replayed."""

    def __init__(self, policy: Policy, habits: Habits, capture_window: timedelta) -> None:
        self._policy = policy
        self._habits = habits
        self._window = capture_window
        self._flight: Flight | None = None
        self._usual_hold = policy.hold or timedelta(0)
        """Duration of the flight's latest hold."""
        self._holds: list[tuple[datetime, UUID]] = []
        self._held_now: list[tuple[datetime, UUID]] = []
        self._drawn: list[tuple[datetime, UUID]] = []
        self._ids = 0
        self._next_id: UUID | None = None
        self.happened: dict[UUID, Booking] = {}
        self.working_set = WorkingSet(
            datetime.min.replace(tzinfo=UTC), Terms(capture_window, capture_window, capture_window), self._id
        )
        self._moves = Moves(self.happened, self.working_set)
        self.refused = 0
        self.refused_then = 0

    @property
    def seats(self) -> int:
        """Seats of the aircraft."""
        return self._flight.seats if self._flight else 0

    def replay(self, request: PastRequest) -> None:
        """Replay the next request of the flight."""
        self._pay_drawn(request.at)
        self._clock(request.at)
        if request.refused == "not-enough-seats":
            self.refused_then += 1
            self._retry_refused(request)
        elif request.refused is not None:
            self._do_on(request.subject_id, lambda b: payment(b, Capture.AUTOMATIC), self._window)
        elif isinstance(request.events[0], Flight.Event):
            self._apply_to_flight(request)
        elif self._moves.is_elsewhere(request, self._flight.id if self._flight else None):
            self._note_hold(self.working_set.bookings.get(request.events[0].originator_id))
        elif isinstance(request.events[0], Booking.Moved | Booking.ScheduleChanged):
            self._follow(request)
        else:
            self._decide(request)
            self._record(request)

    def _record(self, request: PastRequest) -> None:
        for event in request.events:
            booking = event.mutate(self.happened.get(event.originator_id))
            self.happened[event.originator_id] = booking

    def _follow(self, request: PastRequest) -> None:
        """Follow a move or other times, which no policy decides."""
        self._note_hold(self._moves.follow(request, self.happened.get(request.events[0].originator_id)))
        if not isinstance(request.events[0], Booking.Moved):
            self._record(request)

    def _note_hold(self, booking: Booking | None) -> None:
        """Remember the end of a hold that has changed."""
        if booking and (until := booking.held_until):
            self._held_now.append((until, booking.id))

    def end(self, at: datetime) -> None:
        """Finish at the time when the log ends."""
        self._pay_drawn(at)
        self._clock(at)

    def _apply_to_flight(self, request: PastRequest) -> None:
        """Apply the recorded events of the flight itself: a policy does not change aircraft and prices."""
        for event in request.events:
            self._flight = event.mutate(self._flight)
        assert self._flight is not None
        self.working_set.flights[self._flight.id] = self._flight
        seats = self.working_set.seats.setdefault(self._flight.id, Seats(0))
        seats.seats, seats.overbooking = self._flight.seats, self._policy.overbooking(self._flight)
        if self._flight.cancelled:
            for booking in self.working_set.live_bookings(self._flight.id):
                due = booking.hold_is_due(request.at)
                self._do(ExpireHold(booking.id) if due else CancelWithFlight(booking.id))

    def _decide(self, request: PastRequest) -> None:
        """Decide the recorded command again. Commands of the ledger itself follow from the replay."""
        first = request.events[0]
        windows = [
            e.capture_before - request.at for e in request.events if getattr(e, "capture_before", None)
        ]
        window = windows[0] if windows else self._window
        if request.operation == SplitBooking.OPERATION:
            return  # The seats stay with the booking that asked for them.
        if isinstance(first, Booking.Initiated):
            # An offer to a waiting party is a hold with its own duration, which the policy does not change.
            hold = first.expires_at - request.at
            if request.operation in ("initiate_booking", "initiate_itinerary"):
                hold = self._usual_hold = self._policy.hold or hold
            hold_command = InitiateBooking(first.flight_id, first.user_id, first.seats)
            if not self._hold(hold_command, first.originator_id, hold):
                self.refused += 1
            return
        gateway = getattr(first, "gateway", None)
        then = self.happened.get(first.originator_id)
        with self._no_seats() if lacked_seats_elsewhere(request, then) else nullcontext():
            self._do_on(request.subject_id, lambda booking: command_for(request, booking), window, gateway)

    @contextmanager
    def _no_seats(self) -> Iterator[None]:
        """Seat no late booking again within this context, as on a cancelled flight."""
        flights = self.working_set.flights
        assert self._flight is not None
        closed = copy(self._flight)
        closed.cancelled = True
        self.working_set.flights = {closed.id: closed}
        yield
        self.working_set.flights = flights

    def _retry_refused(self, request: PastRequest) -> None:
        """Request a refused hold again. If granted, it is paid as often and as late as recorded holds were.

        The random draw depends on the request alone, so a replay is deterministic.
        """
        assert self._flight is not None
        drawn = hashlib.sha256(f"{request.key} {request.at.isoformat()}".encode()).digest()
        id = UUID(bytes=drawn[:16])
        hold_command = InitiateBooking(self._flight.id, "", request.seats)
        if not self._hold(hold_command, id, self._usual_hold):
            self.refused += 1
            return
        holds, paid, delays = self._habits
        share, quantile = (int.from_bytes(drawn[n : n + 8]) for n in (16, 24))
        if share * holds < paid << 64:
            delay = delays[quantile * len(delays) >> 64]
            heapq.heappush(self._drawn, (request.at + delay, id))

    def _pay_drawn(self, until: datetime) -> None:
        while self._drawn and self._drawn[0][0] <= until:
            at, id = heapq.heappop(self._drawn)
            self._clock(at)
            self._do_on(id, lambda booking: payment(booking, Capture.AUTOMATIC), self._window)

    def _hold(self, hold_command: InitiateBooking, id: UUID, hold: timedelta) -> bool:
        self._terms(hold, self._window, None)
        self._make_room(hold_command.seats)
        self._next_id = id
        return self._do(hold_command)

    def _do_on(
        self,
        booking_id: UUID | None,
        command: Callable[[Booking], Command | None],
        window: timedelta,
        gateway: str | None = None,
    ) -> None:
        """Run a command on a booking, unless the replay refused its hold."""
        booking = self.working_set.bookings.get(booking_id) if booking_id else None
        decided = command(booking) if booking else None
        if booking is None or decided is None:
            return
        self._terms(self.working_set.terms.hold, window, gateway)
        if isinstance(decided, CapturePayment | RecordPayment) and booking.may_be_seated_again:
            self._make_room(booking.seats)
        self._do(decided)

    def _terms(self, hold: timedelta, window: timedelta, gateway: str | None) -> None:
        self.working_set.terms = Terms(hold, window, window, gateway)

    def _make_room(self, seats: int) -> None:
        """Expire due holds, oldest first, until enough seats are free, as a block does."""
        assert self._flight is not None
        count = self.working_set.seats[self._flight.id]
        while count.free < seats and self._holds and self._holds[0][0] <= self.working_set.now:
            until, id = heapq.heappop(self._holds)
            booking = self.working_set.bookings.get(id)  # none if it was moved away
            if booking and booking.held_until == until:
                self._do(ExpireHold(id))

    def _do(self, command: Command) -> bool:
        """Run the command and return whether it was accepted."""
        try:
            HANDLERS[type(command)](command, CommandContext(SYSTEM), self.working_set)
        except Refusal:
            self.working_set.apply_seat_changes()
            self._next_id = None
            return False
        subject = self.working_set.apply_seat_changes()
        assert isinstance(subject, Flight | Booking)
        subject.collect_events()
        if isinstance(subject, Booking) and (until := subject.held_until):
            self._held_now.append((until, subject.id))
        return True

    def _clock(self, now: datetime) -> None:
        """Move the clock. A hold becomes expirable only in a later block than its own."""
        if now > self.working_set.now:
            self.working_set.now = now
            for hold in self._held_now:
                heapq.heappush(self._holds, hold)
            self._held_now.clear()

    def _id(self) -> UUID:
        next_id, self._next_id = self._next_id, None
        self._ids += 1
        return next_id or UUID(int=self._ids)


@dataclass(slots=True)
class Comparison:
    """Recorded (`then`) and replayed (`now`) outcomes of `flights`."""

    flights: int = 0
    commands: int = 0
    then: HoldOutcomes = field(default_factory=HoldOutcomes)
    now: HoldOutcomes = field(default_factory=HoldOutcomes)


def compare(
    demand: Demand, policy: Policy, capture_window: timedelta, progress: Callable[[int, int], None]
) -> Comparison:
    """Replay the demand flight by flight. `progress` receives the counts of flights and commands."""
    result = Comparison()
    for _, requests in demand.flights():
        replay = Replay(policy, demand.habits, capture_window)
        for request in requests:
            replay.replay(request)
            result.commands += 1
        replay.end(demand.ends_at)
        result.flights += 1
        result.then.add(replay.happened.values(), replay.refused_then, replay.seats, demand.ends_at)
        result.now.add(replay.working_set.bookings.values(), replay.refused, replay.seats, demand.ends_at)
        progress(result.flights, result.commands)
    return result
