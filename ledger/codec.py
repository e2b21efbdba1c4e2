"""Events as JSON text: readable in psql, typed again when decoded, by their shape alone."""

import dataclasses
import typing
from collections.abc import Callable
from datetime import datetime
from typing import Any, NotRequired, TypedDict
from uuid import UUID

import msgspec
from eventsourcing.domain import AggregateCreated, AggregateEvent
from eventsourcing.utils import get_topic

from database.stored_values import shape_of
from domain.booking import Booking
from domain.flight import Flight
from domain.sandbox_clock import ClockAdvance
from domain.waiting import WaitingParty

EVENT_TYPES: dict[str, type[Any]] = {
    get_topic(event): event
    for aggregate in (Flight, Booking, WaitingParty, ClockAdvance)
    for name, event in vars(aggregate).items()
    if name not in ("Event", "Created") and isinstance(event, type) and issubclass(event, AggregateEvent)
}
"""Event classes by stored topic: all that are nested in an aggregate, except its two base classes."""

UPCASTERS: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {}
"""Upcasters by the stored topic that they replace: the new topic, and a function that converts the state.

A topic is also the version of an event's schema: a changed meaning gets a new topic, like `booking.booked/2`.
Stored events stay as they are and are converted, step by step, when they are read.
"""

_IN_COLUMNS = ("originator_id", "originator_version", "timestamp", "originator_topic")
"""Fields that have columns of their own in the log, and are not part of the state."""

_OMITTED_IF_NONE: dict[type[Any], tuple[str, ...]] = {
    event_type: event_type.OMITTED_IF_NONE
    for event_type in EVENT_TYPES.values()
    if hasattr(event_type, "OMITTED_IF_NONE")
}
"""Optional fields that most events do not have, so that these take no room in the log."""

_encode = msgspec.json.Encoder().encode


def encode(event: Any) -> str:
    """Return the state of an event as one line of JSON."""
    fields = dict(vars(event))
    for name in _IN_COLUMNS:
        fields.pop(name, None)
    for name in _OMITTED_IF_NONE.get(type(event), ()):
        if fields[name] is None:
            del fields[name]
    return _encode(fields).decode()


def decode(topic: str, state: str | bytes, originator_id: UUID, version: int, recorded_at: datetime) -> Any:
    """Return the event. Raises KeyError for an unknown topic, ValidationError for another shape."""
    if topic in UPCASTERS:
        topic, state = _upcast(topic, state)
    event_type = EVENT_TYPES[topic]
    fields = _DECODERS[topic](state)
    if defaults := _DEFAULTS[topic]:
        fields = {**defaults, **fields}
    fields["originator_id"] = originator_id
    fields["originator_version"] = version
    fields["timestamp"] = recorded_at
    if topic in _CREATED:
        fields["originator_topic"] = _CREATED[topic]
    event = object.__new__(event_type)
    # The library fills frozen events the same way. The constructor's checks ran before the event was stored.
    object.__setattr__(event, "__dict__", fields)
    return event


def _upcast(topic: str, state: str | bytes) -> tuple[str, bytes]:
    fields = msgspec.json.decode(state, type=dict[str, Any])
    for _ in UPCASTERS:
        if topic not in UPCASTERS:
            break
        topic, convert = UPCASTERS[topic]
        fields = convert(fields)
    return topic, _encode(fields)


def state_fields(event_type: type[Any]) -> list[Any]:
    """Return the fields that an event is stored with as JSON; the others are columns."""
    return [field for field in dataclasses.fields(event_type) if field.name not in _IN_COLUMNS]


def _decoder(event_type: type[Any]) -> Callable[[str | bytes], dict[str, Any]]:
    hints = typing.get_type_hints(event_type)
    plain: dict[str, Any] = {}
    makers: list[tuple[str, Callable[[Any], Any]]] = []
    for field in state_fields(event_type):
        shape = shape_of(hints[field.name])
        required = field.default is dataclasses.MISSING
        plain[field.name] = shape.plain if required else NotRequired[shape.plain]
        if shape.make:
            makers.append((field.name, shape.make))
    decode = msgspec.json.Decoder(TypedDict(event_type.__name__, plain)).decode  # type: ignore[operator]
    if not makers:
        return decode

    def decode_and_make(state: str | bytes) -> dict[str, Any]:
        fields: dict[str, Any] = decode(state)
        for name, make in makers:
            if name in fields:
                fields[name] = make(fields[name])
        return fields

    return decode_and_make


_CREATED = {
    topic: topic.partition(".")[0]
    for topic, event_type in EVENT_TYPES.items()
    if issubclass(event_type, AggregateCreated)
}
_DECODERS = {topic: _decoder(event_type) for topic, event_type in EVENT_TYPES.items()}
_DEFAULTS = {
    topic: {f.name: f.default for f in state_fields(event_type) if f.default is not dataclasses.MISSING}
    for topic, event_type in EVENT_TYPES.items()
}
