"""Verify as tests call it: whatever the log is cut into, it must find the very same."""

from typing import Any

import ledger.verify
from ledger.verify import Verification


def verify(url: str, **options: Any) -> Verification:
    """What one walk along the log finds, and ranges of one and of three events as well."""
    found = {cut: _cut(url, cut, options) for cut in (ledger.verify.EVENTS_AT_ONCE, 1, 3)}
    assert len({(one.first_bad_position, one.reason) for one in found.values()}) == 1, found
    return found[ledger.verify.EVENTS_AT_ONCE]


def _cut(url: str, events_at_once: int, options: dict[str, Any]) -> Verification:
    usual = ledger.verify.EVENTS_AT_ONCE
    try:
        ledger.verify.EVENTS_AT_ONCE = events_at_once
        return ledger.verify.verify(url, **options)
    finally:
        ledger.verify.EVENTS_AT_ONCE = usual
