"""Passengers as lines of text, as the console's form shows and reads them."""

from collections.abc import Iterable
from typing import Any

import msgspec

from api.http import bodies
from api.resources.passengers import PassengerList
from domain.passengers import Passenger

FIELDS = ("given_name", "family_name", "type", "date_of_birth")
SEPARATOR = ";"


def parse_lines(text: str, known: Iterable[Passenger]) -> PassengerList:
    """Return the passengers of the lines, checked as the API checks its bodies. Raises ValidationFailed.

    A line with both names of a passenger that the booking has keeps this passenger; any other is a new one.
    """
    ids = {(one.given_name, one.family_name): one.id for one in known}
    passengers = []
    for line in filter(None, map(str.strip, text.splitlines())):
        parts = [part.strip() for part in line.split(SEPARATOR, len(FIELDS) - 1)]
        found: dict[str, Any] = {name: part for name, part in zip(FIELDS, parts, strict=False) if part}
        found["type"] = found.get("type", "adult").lower().replace(" ", "_")
        if id := ids.pop((found.get("given_name", ""), found.get("family_name", "")), None):
            found["id"] = id
        passengers.append(found)
    return bodies.decode(msgspec.json.encode({"passengers": passengers}), PassengerList)


def show_lines(passengers: Iterable[Passenger]) -> str:
    """Return the lines that stand for these passengers."""
    return "\n".join(
        f"{SEPARATOR} ".join(
            filter(None, (one.given_name, one.family_name, one.type.value, one.date_of_birth))
        )
        for one in passengers
    )


def describe(pointer: str, message: str) -> str:
    """Return the message with the line and the field that a JSON pointer names."""
    _, line, field = (pointer.removeprefix("/") + "//").split("/")[:3]
    place = f"Line {int(line) + 1}" if line.isdigit() else "Passengers"
    return f"{place}{', ' if field else ''}{field.replace('_', ' ')}: {message}"
