"""What is stored decodes by its shape: no rule for input can make an old event unreadable."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import pytest

from database.stored_values import MembersByValue, decoder_of
from domain.booking import Booking
from domain.booking_state import CancelReason
from domain.money import Money
from domain.refunds import RefundReason, RefundStatus
from ledger import codec
from projections.refunds import RefundRow
from tests.ledger.test_event_samples import SAMPLES, defaults_of

ID = UUID("01890000-0000-7000-8000-000000000001")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ODD_TEXTS = ("", "zzz", "=1+1", "é" * 5_000)
ODD_NUMBERS = (-1, 0, 10, 1_001, 2**53)


def odd_states() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Generate each stored sample with one field that a command of today would not have."""
    for sample in SAMPLES:
        state = json.loads(sample["state"])
        for name, value in state.items():
            for odd in odd_values(sample["topic"], name, value):
                yield sample["topic"], name, state | {name: odd}


def odd_values(topic: str, name: str, value: Any) -> Iterator[Any]:
    hint = codec.EVENT_TYPES[topic].__dataclass_fields__[name].type
    if isinstance(value, dict) and hint.startswith("CancellationPolicy"):
        yield from ({**value, "percentages": {odd: -1}} for odd in ODD_TEXTS)
    elif isinstance(value, dict) and "amount" in value:
        yield {**value, "parts": {"bribe": -1}}
        yield from ({**value, "currency": odd} for odd in ODD_TEXTS)
        yield from ({**value, "amount": odd} for odd in ODD_NUMBERS)
    elif isinstance(value, int):
        yield from ODD_NUMBERS
    elif isinstance(value, str) and not hint.startswith(("UUID", "date")):
        yield from ODD_TEXTS


def test_the_odd_states_cover_text_numbers_money_and_enums() -> None:
    covered = {(topic, name) for topic, name, _ in odd_states()}
    assert {
        ("flight.scheduled", "number"),
        ("flight.scheduled", "origin"),
        ("flight.scheduled", "seats"),
        ("flight.scheduled", "price"),
        ("flight.cancelled", "reason"),
        ("booking.initiated", "total_cost"),
        ("booking.initiated", "cancellation_policy"),
        ("booking.payment_requested", "capture"),
        ("booking.payment_requested", "gateway"),
        ("booking.cancelled", "reason"),
        ("booking.cancelled", "note"),
        ("booking.refund_due", "reason"),
        ("waiting.joined", "seats"),
        ("waiting.closed", "reason"),
    } <= covered


@pytest.mark.parametrize(
    ("topic", "state"),
    [
        pytest.param(topic, state, id=f"{topic} {name} {n}")
        for n, (topic, name, state) in enumerate(odd_states())
    ],
)
def test_a_value_that_no_command_has_any_more_still_decodes(topic: str, state: dict[str, Any]) -> None:
    event = codec.decode(topic, json.dumps(state), ID, 2, NOON)
    assert json.loads(codec.encode(event)) == defaults_of(topic) | state


def test_a_stored_amount_may_have_a_field_that_money_no_longer_has() -> None:
    state = '{"price":{"amount":1,"currency":"GBP","scale":2},"until":"2030-01-01"}'
    assert codec.decode("flight.repriced", state, ID, 2, NOON).price == Money(1, "GBP")


@pytest.mark.parametrize(
    "state", ['{"price":{"amount":"1","currency":"GBP"}}', '{"price":{"amount":1}}', "{}"]
)
def test_a_state_of_another_shape_is_an_error(state: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        codec.decode("flight.repriced", state, ID, 2, NOON)


def test_a_value_that_left_an_enum_equals_no_member_and_keeps_its_text() -> None:
    left = MembersByValue(CancelReason)["weather"]
    assert isinstance(left, CancelReason)
    assert left not in list(CancelReason)
    assert (left.value, left.name, msgspec.json.encode([left])) == ("weather", "weather", b'["weather"]')
    assert left is MembersByValue(CancelReason)["weather"]
    assert MembersByValue(CancelReason)["requested"] is CancelReason.REQUESTED
    assert left not in CancelReason._value2member_map_.values()


def test_a_booking_whose_cancel_reason_left_the_enum_stays_cancelled() -> None:
    states = [sample["state"] for sample in SAMPLES if sample["topic"] == "booking.initiated"]
    booking = codec.decode("booking.initiated", states[0], ID, 1, NOON).mutate(None)
    cancelled = codec.decode("booking.cancelled", '{"reason":"weather","note":null}', ID, 2, NOON)
    booking = cancelled.mutate(booking)
    assert isinstance(booking, Booking)
    assert (booking.status.value, booking.may_be_seated_again) == ("cancelled", False)


def test_rows_decode_by_their_shape_with_lists_and_missing_values() -> None:
    amount = Money(-5, "zzz")
    reason = MembersByValue(RefundReason)["fare_error"]
    row = RefundRow(ID, ID, ID, "alice", ID, amount, reason, RefundStatus.DUE, NOON, None, None)
    assert decoder_of(list[RefundRow])(msgspec.json.encode([row])) == [row]
    assert decoder_of(RefundRow | None)(b"null") is None
    assert decoder_of(list[int])(b"[1]") == [1]


def test_every_enum_of_the_events_is_read_by_value() -> None:
    """An enum within another type would be decoded by its members."""
    for topic, kind in codec.EVENT_TYPES.items():
        for name, hint in codec.typing.get_type_hints(kind).items():
            if isinstance(hint, type) and issubclass(hint, Enum):
                state = next(json.loads(s["state"]) for s in SAMPLES if s["topic"] == topic)
                event = codec.decode(topic, json.dumps(state | {name: "gone"}), ID, 2, NOON)
                assert type(getattr(event, name)) is hint
