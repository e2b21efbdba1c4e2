"""State of the demo: users, flights, bookings as last answered, and every command sent."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from cli.demo.client import DemoCommand, DemoResponse, DemoServer, DemoUser
from cli.demo.crowd import Progress
from cli.demo.notebook import Notebook
from cli.demo.timetable import Departure

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScheduledFlight:
    """A flight that the server scheduled."""

    id: str
    departure: Departure

    @property
    def seats(self) -> int:
        return self.departure.seats

    @property
    def name(self) -> str:
        return f"{self.departure.number} {self.departure.origin}-{self.departure.destination}"

    def cost(self, seats: int) -> dict[str, Any]:
        return {**self.departure.price, "amount": self.departure.price["amount"] * seats}


@dataclass
class Story:
    """State that the acts share, from the server's answers alone."""

    server: DemoServer
    operator: DemoUser
    auditor: DemoUser
    customers: list[DemoUser]
    notebook: Notebook
    progress: Progress
    day: date
    """Day of the timetable in the airports' local time."""
    flights: dict[str, ScheduledFlight] = field(default_factory=dict)
    bookings: dict[str, tuple[DemoUser, Body]] = field(default_factory=dict)
    """User and last answered state of each booking, by id."""
    overbooked: Counter[str] = field(default_factory=Counter)
    """Seats on sale beyond those of the aircraft, by flight id."""
    sent: list[tuple[DemoCommand, DemoResponse]] = field(default_factory=list)
    """Every command with its first answer."""

    async def send(self, command: DemoCommand) -> DemoResponse:
        answer = await command.send()
        self.sent.append((command, answer))
        self.notebook.counts["commands"] += 1
        self._record(command.user, answer)
        return answer

    async def buy(self, user: DemoUser, flight: ScheduledFlight, seats: int) -> Body | None:
        """Hold seats and pay for them. Return the booking, None if a step failed."""
        held = await self.send(user.booking(flight.id, seats))
        if not self.notebook.expect(held, 201):
            return None
        paid = await self.send(user.payment(held.body))
        booking: Body = paid.body.get("booking", {})
        return booking if self.notebook.expect(paid, 201) else None

    async def operate(self, path: str, body: Body, **facts: Any) -> None:
        """Send an operator's command, and check fields of its answer."""
        self.notebook.expect(await self.send(DemoCommand(self.operator, path, body)), 200, None, **facts)

    def _record(self, user: DemoUser, answer: DemoResponse) -> None:
        if answer.status not in (200, 201) or not isinstance(answer.body, dict):
            return
        body: Body = answer.body.get("itinerary") or answer.body.get("booking") or answer.body
        for booking in body.get("bookings", [body]):
            if "total_cost" in booking:
                # Operators act for the customer.
                owner, _ = self.bookings.get(booking["id"], (user, booking))
                self.bookings[booking["id"]] = (owner, booking)

    def seats_sold(self) -> Counter[str]:
        """Count the seats of booked bookings, by flight id."""
        sold: Counter[str] = Counter()
        for _, booking in self.bookings.values():
            if booking["status"] == "booked":
                sold[booking["flight_id"]] += booking["seats"]
        return sold

    def last_hold_ends(self) -> float:
        """Return the end of the last hold in seconds since the epoch, 0.0 if there is none."""
        unpaid = (booking for _, booking in self.bookings.values() if booking["status"] == "initiated")
        return max(map(hold_ends, unpaid), default=0.0)

    def smallest_flight(self, seats_min: int, skip: int = 0) -> ScheduledFlight:
        """Return the smallest flight with at least `seats_min` seats, after skipping `skip` of them."""
        roomy = (flight for flight in self.flights.values() if flight.seats >= seats_min)
        return sorted(roomy, key=lambda flight: (flight.seats, flight.name))[skip]


def hold_ends(booking: Body) -> float:
    """Return the end of a hold in seconds since the epoch."""
    return datetime.fromisoformat(booking["expires_at"]).timestamp()
