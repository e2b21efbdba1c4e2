"""Log lines of refused callers: the pseudonym, never the name."""

from collections.abc import Iterator

import pytest
from loguru import logger

from tests.api.conftest import client, token
from tests.erasure.conftest import NAME, House


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Collect log lines with all their fields."""
    found: list[str] = []
    sink = logger.add(lambda message: found.append(str(message)), level="INFO", format="{message} {extra}")
    yield found
    logger.remove(sink)


async def test_the_line_of_a_refused_caller_has_the_pseudonym_and_not_the_name(
    house: House, lines: list[str]
) -> None:
    booking = await house.hold(house.alice, await house.flight())
    (event,) = (await house.auditor.get(f"/api/v1/events?booking_id={booking['id']}&sealed=true")).json()[
        "data"
    ]
    forbidden = await house.alice.get("/api/v1/audit/head")
    expired = await client(house.app, token(NAME, "client", exp=1)).get("/api/v1/bookings")
    another = {"flight_id": booking["flight_id"], "user_id": "bob", "seats": 1}
    own_only = await house.alice.post("/api/v1/bookings", json=another)
    assert [answer.status_code for answer in (forbidden, expired, own_only)] == [403, 401, 403]
    refused = [line for line in lines if line.startswith("request")]
    assert len(refused) == 3
    for line in refused:
        assert event["actor"] in line
        assert "127.0.0.1" in line
        assert NAME not in line


async def test_the_line_of_an_unknown_caller_has_no_name(house: House, lines: list[str]) -> None:
    await client(house.app, token("Mallory Moriarty", "client")).get("/api/v1/audit/head")
    assert "403" in lines[-1]
    assert "Mallory" not in lines[-1]
