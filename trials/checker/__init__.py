"""The checker of histories: compares recorded calls with the log, and reports whatever does not agree.

It shares no code with the program. Torture, drills and simulation hand it the same plain data.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from trials.checker.answers import check_answers, check_events
from trials.checker.calls import Call
from trials.checker.history import EXACT, Clock, History
from trials.checker.ledgers import LedgerPlace, check_apart, divide
from trials.checker.log import Log
from trials.checker.money import check_money
from trials.checker.order import check_log, check_real_time
from trials.checker.outcomes import (
    check_acknowledged,
    check_charges,
    check_ranges,
    check_requested,
    check_statuses,
    check_unrecorded,
)

SHOWN_MAX = 10
"""Violations of one rule that are reported. A broken program violates a rule a thousand times."""

RULES: tuple[Callable[[History], Iterator[str]], ...] = (
    check_statuses,
    check_unrecorded,
    check_acknowledged,
    check_requested,
    check_ranges,
    check_charges,
    check_money,
    check_log,
    check_real_time,
    check_events,
    check_answers,
)


def check(calls: list[Call], log: Log, clock: Clock = EXACT, has_gateway: bool = False) -> list[str]:
    """Return each violation as a sentence with its evidence; none when everything agrees.

    `clock` is how far the database's clock was set back at most, and forward.
    """
    history = History.of(calls, log, clock, has_gateway)
    return [violation for rule in RULES for violation in islice(rule(history), SHOWN_MAX)]


def check_each(
    calls: Sequence[Call],
    logs: Mapping[str, Log],
    places: Sequence[LedgerPlace],
    clock: Clock = EXACT,
    has_gateway: bool = False,
) -> list[str]:
    """Check the log of each ledger by the calls to it, and that the ledgers are apart."""
    if len(places) == 1:
        return check(list(calls), logs[places[0].name], clock, has_gateway)
    violations = list(islice(check_apart(calls, logs, places), SHOWN_MAX))
    for name, mine in divide(calls, places).items():
        violations += [f"{name}: {sentence}" for sentence in check(mine, logs[name], clock, has_gateway)]
    return violations
