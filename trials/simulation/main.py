"""Many seeds over all processors, and the command that repeats one of them."""

import json as json_text
import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from trials.simulation.run import Report, simulate

CHUNK = 20
"""The number of seeds that a process takes at once."""

SHOWN_MAX = 3
"""The number of failing seeds shown with their last steps; the others are only listed."""


def run(seeds: int, first: int, json: bool) -> int:
    """Simulate the seeds from `first` on; return 0 when every rule held in every one, else 1."""
    started = time.monotonic()
    total = dict.fromkeys(("seeds", "commands", "attempts", "events", "steps"), 0)
    failed: list[int] = []
    for report in reports(range(first, first + seeds)):
        counts = (1, report.calls, report.attempts, report.events, report.steps)
        total = {name: total[name] + count for name, count in zip(total, counts, strict=True)}
        if report.problem:
            failed.append(report.seed)
            if len(failed) <= SHOWN_MAX:
                print(format_failure(report), file=sys.stderr)
    seconds = round(time.monotonic() - started, 1)
    if json:
        print(json_text.dumps({**total, "first_seed": first, "failed": failed, "seconds": seconds}))
    else:
        print(_summary(first, total, failed, seconds))
    return 1 if failed else 0


def reports(seeds: Iterable[int]) -> Iterator[Report]:
    """Yield reports in the order of their seeds, from as many processes as there are processors."""
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as processes:
        yield from processes.map(simulate, seeds, chunksize=CHUNK)


def format_failure(report: Report) -> str:
    """Format a failed run: the violation, its last steps, and the command that repeats it."""
    again = f"python3 run.py simulate --seeds 1 --seed {report.seed}"
    return "\n".join([f"seed {report.seed}: {report.problem}", *report.trace, f"again: {again}", ""])


def _summary(first: int, total: dict[str, int], failed: list[int], seconds: float) -> str:
    did = (
        f"{total['seeds']} seeds from {first} in {seconds} s: {total['commands']} commands sent"
        f" {total['attempts']} times, {total['events']} events, {total['steps']} steps"
    )
    if not failed:
        return f"{did}; every rule held"
    return f"{did}; {len(failed)} seeds failed: {' '.join(map(str, failed[:20]))}"
