"""Each text field of a command or event is a personal name, a personal text, or listed as neither."""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.verify.people_pass import NAME_COLUMNS, SEALED_FIELDS
from domain import personal
from domain.commands.bookings import CancelBooking, InitiateBooking
from domain.commands.flights import CancelFlight
from domain.commands.payments import SettleRefund, VoidPayment
from domain.handlers import HANDLERS
from domain.personal import Personal
from ledger.codec import EVENT_TYPES
from ledger.personal_json import KEYS, names_in, substitute, substitute_marked

TYPES: dict[str, Any] = {command.__name__: command for command in HANDLERS} | EVENT_TYPES
NOT_PERSONAL = {
    "AdvanceClock.advance",
    "CancelFlight.reason",
    "ChangeOverbooking.reason",
    "PayBooking.payment_method",
    "PayItinerary.payment_method",
    "RecordItineraryPayment.code",
    "RecordItineraryPayment.reference",
    "RecordPayment.code",
    "RecordPayment.reference",
    "RecordRefund.code",
    "RecordRefund.reference",
    "RetimeFlight.reason",
    "ScheduleFlight.destination",
    "ScheduleFlight.number",
    "ScheduleFlight.origin",
    "booking.payment_authorised.reference",
    "booking.payment_declined.code",
    "booking.payment_requested.gateway",
    "booking.payment_requested.method",
    "booking.payment_shared.gateway",
    "booking.payment_shared.method",
    "booking.payment_shared.reference",
    "booking.refund_refused.code",
    "flight.cancelled.reason",
    "flight.overbooking_changed.reason",
    "flight.retimed.reason",
    "flight.scheduled.destination",
    "flight.scheduled.number",
    "flight.scheduled.origin",
}
"""Codes of flights and gateways, and the reason why a flight is cancelled."""

LIBRARY_FIELDS = {"originator_topic"}


def parts(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from parts(part)


def text_fields(name: str) -> set[str]:
    hints = get_type_hints(TYPES[name]).items()
    texts = {field for field, hint in hints if get_origin(hint) is not ClassVar and str in parts(hint)}
    return texts - LIBRARY_FIELDS


def marked_fields(name: str) -> set[str]:
    return {*personal.name_fields(TYPES[name]), *personal.text_fields(TYPES[name])}


@pytest.mark.parametrize("name", TYPES)
def test_a_text_field_is_marked_as_personal_or_listed_as_not_personal(name: str) -> None:
    unmarked = {f"{name}.{field}" for field in text_fields(name) - marked_fields(name)}
    assert unmarked == {entry for entry in NOT_PERSONAL if entry.rpartition(".")[0] == name}


def test_the_personal_fields_are_these() -> None:
    assert KEYS == {
        "user_id": Personal.NAME,
        "actor": Personal.NAME,
        "note": Personal.TEXT,
        "reason": Personal.TEXT,
        "reference": Personal.TEXT,
        "given_name": Personal.TEXT,
        "family_name": Personal.TEXT,
        "date_of_birth": Personal.TEXT,
    }
    commands = {CancelBooking: "reason", VoidPayment: "reason", SettleRefund: "reference"}
    for command, field in commands.items():
        assert personal.text_fields(command) == (field,)
    assert personal.text_fields(CancelFlight) == ()
    assert personal.name_fields(InitiateBooking) == ("user_id",)


def test_verify_checks_the_marked_fields() -> None:
    assert {("bookings", "user_id"), ("waiting", "user_id")} == NAME_COLUMNS
    assert {
        "booking.cancelled": {"note"},
        "booking.void_requested": {"reason"},
        "booking.payment_voided": {"reason"},
        "booking.refund_settled": {"reference"},
        "booking.passengers_named": {"given_name", "family_name", "date_of_birth"},
    } == SEALED_FIELDS


TEXTS = st.text() | st.sampled_from([*KEYS, '"user_id":"x"', '\\"actor\\":', "sealed:v1:a", "\\", '"', "}, "])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


def expected(value: Any) -> Any:
    if isinstance(value, list):
        return [expected(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: f"{KEYS[key].value} {item}" if key in KEYS and isinstance(item, str) else expected(item)
        for key, item in value.items()
    }


@given(DOCUMENTS)
def test_substitution_changes_the_strings_under_marked_keys_and_nothing_else(value: Any) -> None:
    document = msgspec.json.encode(value)
    found = substitute(document, "name {}".format, "text {}".format)
    assert found == msgspec.json.encode(expected(msgspec.json.decode(document)))


@given(st.lists(st.dictionaries(TEXTS, TEXTS | TEXTS.map("sealed:".__add__))))
def test_marked_strings_are_substituted_like_all_strings(value: Any) -> None:
    def replace(kind: str, string: str) -> str:
        return f"{kind} {string}" if string.startswith("sealed:") else string

    document, functions = msgspec.json.encode(value), (partial(replace, "name"), partial(replace, "text"))
    assert substitute_marked(document, "sealed:", *functions) == substitute(document, *functions)


@given(DOCUMENTS)
def test_an_unchanged_document_keeps_its_bytes(value: Any) -> None:
    document = msgspec.json.encode(value)
    assert substitute(document, str, str) == document


@pytest.mark.parametrize("document", [b"", b'{"user_id":"x"', b'{"user_id":"x"} ,', b"\xff"])
def test_bytes_that_are_not_json_are_returned_unchanged(document: bytes) -> None:
    assert substitute(document, str.upper, str.upper) == document
    assert names_in(document) == set()
