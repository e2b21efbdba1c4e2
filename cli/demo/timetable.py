"""The sample timetable: one real day of departures from New York, scheduled for a given day."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

BASE_CENTS = 4_900
CENTS_PER_MILE = 11


@dataclass(frozen=True, slots=True)
class Departure:
    """One departure. Times are local to their airports; the distance is in statute miles."""

    number: str
    origin: str
    destination: str
    departs_local: time
    arrives_local: time
    origin_zone: str
    destination_zone: str
    seats: int
    distance_miles: int

    @property
    def price(self) -> dict[str, Any]:
        """Price of one seat: a base price plus a price for each mile."""
        return {"amount": BASE_CENTS + CENTS_PER_MILE * self.distance_miles, "currency": "USD"}

    def instants(self, day: date) -> tuple[datetime, datetime]:
        """Return departure and arrival times on `day`, each with its airport's offset that day.

        An arrival with an earlier local time than the departure is on the next day. A local time that exists
        twice (clocks going back) means the first one; a time that does not exist (clocks going forward)
        takes the offset before the change (PEP 495, fold=0).
        """
        arrival_day = day + timedelta(days=self.arrives_local < self.departs_local)
        return (
            datetime.combine(day, self.departs_local, ZoneInfo(self.origin_zone)),
            datetime.combine(arrival_day, self.arrives_local, ZoneInfo(self.destination_zone)),
        )

    def scheduled(self, day: date) -> dict[str, Any]:
        """Return the request body that schedules this departure for `day`."""
        departs_at, arrives_at = self.instants(day)
        return {
            "number": self.number,
            "origin": self.origin,
            "destination": self.destination,
            "departs_at": departs_at.isoformat(),
            "arrives_at": arrives_at.isoformat(),
            "seats": self.seats,
            "price": self.price,
        }


def new_york() -> list[Departure]:
    """Read the timetable that ships with the program."""
    text = (files("cli") / "nyc-departures.csv").read_text(encoding="utf-8")
    return read_timetable(text.splitlines())


def read_timetable(lines: Iterable[str]) -> list[Departure]:
    """Read departures from CSV lines with a header. Raises KeyError or ValueError for a bad line."""
    return [
        Departure(
            number=row["number"],
            origin=row["origin"],
            destination=row["destination"],
            departs_local=time.fromisoformat(row["departs_local"]),
            arrives_local=time.fromisoformat(row["arrives_local"]),
            origin_zone=row["origin_zone"],
            destination_zone=row["destination_zone"],
            seats=int(row["seats"]),
            distance_miles=int(row["distance_miles"]),
        )
        for row in csv.DictReader(lines)
    ]
