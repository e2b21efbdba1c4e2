"""Streams of one process: not without end, and each page once."""

import re
import time

import pytest

from api.http.streams import STREAMS_MAX, EventStream
from api.resources.event_pages import read_event_page
from ledger import log
from ledger.log import EventSearch
from tests.api.conftest import People

LOST = {"last-event-id": "999999999999"}


async def test_one_stream_too_many_is_told_to_come_back(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people.app.state.streams, "_open", STREAMS_MAX)
    answer = await people.auditor.get("/api/v1/events/stream")
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"]


async def test_no_stream_begins_while_the_program_stops(people: People) -> None:
    people.app.state.stopping.set()
    assert (await people.auditor.get("/api/v1/events/stream")).status_code == 503


async def test_a_stream_that_could_not_begin_is_not_counted(people: People) -> None:
    assert (await people.auditor.get("/api/v1/events/stream", headers=LOST)).status_code == 503
    assert people.app.state.streams._open == 0


async def test_a_stream_of_a_rare_type_goes_on_past_stretches_without_any(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SCANNED_MAX", 2)
    flight = await people.flight()
    for _ in range(5):
        await people.booking(flight, 1)
    await people.flight(number="BA118")
    streams, ledger, search = (
        people.app.state.streams,
        people.app.state.ledger,
        EventSearch("flight.scheduled"),
    )
    async with ledger.read() as connection:
        seen = await read_event_page(connection, search, 0, 200, False)
    told = EventStream(streams, ledger, search, False, seen, time.time() + 10)
    positions = []
    with streams.reserve():
        async for text in told._messages():
            positions += [int(id) for id in re.findall(rb"^id: (\d+)$", text, re.MULTILINE)]
            if len(positions) == 2:
                break
    assert positions == [1, 7]
