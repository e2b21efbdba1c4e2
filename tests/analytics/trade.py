"""Random trade: commands of every kind, so that streams take every possible course."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from database.connection import Connection
from domain.caller import SYSTEM
from domain.commands.base import Command
from domain.commands.bookings import (
    AcceptChange,
    CancelBooking,
    ExpireHold,
    InitiateBooking,
    MoveBooking,
    ReduceSeats,
)
from domain.commands.fields import NewPolicy, Price
from domain.commands.flights import (
    CancelFlight,
    ChangeFlightSeats,
    MoveAllBookings,
    RepriceFlight,
    RetimeFlight,
    ScheduleFlight,
)
from domain.commands.itineraries import (
    CancelItinerary,
    CaptureItinerary,
    InitiateItinerary,
    ItineraryBooking,
    PayItinerary,
    RecordItineraryPayment,
    VoidItinerary,
)
from domain.commands.payments import (
    CapturePayment,
    PayBooking,
    RecordPayment,
    RecordRefund,
    SettleRefund,
    VoidPayment,
)
from domain.commands.waiting import JoinWaitlist
from domain.money import Money
from domain.payments import Capture, PaymentOutcome
from ledger.ledger import Ledger, open_ledger
from ledger.submission import Submission, render_plain
from runtime.settings import Settings
from tests.waiting import await_until

PRICE = 100
PARTS = {"fare": 67, "fee:booking": 3, "tax:IN": 30}
BRIEF_HOLD_SECONDS = 1
GATEWAY_ANSWERS = [PaymentOutcome.AUTHORISED] * 4 + list(PaymentOutcome)
ROUTES = (("LHR", "JFK"), ("DEL", "BOM"), ("JFK", "LHR"))


@dataclass
class Trade:
    """Ledgers with long holds (`patient`), holds due at once (`hasty`), and a gateway with random answers."""

    patient: Ledger
    hasty: Ledger
    gateways: list[Ledger]
    dice: random.Random
    flights: list[UUID] = field(default_factory=list)
    bookings: dict[UUID, int] = field(default_factory=dict)
    itineraries: list[UUID] = field(default_factory=list)

    @property
    def through(self) -> Ledger:
        return self.dice.choice(self.gateways)

    async def do(self, command: Command, ledger: Ledger | None = None) -> UUID | None:
        answer = await (ledger or self.patient).submit(Submission(command, SYSTEM, render_plain))
        return answer.subject_id

    async def rush(self, rounds: int, at_once: int = 64) -> None:
        """Submit `rounds` rounds of `at_once` concurrent commands, whether accepted or refused."""
        for _ in range(rounds):
            await asyncio.gather(*(self._step() for _ in range(at_once)))

    async def schedule(self, seats: int = 12) -> UUID:
        origin, destination = self.dice.choice(ROUTES)
        departs = datetime.now(UTC) + timedelta(days=self.dice.randint(1, 90))
        number = f"{self.dice.choice(['BA', 'AI'])}{len(self.flights) + 1}"
        arrives = departs + timedelta(hours=8)
        flight = await self.do(
            ScheduleFlight(
                number,
                origin,
                destination,
                departs,
                arrives,
                seats,
                Price(PRICE, "INR", PARTS if len(self.flights) % 2 else None),
                cancellation_policy=NewPolicy(None, {"fare": 50, "tax:*": 100}),
            )
        )
        if flight:
            self.flights.append(flight)
        return flight or self.flights[-1]

    async def _step(self) -> None:
        if len(self.flights) < 3 or self.dice.random() < 0.02:
            await self.schedule()
        elif self.dice.random() < 0.02:
            await self.do(self._change_schedule())
        elif not self.bookings or self.dice.random() < 0.3:
            await self._hold()
        elif self.dice.random() < 0.1:
            await self._hold_itinerary()
        elif self.itineraries and self.dice.random() < 0.15:
            await self._on_itinerary()
        else:
            command, ledger = self._on_booking()
            await self.do(command, ledger)

    async def _hold(self) -> None:
        seats = self.dice.randint(1, 3)
        flight = self.dice.choice(self.flights)
        ledger = self.dice.choice([self.patient, self.through, self.hasty])
        booking = await self.do(InitiateBooking(flight, "alice", seats), ledger)
        if booking:
            self.bookings[booking] = seats
        elif self.dice.random() < 0.2:
            await self.do(JoinWaitlist(flight, f"user-{self.dice.random()}", seats))

    def _change_schedule(self) -> Command:
        departs = datetime.now(UTC) + timedelta(days=self.dice.randint(1, 90))
        if self.dice.random() < 0.3:
            flight, *targets = self.dice.sample(self.flights, 3)
            return MoveAllBookings(flight, tuple(targets))
        return RetimeFlight(self.dice.choice(self.flights), departs, departs + timedelta(hours=8), "fog")

    async def _hold_itinerary(self) -> None:
        """Hold one or two seats on each of two flights."""
        seats, ledger = self.dice.randint(1, 2), self.dice.choice([self.patient, self.through, self.hasty])
        parts = tuple(ItineraryBooking(flight, seats) for flight in self.dice.sample(self.flights, 2))
        first = await self.do(InitiateItinerary("alice", parts), ledger)
        if first is None:
            return
        async with self.patient.read() as connection:
            cursor = await connection.execute(
                "select id, itinerary_id from ledger.bookings"
                " where itinerary_id = (select itinerary_id from ledger.bookings where id = %s)",
                [first],
            )
            found = await cursor.fetchall()
        self.bookings |= dict.fromkeys((booking for booking, _ in found), seats)
        self.itineraries.append(found[0][1])

    async def _on_itinerary(self) -> None:
        dice = self.dice
        itinerary = dice.choice(self.itineraries[-20:])
        async with self.patient.read() as connection:
            cursor = await connection.execute(
                "select sum(cost_amount)::int8 from ledger.bookings"
                " where itinerary_id = %s and status <> 'cancelled'",
                [itinerary],
            )
            ((amount,),) = await cursor.fetchall()
        cost = Money(amount or 0, "INR")
        commands: list[Command] = [
            PayItinerary(itinerary, "alice", cost, dice.choice(list(Capture)), "pm_card_visa"),
            CaptureItinerary(itinerary),
            VoidItinerary(itinerary, "changed their mind"),
            CancelItinerary(itinerary),
        ]
        command = dice.choices(commands, [6, 3, 2, 1])[0]
        await self.do(command, dice.choice([self.patient, self.through, self.through, self.hasty]))

    def _on_booking(self) -> tuple[Command, Ledger]:
        dice = self.dice
        booking = dice.choice(list(self.bookings)[-60:])
        cost = Money(PRICE * self.bookings[booking], "INR")
        ledger = dice.choice([self.patient, self.hasty, self.through])
        manual = dice.choice(list(Capture))
        kind = dice.randrange(100)
        if kind < 30:
            return PayBooking(booking, "alice", cost, manual), ledger
        if kind < 45:
            return PayBooking(booking, "alice", cost, manual, "pm_card_visa"), self.through
        if kind < 56:
            return CapturePayment(booking), ledger
        if kind < 64:
            return VoidPayment(booking, "changed their mind"), ledger
        if kind < 70 and self.bookings[booking] > 1:
            return ReduceSeats(booking, self.bookings[booking] - 1), ledger
        if kind < 80:
            return CancelBooking(booking), ledger
        if kind < 88:
            return ExpireHold(booking), ledger
        if kind < 92:
            return MoveBooking(booking, dice.choice(self.flights)), ledger
        if kind < 95:
            return AcceptChange(booking), ledger
        flight = dice.choice(self.flights)
        if kind < 97:
            return RepriceFlight(flight, Price(PRICE, "INR")), ledger
        return (
            (ChangeFlightSeats(flight, dice.randint(8, 20)), ledger)
            if kind < 99
            else (CancelFlight(flight, "fog"), ledger)
        )

    async def answer_by_gateway(self) -> None:
        """Record random gateway answers for payments and refunds; settle some refunds by hand."""
        async with self.patient.read() as connection:
            cursor = await connection.execute(
                "select id, payment_id, itinerary_id from ledger.bookings where payment_id is not null"
                " order by id desc limit 200"
            )
            payments = await cursor.fetchall()
            cursor = await connection.execute("select id, status from ledger.refunds order by id limit 200")
            refunds = await cursor.fetchall()
        commands: list[Command] = [
            (RecordItineraryPayment if itinerary else RecordPayment)(
                itinerary or booking, payment, self.dice.choice(GATEWAY_ANSWERS), "pi_1", "no_money"
            )
            for booking, payment, itinerary in payments
            if self.dice.random() < 0.3
        ]
        for booking, *_ in payments:
            if self.dice.random() < 0.3:
                commands.append(self.dice.choice([VoidPayment(booking, "let go"), CapturePayment(booking)]))
        commands += [self._refund(id) for id, _ in refunds if self.dice.random() < 0.5]
        await asyncio.gather(*(self.do(command, self.through) for command in commands))

    async def pay_late(self) -> None:
        """Authorise a payment after the hold expired, while the seats are free: the booking is reseated."""
        flight = await self.schedule()
        brief = self.gateways[-1]
        booking = await self.do(InitiateBooking(flight, "alice", 2), brief)
        assert booking
        self.bookings[booking] = 2
        await self.do(PayBooking(booking, "alice", Money(2 * PRICE, "INR"), Capture.AUTOMATIC, "pm_1"), brief)
        async with self.patient.read() as connection:
            await await_until(lambda: self._is_due(connection, booking))
            await self.do(ExpireHold(booking), brief)
            cursor = await connection.execute(
                "select payment_id from ledger.bookings where id = %s", [booking]
            )
            ((payment,),) = await cursor.fetchall()
        await self.do(RecordPayment(booking, payment, PaymentOutcome.AUTHORISED, "pi_1", None), brief)

    async def _is_due(self, connection: Connection, booking: UUID) -> bool:
        cursor = await connection.execute(
            "select held_until < clock_timestamp() from ledger.bookings where id = %s", [booking]
        )
        ((due,),) = await cursor.fetchall()
        return bool(due)

    def _refund(self, id: UUID) -> Command:
        if self.dice.random() < 0.5:
            return SettleRefund(id)
        return RecordRefund(id, None, self.dice.choice([None, "charge_disputed"]))


@asynccontextmanager
async def open_trade(url: str, seed: int) -> AsyncIterator[Trade]:
    async with AsyncExitStack() as stack:

        async def ledger(**terms: Any) -> Ledger:
            return await stack.enter_async_context(open_ledger(url, Settings(**terms)))

        yield Trade(
            await ledger(),
            await ledger(hold_seconds=0, capture_seconds=0),
            [
                await ledger(gateway="simulator"),
                await ledger(
                    gateway="simulator", hold_seconds=BRIEF_HOLD_SECONDS, capture_seconds=BRIEF_HOLD_SECONDS
                ),
            ],
            random.Random(seed),
        )
