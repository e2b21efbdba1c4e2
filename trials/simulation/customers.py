"""Customers: they hold, pay, wait, cancel, and repeat commands.

The simulation has a crowd of its own: it gives commands to a writer in memory, reads the twin's views without
a call, and draws every key and id from the seed. The crowd of the torture calls over HTTP in real time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import msgspec

from domain.caller import Caller, Role
from domain.commands import (
    CancelBooking,
    CapturePayment,
    Command,
    InitiateBooking,
    JoinWaitlist,
    LeaveWaitlist,
    PayBooking,
    ReduceSeats,
    VoidPayment,
)
from domain.money import Money
from domain.payments import Capture
from ledger.submission import Answer
from trials.simulation.world import SimulatedCall, World

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")


@dataclass(slots=True)
class HeldBooking:
    """A booking as its customer last received it."""

    id: UUID
    version: int
    cost: Money


class Customer:
    """Competes with others for seats; repeats unanswered commands, and sometimes answered ones."""

    def __init__(self, world: World, name: str, flights: list[UUID]) -> None:
        self._world = world
        self._random = world.random
        self._caller = Caller(name, frozenset({Role.CLIENT}))
        self._flights = flights
        self._bookings: list[HeldBooking] = []
        self._waits: list[UUID] = []
        self._calls: list[SimulatedCall] = []
        self._keys = count(1)

    async def live(self, commands: int, pause: float) -> None:
        actions, weights = zip(*_ACTIONS, strict=True)
        for _ in range(commands):
            await self._world.pause(pause)
            (act,) = self._random.choices(actions, weights)
            await act(self)

    async def hold(self) -> None:
        user = self._caller.subject
        if self._random.random() < 0.02:
            user = "mallory"
        seats = self._random.choice((1, 1, 1, 2, 2, 3, 9))
        answer = await self._settle(InitiateBooking(self._random.choice(self._flights), user, seats))
        if answer is not None and answer.status == 201:
            self._bookings.append(msgspec.json.decode(answer.body, type=_BookingAnswer).booking)

    async def hold_many(self) -> None:
        await asyncio.gather(*(self.hold() for _ in range(self._random.randint(2, 5))))

    async def pay(self) -> None:
        booking = self._some_booking()
        if booking is None:
            await self.hold()
        else:
            await self._settle(self._payment(booking), self._some_version(booking))

    async def pay_twice(self) -> None:
        """Pay twice at once, each under its own key: only one of them may take the money."""
        await asyncio.gather(self.pay(), self.pay())

    async def pay_and_cancel(self) -> None:
        await asyncio.gather(self.pay(), self.cancel())

    async def cancel(self) -> None:
        booking = self._some_booking()
        if booking is None:
            await self.hold()
        else:
            await self._settle(CancelBooking(booking.id), self._some_version(booking))

    async def authorise(self) -> None:
        """Pay in two steps. The second comes at once, late or never, and under any key."""
        booking = self._some_booking()
        if booking is None:
            await self.hold()
            return
        payment = PayBooking(booking.id, self._caller.subject, booking.cost, Capture.MANUAL)
        await self._settle(payment, self._some_version(booking))
        if self._random.random() < 0.6:
            await self._world.pause(self._random.choice((0.01, 1.0, 4.0)))
            resolutions: list[Command] = [CapturePayment(booking.id), VoidPayment(booking.id, "declined")]
            chosen = self._random.choices(resolutions, (3, 1), k=self._random.choice((1, 1, 2)))
            await asyncio.gather(*(self._settle(command) for command in chosen))

    async def give_some_back(self) -> None:
        booking = self._some_booking()
        if booking is None:
            await self.hold()
        else:
            fewer = ReduceSeats(booking.id, self._random.randint(1, 3))
            await self._settle(fewer, self._some_version(booking))

    async def wait(self) -> None:
        """Join a waiting list."""
        user = "mallory" if self._random.random() < 0.02 else self._caller.subject
        seats = self._random.choice((1, 1, 2, 2, 3, 4))
        answer = await self._settle(JoinWaitlist(self._random.choice(self._flights), user, seats))
        if answer is not None and answer.subject_id is not None:
            self._waits.append(answer.subject_id)

    async def take_offers(self) -> None:
        """Take over offered bookings: they are then treated like any other."""
        bookings = self._world.database.bookings
        for row in [self._world.database.waiting.get(id) for id in self._waits]:
            if row is not None and row[5] in bookings:
                self._waits.remove(row[0])
                offered = bookings[row[5]]
                self._bookings.append(
                    HeldBooking(row[5], offered[12].real, Money(offered[4].real, offered[5]))
                )

    async def leave(self) -> None:
        """Leave a waiting list, now and then another customer's."""
        others = list(self._world.database.waiting)
        chosen = others if others and self._random.random() < 0.1 else self._waits[-3:]
        if chosen:
            await self._settle(LeaveWaitlist(self._random.choice(chosen)))
        else:
            await self.wait()

    async def poison(self) -> None:
        """Give a command that the database always refuses, beside a good one that must not suffer."""
        hold = InitiateBooking(self._random.choice(self._flights), self._caller.subject, 1)
        call = self._world.call(hold, self._caller, f"{self._caller.subject}-{next(self._keys)}")
        call.poison = True
        await asyncio.gather(self.hold(), self._world.settle(call))

    async def repeat(self) -> None:
        """Repeat an earlier command, answered or not: the same key, the same body."""
        if self._calls:
            await self._world.settle(self._random.choice(self._calls))

    async def twist(self) -> None:
        """Use an earlier key with another body."""
        if not self._calls:
            return
        call = self._random.choice(self._calls)
        other = self._twisted(call.command)
        if other is not None:
            await self._world.settle(self._world.call(other, self._caller, call.key, call.expected_version))

    async def _settle(self, command: Command, version: int | None = None) -> Answer | None:
        call = self._world.call(command, self._caller, f"{self._caller.subject}-{next(self._keys)}", version)
        self._calls.append(call)
        if self._random.random() < 0.05:
            # The client gives up after two attempts; the command may have been executed or not.
            return await self._world.settle(call, attempts_max=2)
        if self._random.random() < 0.03 and (other := self._twisted(command)) is not None:
            twisted = self._world.call(other, self._caller, call.key, version)
            await asyncio.gather(self._world.settle(call), self._world.settle(twisted))
        return await self._world.settle(call)

    def _twisted(self, command: Command) -> Command | None:
        match command:
            case InitiateBooking(flight_id, user_id, seats):
                return InitiateBooking(flight_id, user_id, seats % 3 + 1)
            case JoinWaitlist(flight_id, user_id, seats):
                return JoinWaitlist(flight_id, user_id, seats % 3 + 1)
            case PayBooking(booking_id, user_id, cost, capture):
                return PayBooking(booking_id, user_id, Money(cost.amount + 1, cost.currency), capture)
            case ReduceSeats(booking_id, seats):
                return ReduceSeats(booking_id, seats % 3 + 1)
            case CancelBooking(booking_id):
                return CancelBooking(booking_id, "another reason")
        return None

    def _payment(self, booking: HeldBooking) -> PayBooking:
        wrong = self._random.random() < 0.08
        cost = Money(booking.cost.amount + wrong, booking.cost.currency)
        return PayBooking(booking.id, self._caller.subject, cost)

    def _some_booking(self) -> HeldBooking | None:
        """Return one of the last few bookings, now and then another customer's."""
        others = self._world.database.bookings
        if others and self._random.random() < 0.03:
            return HeldBooking(self._random.choice(list(others)), 1, Money(100, "INR"))
        return self._random.choice(self._bookings[-4:]) if self._bookings else None

    def _some_version(self, booking: HeldBooking) -> int | None:
        return self._random.choice((None, None, None, None, booking.version, booking.version + 1))


_ACTIONS: tuple[tuple[Callable[[Customer], Awaitable[None]], int], ...] = (
    (Customer.hold, 80),
    (Customer.hold_many, 20),
    (Customer.pay, 60),
    (Customer.pay_twice, 10),
    (Customer.pay_and_cancel, 10),
    (Customer.cancel, 20),
    (Customer.authorise, 30),
    (Customer.give_some_back, 10),
    (Customer.repeat, 20),
    (Customer.twist, 10),
    (Customer.poison, 3),
    (Customer.wait, 30),
    (Customer.take_offers, 30),
    (Customer.leave, 8),
)
"""The actions of customers and their relative frequency."""


class _BookingAnswer(msgspec.Struct):
    id: UUID
    version: int
    total_cost: Money

    @property
    def booking(self) -> HeldBooking:
        return HeldBooking(self.id, self.version, self.total_cost)
