"""Hooks for schemathesis: ids that exist, and rules that no schema can express.

Schemathesis imports this module in its own process; SEATLEDGER_TARGETS lists ids that the test has created.
"""

import json
import os
import re
from uuid import UUID

import schemathesis

TARGETS = json.loads(os.environ.get("SEATLEDGER_TARGETS", "{}"))

BEYOND_A_SCHEMA = {
    "Not a cursor of this list with these filters",
    "A cancellation with a stated refund requires a reason",
    "Send only one of version, position and as_of",
    "x-idempotency-key and Idempotency-Key differ. Send one of them.",
    "origin and destination must differ",
    "arrives_at must be later than departs_at",
    "Send only one of position and as_of",
    "Must not be before `from`",
    "Only with `refundable_until`, after which they hold",
    "The parts must add up to the amount",
    "The parts need a `fare`, which may be 0",
    "Given twice: an atomic bulk needs a key per item",
    "departs_at and arrives_at must lie in the years 1 to 9999 in UTC",
    "A date lies outside the years 1 to 9999",
    "Required with flight_number",
    "Required with departure_day",
    "Send expand without version, position and as_of: parts are of now",
    "passengers must not name an id twice",
    "Required for max_price and for sorting by price",
    "Must not lie in the future",
    # The address of a webhook.
    "Must be https://HOST[:PORT]/PATH",
    "Must have no user, no password and no fragment",
    "Must be https; http is only for loopback addresses",
    "Must have a host name, or an IP address in its usual form",
    "Must not lead to a private address; SEATLEDGER_WEBHOOK_NETWORKS lists the private networks"
    " that webhooks may reach",
    # The event stream is asked for no position, because it has no end.
    "Must be the position of an event",
    # JSON Schema accepts 8.0 as an integer; this API does not.
    "Must be an integer, not a number",
}
"""Details of refusals that a request can get although each part of it matches the document."""

URI_TOO_LONG = 414
"""Status of a request that is refused by its length before it is parsed."""


@schemathesis.hook
def before_call(context, case, kwargs):
    """Make valid requests more useful: existing ids, consistent headers, positions that are reached."""
    where = "waiting" if "/waitlist/" in case.path else "flight" if "/flights/" in case.path else "booking"
    _use_existing_id(case.path_parameters, "id", where)
    for values in (case.query, case.body):
        _use_existing_id(values, "flight_id", "flight")
        _use_existing_id(values, "booking_id", "booking")
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _make_consistent(case.headers or {})
    _lower_position(case)
    if case.path.endswith("/events/stream"):
        _refuse_position(case)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if response.status_code == URI_TOO_LONG:
        return False
    if response.headers.get("content-type", [""])[0] != "application/problem+json":
        return True
    problem = response.json()
    errors = problem.get("errors") or [{"message": problem["detail"]}]
    messages = (re.sub(r"add up to \d+, not \d+$", "add up to the amount", one["message"]) for one in errors)
    return not set(messages) <= BEYOND_A_SCHEMA


def _use_existing_id(values, name, where):
    """Replace every other id by one that exists."""
    try:
        number = UUID(values[name]).int
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    ids = TARGETS.get(where, [])
    if ids and number % 2:
        values[name] = ids[number % len(ids)]


def _make_consistent(headers):
    """Send mostly one key, since two different keys are refused, and If-Match as documented.

    Schemathesis generates If-Match without regard to the document.
    """
    if len(headers.get("x-idempotency-key", "")) % 3:
        headers.pop("Idempotency-Key", None)
    if "If-Match" in headers and not re.fullmatch(r'[*]|"v[0-9]{1,9}"', headers["If-Match"]):
        headers["If-Match"] = "*"


def _lower_position(case):
    """Lower most positions, because a query for a position out of reach waits two seconds."""
    query = case.query or {}
    for name in ("min_position", "after", "position"):
        position = str(query.get(name, ""))
        if _is_position(position):
            farthest = case.path == "/api/v1/info" and position == str(2**63 - 1)
            query[name] = 2**40 if farthest else min(int(position), 1)


def _refuse_position(case):
    """Name no position to resume the stream from, so that it is refused once all else is accepted."""
    if _is_position((case.headers or {}).get("Last-Event-ID", 0)):
        case.headers = {**(case.headers or {}), "Last-Event-ID": "none"}


def _is_position(value):
    text = str(value)
    return text.isascii() and text.isdigit() and int(text) < 2**63
