"""Verification for tests: the result must not depend on ranges or on the number of workers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import audit.verify
from audit.verify import Verification


def verify(url: str, **options: Any) -> Verification:
    """Verify in one walk, in ranges of one and of three events, and by three workers; compare the results."""
    usual = audit.verify.EVENTS_AT_ONCE
    ways = ((usual, 1), (1, 1), (3, 1), (1, 3))
    found = {way: _cut(url, *way, options) for way in ways}
    assert len({(one.first_bad_position, one.reason) for one in found.values()}) == 1, found
    return found[usual, 1]


def _cut(url: str, events_at_once: int, workers: int, options: dict[str, Any]) -> Verification:
    with (
        patch.object(audit.verify, "EVENTS_AT_ONCE", events_at_once),
        patch.object(audit.verify, "run_in_parallel", _in_this_process),
    ):
        return audit.verify.verify(url, workers=workers, **options)


@contextmanager
def _in_this_process(work: Any, parts: Sequence[tuple[Any, ...]]) -> Iterator[list[Iterator[Any]]]:
    """Run each share on a connection of its own in this process; starting a process takes a second."""
    yield [work(*part) for part in parts]
