"""`python -m trials.drills.failover`: kill the primary of two ledgers under load and promote its standby."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from itertools import takewhile
from typing import Any, Protocol

import msgspec

from audit.verify import verify
from trials.checker import check_each
from trials.checker.calls import Call, Records, now
from trials.checker.ledgers import divide
from trials.checker.log import Log
from trials.checker.outcomes import lost_commands
from trials.drills.crowd import program_with_callers
from trials.drills.rounds import Result, Round, figures
from trials.programs.ledgers import TWO, url_of
from trials.programs.pair import Pair
from trials.programs.postgres import Ground, NoPrograms, drill_ground
from trials.torture.liveness import longest_silence
from trials.torture.names import read_named_log

LOAD_SECONDS = 2.0
CUT_OFF_SECONDS = 1.0
RECOVER_SECONDS_MAX = 30

UNNOTICED_SECONDS = (0.0, 6.0)
"""Seconds until the standby is promoted, in turn: none, and more than every caller's deadline."""


class Member(Protocol):
    """One of two servers."""

    name: str

    def kill(self) -> None: ...


class TwoServers(Protocol):
    """Two servers, one of which leads: a `Pair`, or the members of a managed cluster."""

    url: str

    @property
    def primary(self) -> Member: ...

    @property
    def standby(self) -> Member: ...

    def promote(self) -> None: ...

    def pair_again(self) -> None: ...


async def synchronous(
    ground: Ground,
    pair: TwoServers,
    times: int,
    report: Any = print,
    unnoticed_seconds: tuple[float, ...] = UNNOTICED_SECONDS,
) -> Result:
    """Run one program and its callers through several fail-overs."""
    rounds = []
    async with program_with_callers(ground, pair.url) as (crowd, records):
        for number in range(1, times + 1):
            unnoticed = unnoticed_seconds[(number - 1) % len(unnoticed_seconds)]
            rounds.append(await _round(pair, ground, records, unnoticed))
            report(f"{number:>3}: {rounds[-1]}")
            if number < times:
                await asyncio.to_thread(pair.pair_again)
        waiting = await crowd.close(RECOVER_SECONDS_MAX)
        logs = await asyncio.to_thread(_read_logs, pair.url, ground)
    return Result(rounds, await asyncio.to_thread(check_each, records.calls, logs, TWO), waiting)


async def asynchronous(ground: Ground) -> Round:
    """Run the control: an asynchronous standby that is behind when the primary is killed."""
    pair = await asyncio.to_thread(Pair, ground, synchronous=False)
    async with program_with_callers(ground, pair.url) as (_, records):
        return await _round(pair, ground, records, 0, pair.cut_off)


async def _round(
    pair: TwoServers,
    ground: Ground,
    records: Records,
    unnoticed_seconds: float,
    cut_off: Callable[[], None] | None = None,
) -> Round:
    begun = len(records.calls)
    await asyncio.sleep(LOAD_SECONDS)
    if cut_off:
        await asyncio.to_thread(cut_off)
        await asyncio.sleep(CUT_OFF_SECONDS)
    killed_at = now()
    await asyncio.to_thread(pair.primary.kill)
    await asyncio.sleep(unnoticed_seconds)
    noticed_at = now()
    await asyncio.to_thread(pair.promote)
    promoted_at = now()
    writes_at = await _answered_in_each(records, promoted_at, lambda call: call.is_command)
    reads_at = await _answered_in_each(records, promoted_at, lambda call: not call.is_command)
    await asyncio.sleep(LOAD_SECONDS / 2)
    calls = list(records.calls)
    logs = await asyncio.to_thread(_read_logs, pair.url, ground)
    verified = [await asyncio.to_thread(verify, url_of(place, pair.url)) for place in TWO]
    parts = divide(calls, TWO)
    mine = [call for call in calls[begun:] if call.is_command]
    return Round(
        killed=pair.standby.name,
        promoted=pair.primary.name,
        unnoticed_seconds=unnoticed_seconds,
        promotion_seconds=promoted_at - noticed_at,
        writes_after_seconds=writes_at - promoted_at,
        reads_after_seconds=reads_at - promoted_at,
        silent_seconds=max(longest_silence(part, killed_at - 1) for part in parts.values()),
        acknowledged=sum(call.answered for call in mine),
        unknown=sum(not call.answered for call in mine),
        lost=[f"{name}: {each}" for name, part in parts.items() for each in lost_commands(part, logs[name])],
        verified=all(one.ok for one in verified),
    )


def _read_logs(url: str, ground: Ground) -> dict[str, Log]:
    return {place.name: read_named_log(url, ground.folder, place.schema) for place in TWO}


async def _answered_in_each(records: Records, moment: float, kind: Callable[[Call], bool]) -> float:
    """Return when a call of a kind had been answered in each ledger after that moment."""
    return max([await _answered_since(records, moment, place.name, kind) for place in TWO])


async def _answered_since(
    records: Records, moment: float, ledger: str, kind: Callable[[Call], bool]
) -> float:
    """Return when the ledger answered the first call of a kind after that moment."""
    deadline = time.monotonic() + RECOVER_SECONDS_MAX
    while True:
        recent = reversed(records.calls)
        found = [
            call.ended_at
            for call in takewhile(lambda call: call.ended_at > moment, recent)
            if call.answered and call.ledger == ledger and kind(call)
        ]
        if found:
            return min(found)
        if time.monotonic() > deadline:
            raise TimeoutError(f"no call was answered within {RECOVER_SECONDS_MAX} s of the promotion")
        await asyncio.sleep(0.05)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when nothing acknowledged was lost, and the control lost something in each ledger; else 1."""
    parser = argparse.ArgumentParser(prog="python -m trials.drills.failover", description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="how many fail-overs (10)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(arguments)

    def report(line: str) -> None:
        print(line, file=sys.stderr if options.json else sys.stdout, flush=True)

    try:
        with drill_ground() as ground:
            pair = Pair(ground, synchronous=True)
            result = asyncio.run(synchronous(ground, pair, options.times, report))
        with drill_ground() as ground:
            control = asyncio.run(asynchronous(ground))
    except NoPrograms as problem:
        print(f"trials.drills.failover: {problem}", file=sys.stderr)
        return 1
    report(f"control, asynchronous standby 1 s behind: {control}")
    for sentence in [*result.violations, *(loss for each in result.rounds for loss in each.lost)]:
        report(f"VIOLATION: {sentence}")
    summary = _summary(result, control)
    if options.json:
        print(json.dumps({**summary, "rounds": [msgspec.to_builtins(each) for each in result.rounds]}))
    else:
        report(", ".join(f"{name} {value}" for name, value in summary.items()))
    return 0 if summary["ok"] else 1


def _summary(result: Result, control: Round) -> dict[str, Any]:
    lossy = {loss.partition(":")[0] for loss in control.lost}
    ok = result.ok and lossy == {place.name for place in TWO}
    return {"ok": ok, **figures(result), "control_lost": len(control.lost)}


if __name__ == "__main__":
    sys.exit(main())
