"""The story so far: who takes part, what the server told them, and every command they gave."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from cli.demo.client import Answer, Command, Person, Server
from cli.demo.crowd import Watch
from cli.demo.notebook import Notebook
from cli.demo.timetable import Departure

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Flight:
    """A flight that the server has scheduled."""

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
    """Everything the acts share. Only what the server answered is believed."""

    server: Server
    operator: Person
    auditor: Person
    customers: list[Person]
    notebook: Notebook
    watch: Watch
    day: date
    """The day of the timetable, in the airports' own reckoning."""
    flights: dict[str, Flight] = field(default_factory=dict)
    bookings: dict[str, tuple[Person, Body]] = field(default_factory=dict)
    """By id: whose, and the booking as last told to them."""
    given: list[tuple[Command, Answer]] = field(default_factory=list)
    """Every command that got a first answer, with that answer."""

    async def give(self, command: Command) -> Answer:
        answer = await command.give()
        self.given.append((command, answer))
        self.notebook.counts["commands"] += 1
        self._believe(command.who, answer)
        return answer

    def _believe(self, who: Person, answer: Answer) -> None:
        if answer.status not in (200, 201) or not isinstance(answer.body, dict):
            return
        booking = answer.body.get("booking", answer.body)
        if "total_cost" in booking:
            self.bookings[booking["id"]] = (who, booking)

    def seats_sold(self) -> Counter[str]:
        """Seats by flight id, as far as customers were told that they are booked."""
        sold: Counter[str] = Counter()
        for _, booking in self.bookings.values():
            if booking["status"] == "booked":
                sold[booking["flight_id"]] += booking["seats"]
        return sold

    def last_hold_ends(self) -> float:
        """Seconds since the epoch; 0.0 when nothing is held."""
        unpaid = (told for _, told in self.bookings.values() if told["status"] == "initiated")
        return max(map(hold_ends, unpaid), default=0.0)

    def smallest_flight(self, seats_min: int, skip: int = 0) -> Flight:
        """The smallest flight with so many seats, or the next after it, and so on."""
        roomy = (flight for flight in self.flights.values() if flight.seats >= seats_min)
        return sorted(roomy, key=lambda flight: (flight.seats, flight.name))[skip]


def hold_ends(booking: Body) -> float:
    """Seconds since the epoch."""
    return datetime.fromisoformat(booking["expires_at"]).timestamp()
