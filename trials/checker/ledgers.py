"""Several ledgers behind one API: each call belongs to one of them, and no log has anything of another.

The rules of the contract are stated a second time: an id names its ledger by twelve bits, and a new flight
belongs to the ledger of its carrier.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import msgspec

from trials.checker.calls import Call
from trials.checker.log import Log

MAIN = "main"


class LedgerPlace(msgspec.Struct, frozen=True):
    """A ledger of a deployment. `main`, number 0, takes all carriers that no other ledger has."""

    name: str
    number: int = 0
    carriers: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        return "ledger" if self.name == MAIN else f"ledger_{self.name}"

    def made(self, id: str) -> bool:
        return number_in(id) == self.number


ONLY_MAIN = (LedgerPlace(MAIN),)


def number_in(id: str) -> int:
    """Return the number of the ledger that made the id."""
    return UUID(id).int >> 64 & 0xFFF


def divide(calls: Sequence[Call], places: Sequence[LedgerPlace]) -> dict[str, list[Call]]:
    """Return the calls to each ledger. A list of several ledgers is divided into one list of each."""
    if len(places) == 1:
        return {places[0].name: list(calls)}
    divided: dict[str, list[Call]] = {place.name: [] for place in places}
    for call in calls:
        if is_list(call):
            for place in places:
                divided[place.name].append(_part_of(call, place))
        else:
            divided[place_of(call, places).name].append(call)
    return divided


def is_list(call: Call) -> bool:
    return call.operation in ("bookings", "by_reference", "refunds")


_IDS = ("booking_id", "itinerary_id", "flight_id")
"""Fields of a body that name what the call is about."""


def place_of(call: Call, places: Sequence[LedgerPlace]) -> LedgerPlace:
    """Return the ledger that must answer: by the carrier of a new flight, or by the id of the call."""
    body = msgspec.json.decode(call.body) if call.body else {}
    if call.operation == "schedule_flight":
        carrier = body["number"][:2]
        return next((place for place in places if carrier in place.carriers), places[0])
    subject = f"{call.path}//".split("/")[2]
    parts = body.get("bookings") or [body]
    about = next((id for name in _IDS if (id := parts[0].get(name) or body.get(name))), subject)
    if call.operation == "move_booking":
        about = subject  # its body names the flight to go to
    return next((place for place in places if place.made(about)), places[0])


def _part_of(call: Call, place: LedgerPlace) -> Call:
    """Return what the list says of one ledger: its rows, as far as the page reaches, and its position."""
    if call.status != 200:
        return call
    page = msgspec.json.decode(call.text)
    rows = [row for row in page["data"] if place.made(row["id"])]
    last = page["data"][-1]["id"] if page["next_cursor"] else None
    text = msgspec.json.encode({"data": rows, "next_cursor": page["next_cursor"], "last": last}).decode()
    return msgspec.structs.replace(call, text=text, position=call.positions.get(place.name))


def check_apart(
    calls: Sequence[Call], logs: Mapping[str, Log], places: Sequence[LedgerPlace]
) -> Iterator[str]:
    """Each answer names its ledger; each event and outcome is in one log, that of the ledger it names."""
    for call in calls:
        if is_list(call):
            yield from _list_of_all(call, places)
        elif call.answered and call.ledger != place_of(call, places).name:
            yield f"answered by the ledger {call.ledger!r}, not {place_of(call, places).name}: {call}"
    commands: defaultdict[Any, list[str]] = defaultdict(list)
    for place in places:
        for event in logs[place.name].events:
            if not place.made(str(event.subject)):
                yield f"{place.name} has an event about {event.subject}, an id of another ledger: {event}"
        for outcome in logs[place.name].outcomes:
            commands[outcome.command].append(place.name)
    for command, names in commands.items():
        if len(names) > 1:
            yield f"the command {command} is recorded in {' and '.join(names)}"


def _list_of_all(call: Call, places: Sequence[LedgerPlace]) -> Iterator[str]:
    """A page of all ledgers states the position of each, is in order, and is full if there is another."""
    if call.status != 200:
        return
    if call.positions.keys() != {place.name for place in places}:
        yield f"the list states positions of {sorted(call.positions)}: {call}"
    page = msgspec.json.decode(call.text)
    ids = [row["id"] for row in page["data"]]
    if ids != sorted(set(ids), reverse=call.operation != "refunds"):
        yield f"the list is not in order, or has a row twice: {call}"
    if strangers := [id for id in ids if not any(place.made(id) for place in places)]:
        yield f"the list has rows of no ledger, {strangers}: {call}"
    (limit,) = parse_qs(urlsplit(call.path).query)["limit"]
    if len(ids) > int(limit) or (page["next_cursor"] and len(ids) < int(limit)):
        yield f"the page of {limit} rows has {len(ids)}: {call}"
