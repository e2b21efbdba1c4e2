"""Pages of each list over three ledgers: nothing twice and nothing missing while rows are added."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from analytics.schema import migrate
from api.app import create_app
from database import registry
from database.connection import connect_sync
from ledger.ledger import open_ledger
from tests.api.conftest import SETTINGS, People, running

CARRIERS = {"main": "QF", "ai": "AI", "ba": "BA"}
"""A carrier of each ledger."""

Add = Callable[["Trade", str], Awaitable[str]]
"""Adds a row of a list to the ledger of this carrier, and returns its id."""


@pytest.fixture
async def people(database_url: str) -> AsyncIterator[People]:
    for ledger, carrier in CARRIERS.items():
        if ledger == "main":
            continue
        with connect_sync(database_url, "test", autocommit=False) as connection:
            entry = registry.begin_entry(connection, ledger, (carrier,), None)
            migrate(registry.url_of(entry, database_url))
            registry.add_entry(connection, entry)
    app = create_app(SETTINGS, lambda: open_ledger(database_url, SETTINGS))
    async with running(app):
        yield People.of(app)


class Trade:
    """Makes rows of every list."""

    def __init__(self, people: People) -> None:
        self.people = people
        self._numbers = itertools.count(1)

    async def flight(self, carrier: str, seats: int = 1) -> dict[str, Any]:
        """Schedule a flight on another day and at another price than any before."""
        number = next(self._numbers)
        # Neighbours in the log are far apart in time and price.
        day, price = number * 7 % 27 + 1, 1_000 + number * 37 % 101
        return await self.people.flight(
            number=f"{carrier}{number}",
            departs_at=f"2040-05-{day:02}T10:00:00Z",
            arrives_at=f"2040-05-{day:02}T18:00:00Z",
            seats=seats,
            price={"amount": price, "currency": "INR"},
        )

    async def booking(self, carrier: str) -> dict[str, Any]:
        return await self.people.booking(await self.flight(carrier), 1)


async def add_flight(trade: Trade, carrier: str) -> str:
    return str((await trade.flight(carrier))["id"])


async def add_booking(trade: Trade, carrier: str) -> str:
    return str((await trade.booking(carrier))["id"])


async def add_refund(trade: Trade, carrier: str) -> str:
    booking = await trade.booking(carrier)
    assert (await trade.people.pay(booking, key=booking["id"])).status_code == 201
    await trade.people.alice.post(f"/api/v1/bookings/{booking['id']}/cancel")
    found = await trade.people.operator.get(f"/api/v1/refunds?booking_id={booking['id']}")
    return str(found.json()["data"][0]["id"])


async def add_waiting(trade: Trade, carrier: str) -> str:
    booking = await trade.booking(carrier)
    body = {"user_id": "bob", "seats": 1}
    joined = await trade.people.bob.post(f"/api/v1/flights/{booking['flight_id']}/waitlist", json=body)
    assert joined.status_code == 201, joined.text
    return str(joined.json()["id"])


async def add_itinerary(trade: Trade, carrier: str) -> str:
    parts = [{"flight_id": (await trade.flight(carrier))["id"], "seats": 1}]
    held = await trade.people.alice.post("/api/v1/itineraries", json={"user_id": "alice", "bookings": parts})
    assert held.status_code == 201, held.text
    return str(held.json()["id"])


def by_price(row: Any) -> Any:
    return row["price"]["amount"], row["id"]


LISTS: list[tuple[str, Add, Callable[[Any], Any], bool]] = [
    ("flights?sort=departs_at", add_flight, lambda row: (row["departs_at"], row["id"]), False),
    ("flights?sort=-departs_at", add_flight, lambda row: (row["departs_at"], row["id"]), True),
    ("flights?sort=price&currency=INR", add_flight, by_price, False),
    ("flights?sort=-price&currency=INR", add_flight, by_price, True),
    ("bookings?sort=created_at", add_booking, lambda row: (row["created_at"], row["id"]), False),
    ("bookings?sort=-created_at", add_booking, lambda row: (row["created_at"], row["id"]), True),
    ("bookings?sort=updated_at", add_booking, lambda row: (row["updated_at"], row["id"]), False),
    ("bookings?sort=-updated_at", add_booking, lambda row: (row["updated_at"], row["id"]), True),
    ("bookings?status=initiated&user_id=alice", add_booking, lambda row: row["id"], True),
    ("refunds?status=due", add_refund, lambda row: row["id"], False),
    ("waitlist?user_id=bob", add_waiting, lambda row: (row["joined_at"], row["id"]), False),
    ("itineraries?user_id=alice", add_itinerary, lambda row: row["id"], True),
]


@pytest.mark.parametrize(("path", "add", "key", "descending"), LISTS, ids=[one[0] for one in LISTS])
async def test_pages_over_three_ledgers_have_each_row_once_while_rows_are_added(
    people: People, path: str, add: Add, key: Callable[[Any], Any], descending: bool
) -> None:
    trade = Trade(people)
    # Different numbers, so that ledgers end on different pages.
    before = [await add(trade, carrier) for carrier in ("QF", "AI", "AI", "BA", "BA", "BA")]
    walked: list[Any] = []
    cursor, carriers = "", itertools.cycle(CARRIERS.values())
    for limit in itertools.cycle((2, 1, 3)):
        answer = await people.operator.get(f"/api/v1/{path}&limit={limit}{cursor}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["data"]) <= limit
        walked += page["data"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
        if len(walked) < 12:
            await add(trade, next(carriers))
            await add(trade, next(carriers))
    ids = [row["id"] for row in walked]
    assert len(ids) == len(set(ids))
    assert set(before) <= set(ids)
    assert walked == sorted(walked, key=key, reverse=descending)


OTHERS = [
    ("flights?limit=1", "flights?limit=1&sort=-departs_at"),
    ("flights?limit=1", "flights?limit=1&origin=LHR"),
    ("flights?limit=1", "flights?limit=1&date=2040-05-10"),
    ("flights?limit=1&sort=price&currency=INR", "flights?limit=1&sort=-price&currency=INR"),
    ("flights?limit=1", "flights?limit=1&ledger=ai"),
    ("flights?limit=1&ledger=ai", "flights?limit=1&ledger=ba"),
    ("flights?limit=1", "bookings?limit=1"),
    ("bookings?limit=1", "bookings?limit=1&sort=updated_at"),
    ("bookings?limit=1", "bookings?limit=1&status=booked"),
    ("bookings?limit=1&status=initiated", "bookings?limit=1&status=initiated,booked"),
    ("bookings?limit=1", "bookings?limit=1&user_id=alice"),
    ("bookings?limit=1", "itineraries?limit=1"),
    ("refunds?limit=1", "refunds?limit=1&status=due"),
    ("refunds?limit=1", "bookings?limit=1&sort=created_at"),
    ("waitlist?limit=1", "waitlist?limit=1&user_id=bob"),
    ("waitlist?limit=1", "waitlist?limit=1&status=waiting"),
    ("waitlist?limit=1", "refunds?limit=1"),
    ("itineraries?limit=1", "itineraries?limit=1&user_id=alice"),
]


async def test_a_cursor_is_refused_for_another_list_filter_order_ledger_or_caller(people: People) -> None:
    trade = Trade(people)
    for carrier in CARRIERS.values():
        for add in (add_refund, add_waiting, add_itinerary):
            await add(trade, carrier)
            await add(trade, carrier)
    for path, other in OTHERS:
        page = (await people.operator.get(f"/api/v1/{path}")).json()
        cursor = page["next_cursor"]
        assert cursor, path
        assert_refused(await people.operator.get(f"/api/v1/{other}&cursor={cursor}"), other)
        changed = ("B" if cursor[0] == "A" else "A") + cursor[1:]
        assert_refused(await people.operator.get(f"/api/v1/{path}&cursor={changed}"), path)
        # It continues its own list, also with another limit.
        again = await people.operator.get(f"/api/v1/{path.replace('limit=1', 'limit=2')}&cursor={cursor}")
        assert again.status_code == 200, again.text
        assert page["data"][0]["id"] not in [row["id"] for row in again.json()["data"]]
    of_operator = (await people.operator.get("/api/v1/bookings?limit=1")).json()["next_cursor"]
    assert_refused(await people.alice.get(f"/api/v1/bookings?limit=1&cursor={of_operator}"), "of a client")


def assert_refused(answer: httpx.Response, path: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (400, "validation-failed"), (path, answer.text)
    assert [error["parameter"] for error in answer.json()["errors"]] == ["cursor"]
