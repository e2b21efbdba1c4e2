"""Stored samples of every released event: each still decodes, and none changes its shape."""

import dataclasses
import json
import typing
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from domain.booking import Booking
from domain.flight import Flight
from ledger import codec

FILE = Path(__file__).parent / "event_samples.json"
STORED = json.loads(FILE.read_text())
SAMPLES = STORED["samples"]
ID = UUID("01890000-0000-7000-8000-000000000001")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_every_event_has_a_sample() -> None:
    assert {sample["topic"] for sample in SAMPLES} == set(codec.EVENT_TYPES)


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["topic"] for sample in SAMPLES])
def test_a_stored_event_decodes_and_encodes_unchanged(sample: dict[str, str]) -> None:
    event = codec.decode(sample["topic"], sample["state"], ID, 1, NOON)
    assert event.originator_id == ID
    assert event.timestamp == NOON
    assert json.loads(codec.encode(event)) == defaults_of(sample["topic"]) | json.loads(sample["state"])


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


def defaults_of(topic: str) -> dict[str, Any]:
    """Return the values that are written for fields added since, except those that are omitted."""
    omitted = codec._OMITTED_IF_NONE.get(codec.EVENT_TYPES[topic], ())
    defaults = {name: one for name, one in codec._DEFAULTS[topic].items() if name not in omitted}
    return msgspec.to_builtins(defaults)  # type: ignore[no-any-return]


def shape_of(topic: str) -> dict[str, str]:
    """Return the fields of an event with their types and defaults."""
    kind = codec.EVENT_TYPES[topic]
    hints = typing.get_type_hints(kind)
    return {
        field.name: _named(hints[field.name])
        + ("" if field.default is dataclasses.MISSING else f" = {field.default}")
        for field in codec.state_fields(kind)
    }


def _named(hint: Any) -> str:
    """Return a description of a type that includes the values or fields that are stored."""
    if typing.get_args(hint):
        return " | ".join(_named(part) for part in typing.get_args(hint))
    if issubclass(hint, Enum):
        return f"{hint.__name__}({', '.join(member.value for member in hint)})"
    if issubclass(hint, msgspec.Struct):
        return f"{hint.__name__}({', '.join(hint.__struct_fields__)})"
    return str(hint.__name__)


def test_no_event_changes_its_shape() -> None:
    """A new field needs a default; a new meaning needs a new topic and an upcaster.

    Then write the shapes anew: `python -m tests.ledger.test_event_samples`.
    """
    assert {topic: shape_of(topic) for topic in codec.EVENT_TYPES} == STORED["shapes"]


@pytest.mark.parametrize("topic", sorted(codec.UPCASTERS))
def test_every_upcaster_ends_at_an_existing_event(topic: str) -> None:
    assert topic not in codec.EVENT_TYPES
    samples = [sample["state"] for sample in SAMPLES if sample["topic"] == topic]
    assert samples, "a stored sample of it must be kept"
    for state in samples:
        assert codec.decode(topic, state, ID, 1, NOON)


def test_an_old_event_is_upcast_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubled(state: dict[str, Any]) -> dict[str, Any]:
        return {"party": state["seats"] * 2}

    def renamed(state: dict[str, Any]) -> dict[str, Any]:
        return {"seats": state["party"]}

    monkeypatch.setitem(codec.UPCASTERS, "flight.sized", ("flight.sized/2", doubled))
    monkeypatch.setitem(codec.UPCASTERS, "flight.sized/2", ("flight.seats_changed", renamed))
    event = codec.decode("flight.sized", '{"seats":3}', ID, 2, NOON)
    assert (type(event), event.seats) == (Flight.SeatsChanged, 6)


if __name__ == "__main__":
    shapes = {topic: shape_of(topic) for topic in codec.EVENT_TYPES}
    FILE.write_text(json.dumps({"samples": SAMPLES, "shapes": shapes}, indent=1) + "\n")
