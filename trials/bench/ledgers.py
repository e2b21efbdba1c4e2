"""Several ledgers: bookings without HTTP in 1 to 8 ledgers, and instructions for one by the API among 200.

Each round books in so many ledgers at once: in one process, in two that serve all of them, and in two with
each ledger on the next of four servers, by 64 callers in all. Then each ledger has 16 callers of its own, and
commits take 20 ms: a synchronous standby applies them that much later, and the primary waits for it.
Instructions are counted by valgrind, if it is on PATH.
"""

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from trials.bench.instructions import booking_instructions
from trials.bench.ledger_processes import Processes, SoldLedger, book_here, schedule_all
from trials.bench.many_ledgers import ledgers_on_a_server, ledgers_with_slow_commits
from trials.bench.pace import Pace
from trials.bench.part import Option, Part
from trials.bench.process import run
from trials.bench.servers import verified
from trials.bench.tables import PACE_COLUMNS, ResultTable, case_table

SERVERS = 4
CALLERS, SLOW_CALLERS = 64, 16
"""Callers of all ledgers together, and of each ledger with slow commits."""


def measure(options: Namespace) -> dict[str, Any]:
    most = max(options.ledgers)
    seconds = options.seconds * options.rounds * len(options.ledgers)
    with ExitStack() as stack:
        each = -(-most // SERVERS)
        servers = [stack.enter_context(ledgers_on_a_server(each)) for _ in range(min(most, SERVERS) - 1)]
        near = stack.enter_context(ledgers_on_a_server(most))
        slow = stack.enter_context(ledgers_with_slow_commits(most))
        # The first ledgers of all servers, then the second ones.
        far = [ledger for row in zip(near, *servers, strict=False) for ledger in row]
        sold = {each.url: run(schedule_all(each, seconds)) for each in {*near, *far, *slow}}
        processes = stack.enter_context(Processes())
        rounds = []
        for number in range(options.rounds):
            print(f"ledgers: round {number + 1} of {options.rounds}", file=sys.stderr)
            one: dict[str, Pace] = {}
            for count in options.ledgers:
                mine, theirs, delayed = (
                    [sold[each.url] for each in some[:count]] for some in (near, far, slow)
                )
                one |= _cases(mine, theirs, delayed, processes, options.seconds)
            rounds.append(one)
        checks = [
            verified(near[0].data),
            verified(near[0].data, f"verify --ledger l{most - 1}", f"l{most - 1}"),
        ]
    return {"rounds": rounds, "checks": checks, "instructions": booking_instructions(options.bookings)}


def _cases(
    near: Sequence[SoldLedger],
    far: Sequence[SoldLedger],
    slow: Sequence[SoldLedger],
    processes: Processes,
    seconds: int,
) -> dict[str, Pace]:
    count, callers = len(near), CALLERS // len(near)
    return {
        f"{count} in one process": run(book_here(near, callers, seconds)),
        f"{count} in two processes": processes.book(near, callers, seconds),
        f"{count} in two processes, on {min(count, SERVERS)} servers": processes.book(far, callers, seconds),
        f"{count} in one process, commits of 20 ms": run(book_here(slow, SLOW_CALLERS, seconds)),
    }


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    title = f"Bookings in several ledgers, {len(raw['rounds'])} rounds of {raw['settings']['seconds']} s"
    found = [case_table(title, raw["rounds"], PACE_COLUMNS)]
    if counts := raw["instructions"]:
        rows = [(case, f"{count:,.0f}") for case, count in counts.items()]
        found.append(ResultTable("Instructions of the API for a booking", ("", "instructions"), rows))
    return found


PART = Part(
    "ledgers",
    __doc__,
    {
        "ledgers": Option("numbers of ledgers", [1, 2, 4, 8], smoke=[2]),
        "seconds": Option("duration of each case in each round", 5, smoke=1),
        "rounds": Option("number of rounds", 3, smoke=1),
        "bookings": Option("bookings to count instructions of; 0: none", 2000, smoke=0),
    },
    measure,
    tables,
)

if __name__ == "__main__":
    sys.exit(PART.main())
