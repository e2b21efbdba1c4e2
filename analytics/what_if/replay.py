"""One flight's demand decided again, by the handlers that decide for real, beside what happened."""

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from analytics.what_if.commands import again, payment
from analytics.what_if.demand import Demand, Habits, Recorded
from analytics.what_if.outcome import Outcome
from domain.booking import Booking
from domain.caller import SYSTEM, CommandContext
from domain.commands import (
    CancelWithFlight,
    CapturePayment,
    Command,
    ExpireHold,
    InitiateBooking,
    RecordPayment,
)
from domain.flight import Flight
from domain.handlers import HANDLERS
from domain.payments import Capture
from domain.refusals import Refusal
from domain.seats import Seats
from domain.working_set import Terms, WorkingSet


class Policy(NamedTuple):
    """How long a hold lasts (None: as each did), and by what share more seats are sold than there are."""

    hold: timedelta | None = None
    overbook: Fraction = Fraction(0)

    def capacity(self, seats: int) -> int:
        return seats + int(seats * self.overbook)


class Replay:
    """One flight. `happened` and `world.bookings` are the bookings as they were, and as they come out now."""

    def __init__(self, policy: Policy, habits: Habits, capture_window: timedelta) -> None:
        self._policy = policy
        self._habits = habits
        self._window = capture_window
        self._flight: Flight | None = None
        self._usual_hold = policy.hold or timedelta(0)
        """As long as the flight's latest hold was to last."""
        self._holds: list[tuple[datetime, UUID]] = []
        self._held_now: list[tuple[datetime, UUID]] = []
        self._drawn: list[tuple[datetime, UUID]] = []
        self._ids = 0
        self._next_id: UUID | None = None
        self.happened: dict[UUID, Booking] = {}
        self.world = WorkingSet(
            datetime.min.replace(tzinfo=UTC), Terms(capture_window, capture_window, capture_window), self._id
        )
        self.refused = 0
        self.refused_then = 0

    @property
    def seats(self) -> int:
        """That the aircraft has."""
        return self._flight.seats if self._flight else 0

    def take(self, command: Recorded) -> None:
        """The next command of the flight, as it was recorded."""
        self._pay_drawn(command.at)
        self._clock(command.at)
        if command.refused == "not-enough-seats":
            self.refused_then += 1
            self._ask_again(command)
        elif command.refused is not None:
            self._do_on(command.subject_id, lambda b: payment(b, Capture.AUTOMATIC), self._window)
        elif isinstance(command.events[0], Flight.Event):
            self._fly(command)
        else:
            self._decide(command)
            for event in command.events:
                booking = event.mutate(self.happened.get(event.originator_id))
                self.happened[event.originator_id] = booking

    def end(self, at: datetime) -> None:
        """Nothing more was recorded by then."""
        self._pay_drawn(at)
        self._clock(at)

    def _fly(self, command: Recorded) -> None:
        """What befell the flight befalls it again: no policy alters aircraft and prices."""
        for event in command.events:
            self._flight = event.mutate(self._flight)
        assert self._flight is not None
        self.world.flights[self._flight.id] = self._flight
        seats = self.world.seats.setdefault(self._flight.id, Seats(0))
        seats.seats = self._policy.capacity(self._flight.seats)
        if self._flight.cancelled:
            for booking in self.world.live_bookings(self._flight.id):
                due = booking.hold_is_due(command.at)
                self._do(ExpireHold(booking.id) if due else CancelWithFlight(booking.id))

    def _decide(self, command: Recorded) -> None:
        """The same command as then; what the ledger itself did is left to what it does now."""
        first = command.events[0]
        windows = [
            e.capture_before - command.at for e in command.events if getattr(e, "capture_before", None)
        ]
        window = windows[0] if windows else self._window
        if isinstance(first, Booking.Initiated):
            # An offer to those who wait is a hold of another length, which this policy is not about.
            hold = first.expires_at - command.at
            if command.operation == "initiate_booking":
                hold = self._usual_hold = self._policy.hold or hold
            ask = InitiateBooking(first.flight_id, first.user_id, first.seats)
            if not self._hold(ask, first.originator_id, hold):
                self.refused += 1
            return
        gateway = getattr(first, "gateway", None)
        self._do_on(command.subject_id, lambda booking: again(command, booking), window, gateway)

    def _ask_again(self, command: Recorded) -> None:
        """A hold that was refused; whoever gets it now pays as those did who got theirs, by a throw of dice
        that depends on the command alone.
        """
        assert self._flight is not None
        thrown = hashlib.sha256(f"{command.key} {command.at.isoformat()}".encode()).digest()
        id = UUID(bytes=thrown[:16])
        ask = InitiateBooking(self._flight.id, "", command.seats)
        if not self._hold(ask, id, self._usual_hold):
            self.refused += 1
            return
        holds, paid, delays = self._habits
        share, quantile = (int.from_bytes(thrown[n : n + 8]) for n in (16, 24))
        if share * holds < paid << 64:
            delay = delays[quantile * len(delays) >> 64]
            heapq.heappush(self._drawn, (command.at + delay, id))

    def _pay_drawn(self, until: datetime) -> None:
        while self._drawn and self._drawn[0][0] <= until:
            at, id = heapq.heappop(self._drawn)
            self._clock(at)
            self._do_on(id, lambda booking: payment(booking, Capture.AUTOMATIC), self._window)

    def _hold(self, ask: InitiateBooking, id: UUID, hold: timedelta) -> bool:
        self._terms(hold, self._window, None)
        self._make_room(ask.seats)
        self._next_id = id
        return self._do(ask)

    def _do_on(
        self,
        booking_id: UUID | None,
        command: Callable[[Booking], Command | None],
        window: timedelta,
        gateway: str | None = None,
    ) -> None:
        """A command on a booking, if there is one now: its hold may have been refused."""
        booking = self.world.bookings.get(booking_id) if booking_id else None
        asked = command(booking) if booking else None
        if booking is None or asked is None:
            return
        self._terms(self.world.terms.hold, window, gateway)
        if isinstance(asked, CapturePayment | RecordPayment) and booking.may_be_seated_again:
            self._make_room(booking.seats)
        self._do(asked)

    def _terms(self, hold: timedelta, window: timedelta, gateway: str | None) -> None:
        self.world.terms = Terms(hold, window, window, gateway)

    def _make_room(self, seats: int) -> None:
        """As blocks do: due holds are free seats, and are expired when they are needed, oldest first."""
        assert self._flight is not None
        count = self.world.seats[self._flight.id]
        while count.free < seats and self._holds and self._holds[0][0] <= self.world.now:
            until, id = heapq.heappop(self._holds)
            if self.world.bookings[id].held_until == until:
                self._do(ExpireHold(id))

    def _do(self, command: Command) -> bool:
        """Was it accepted?"""
        try:
            subject = HANDLERS[type(command)](command, CommandContext(SYSTEM), self.world)
        except Refusal:
            self.world.settle()
            self._next_id = None
            return False
        self.world.settle()
        subject.collect_events()
        if isinstance(subject, Booking) and (until := subject.held_until):
            self._held_now.append((until, subject.id))
        return True

    def _clock(self, now: datetime) -> None:
        """Blocks look for due holds when they begin: one that was over when it was made stays in its own."""
        if now > self.world.now:
            self.world.now = now
            for hold in self._held_now:
                heapq.heappush(self._holds, hold)
            self._held_now.clear()

    def _id(self) -> UUID:
        given, self._next_id = self._next_id, None
        self._ids += 1
        return given or UUID(int=self._ids)


@dataclass(slots=True)
class Comparison:
    """What happened on `flights`, and what would have."""

    flights: int = 0
    commands: int = 0
    then: Outcome = field(default_factory=Outcome)
    now: Outcome = field(default_factory=Outcome)


def compare(
    demand: Demand, policy: Policy, capture_window: timedelta, progress: Callable[[int, int], None]
) -> Comparison:
    """Replay all of the demand, flight by flight; `progress` is told flights and commands."""
    result = Comparison()
    for _, commands in demand.flights():
        replay = Replay(policy, demand.habits, capture_window)
        for command in commands:
            replay.take(command)
            result.commands += 1
        replay.end(demand.ends_at)
        result.flights += 1
        result.then.add(replay.happened.values(), replay.refused_then, replay.seats, demand.ends_at)
        result.now.add(replay.world.bookings.values(), replay.refused, replay.seats, demand.ends_at)
        progress(result.flights, result.commands)
    return result
