"""Event streams: the limit per process, shutdown, and pages."""

import re
import time
from contextlib import nullcontext

import pytest

from api.http.streams import STREAMS_MAX, EventStream
from api.resources.event_pages import read_event_page
from ledger import log
from ledger.log import EventSearch
from tests.api.conftest import People, streams_of

UNREACHED = {"last-event-id": "999999999999"}


async def test_a_stream_beyond_the_limit_gets_503(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_of(people), "_open", STREAMS_MAX)
    answer = await people.auditor.get("/api/v1/events/stream")
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"]


async def test_no_stream_starts_during_shutdown(people: People) -> None:
    people.app.state.shared.stopping.set()
    assert (await people.auditor.get("/api/v1/events/stream")).status_code == 503


async def test_a_refused_stream_is_not_counted(people: People) -> None:
    assert (await people.auditor.get("/api/v1/events/stream", headers=UNREACHED)).status_code == 503
    assert streams_of(people)._open == 0


async def test_a_stream_of_a_rare_type_continues_past_ranges_without_matches(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "SCANNED_MAX", 2)
    flight = await people.flight()
    for _ in range(5):
        await people.booking(flight, 1)
    await people.flight(number="BA118")
    streams, ledger, search = (
        streams_of(people),
        people.app.state.shared.ledgers.main,
        EventSearch("flight.scheduled"),
    )
    async with ledger.read() as connection:
        first_page = await read_event_page(connection, ledger, search, 0, 200, False)
    stream = EventStream(streams, ledger, search, False, first_page, time.time() + 10, nullcontext())
    positions = []
    with streams.reserve():
        async for message in stream._messages():
            positions += [int(id) for id in re.findall(rb"^id: (\d+)$", message, re.MULTILINE)]
            if len(positions) == 2:
                break
    assert positions == [1, 7]
