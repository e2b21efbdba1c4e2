"""Every event ever released, as it was stored: all are read for ever, and none may change its shape."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from domain.booking import Booking
from ledger import codec

SAMPLES = json.loads((Path(__file__).parent / "event_samples.json").read_text())
ID = UUID("01890000-0000-7000-8000-000000000001")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_every_event_has_a_sample() -> None:
    assert {sample["topic"] for sample in SAMPLES} == set(codec.EVENT_TYPES)


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["topic"] for sample in SAMPLES])
def test_a_stored_event_is_read_and_written_as_ever(sample: dict[str, str]) -> None:
    event = codec.decode(sample["topic"], sample["state"], ID, 1, NOON)
    assert event.originator_id == ID
    assert event.timestamp == NOON
    # Fields that the event has been given since are written with their defaults.
    stored = json.loads(sample["state"])
    assert json.loads(codec.encode(event)) == msgspec.to_builtins(codec._DEFAULTS[sample["topic"]]) | stored


def test_an_unknown_event_is_an_error() -> None:
    with pytest.raises(KeyError):
        codec.decode("booking.eaten", "{}", ID, 1, NOON)


def test_a_field_that_an_old_event_does_not_have_gets_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    class Grown(Booking.Event):
        TOPIC = "booking.grown"
        seats: int
        note: str = "none"

    monkeypatch.setitem(codec.EVENT_TYPES, Grown.TOPIC, Grown)
    monkeypatch.setitem(codec._DECODERS, Grown.TOPIC, codec._decoder(Grown))
    monkeypatch.setitem(codec._DEFAULTS, Grown.TOPIC, {"note": "none"})
    old = codec.decode(Grown.TOPIC, '{"seats":2}', ID, 2, NOON)
    new = codec.decode(Grown.TOPIC, '{"seats":2,"note":"window"}', ID, 2, NOON)
    assert json.loads(codec.encode(old)) == {"seats": 2, "note": "none"}
    assert json.loads(codec.encode(new)) == {"seats": 2, "note": "window"}
