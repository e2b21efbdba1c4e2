"""Streams of one process: not without end, and each page once."""

import pytest

from api.streams import STREAMS_MAX
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
