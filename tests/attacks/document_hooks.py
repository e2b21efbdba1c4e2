"""What schemathesis must know besides the document: ids that exist, and rules that no schema can state.

Schemathesis imports this in its own process; SEATLEDGER_TARGETS lists what the test has made beforehand.
"""

import json
import os
import re
from uuid import UUID

import schemathesis

TARGETS = json.loads(os.environ.get("SEATLEDGER_TARGETS", "{}"))

BEYOND_A_SCHEMA = {
    "Not a cursor of this list with these filters",
    "Give only one of version, position and as_of",
    "x-idempotency-key and Idempotency-Key differ.",
    "origin and destination must differ",
    "arrives_at must be later than departs_at",
    "Give only one of position and as_of",
    "Must not be before `from`",
    "departs_at and arrives_at must lie in the years 1 to 9999 in UTC",
    "A date lies outside the years 1 to 9999",
    # Refused by its length before anything of it is read.
    "The URL is too long.",
    # JSON Schema takes 8.0 for a whole number, and this API does not.
    "Expected `int`, got `float`",
}
"""Details of refusals that a request can meet although each part of it is as documented."""


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes valid requests go deeper: ids of things that are there, headers that agree, near positions."""
    where = "waiting" if "/waitlist/" in case.path else "flight" if "/flights/" in case.path else "booking"
    _aim(case.path_parameters, "id", where)
    for values in (case.query, case.body):
        _aim(values, "flight_id", "flight")
        _aim(values, "booking_id", "booking")
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _agree(case.headers or {})
    _come_near(case)
    if case.path.endswith("/events/stream"):
        case.headers = _out_of_reach(case.headers, "Last-Event-ID")
        case.query = _out_of_reach(case.query, "after")


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if response.headers.get("content-type", [""])[0] != "application/problem+json":
        return True
    return response.json()["detail"] not in BEYOND_A_SCHEMA


def _aim(values, name, where):
    """Every other id is one of something that is there."""
    try:
        number = UUID(values[name]).int
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    found = TARGETS.get(where, [])
    if found and number % 2:
        values[name] = found[number % len(found)]


def _agree(headers):
    """Mostly one key, since two that differ are refused everywhere; and a tag that is as documented.

    Schemathesis has ideas of its own about If-Match, whatever the document says.
    """
    if len(headers.get("x-idempotency-key", "")) % 3:
        headers.pop("Idempotency-Key", None)
    if "If-Match" in headers and not re.fullmatch(r'[*]|"v[0-9]{1,9}"', headers["If-Match"]):
        headers["If-Match"] = "*"


def _come_near(case):
    """A position out of reach is waited for two seconds: to see that done once or twice is enough."""
    position = str((case.query or {}).get("min_position", ""))
    if _is_a_position(position):
        farthest = case.path == "/api/v1/info" and position == str(2**63 - 1)
        case.query["min_position"] = 2**40 if farthest else 0


def _out_of_reach(values, name):
    """A stream has no end to wait for; one that cannot begin is answered at once, and wrong positions are."""
    values = dict(values or {})
    return {**values, name: str(10**15)} if _is_a_position(values.get(name, 0)) else values


def _is_a_position(value):
    text = str(value)
    return text.isascii() and text.isdigit() and int(text) < 2**63
