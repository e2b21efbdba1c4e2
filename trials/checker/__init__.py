"""The judge: reads what clients wrote down and what the log says, and finds whatever does not agree."""

from collections.abc import Callable, Iterator
from itertools import islice

from trials.checker.answers import check_answers, check_events
from trials.checker.calls import Call
from trials.checker.history import EXACT, Clock, History
from trials.checker.log import Log
from trials.checker.money import check_money
from trials.checker.order import check_log, check_real_time
from trials.checker.outcomes import (
    check_acknowledged,
    check_asked_for,
    check_charges,
    check_ranges,
    check_statuses,
)

SHOWN_MAX = 10
"""Violations of one rule that are told; what broke once tends to break a thousand times."""

RULES: tuple[Callable[[History], Iterator[str]], ...] = (
    check_statuses,
    check_acknowledged,
    check_asked_for,
    check_ranges,
    check_charges,
    check_money,
    check_log,
    check_real_time,
    check_events,
    check_answers,
)


def judge(calls: list[Call], log: Log, clock: Clock = EXACT) -> list[str]:
    """Each violation as a sentence with its evidence; none when everything agrees.

    `clock`: how far the database's was set back at most, and forward.
    """
    history = History.of(calls, log, clock)
    return [violation for rule in RULES for violation in islice(rule(history), SHOWN_MAX)]
