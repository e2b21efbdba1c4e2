"""Commands for analytics: `rebuild` with progress, and `dictionary`."""

import asyncio
import json as json_text
import sys
import time
from typing import Any

from analytics.dictionary import dictionary as dictionary_of
from analytics.facts import PROJECTIONS
from analytics.follower.rebuild import Progress, RebuildResult
from analytics.follower.rebuild import rebuild as rebuild_one
from analytics.follower.swap import RebuildStopped
from cli.existing_ledger import existing_ledger, ledger_url
from cli.options import DATA, JSON, LEDGER, add
from database.connection import connect_sync
from runtime.settings import Settings, WrongSetting


def rebuild(settings: Settings, name: str | None, all: bool, json: bool) -> int:
    """Rebuild projections. Return 0 when readers see the new tables, 1 if a rebuild stopped."""
    if all == (name is not None):
        raise WrongSetting("rebuild: name one projection, or --all")
    names = list(PROJECTIONS) if name is None else [name]
    with existing_ledger(settings) as url:
        return max(asyncio.run(_rebuild_all(url, names, json)))


async def _rebuild_all(url: str, names: list[str], json: bool) -> list[int]:
    """Rebuild concurrently: all cores stay busy, and the log is read from memory after the first reader."""

    async def one(name: str) -> int:
        try:
            done = await rebuild_one(url, PROJECTIONS[name], _Meter())
        except RebuildStopped as stopped:
            print(f"seatledger: {stopped}", file=sys.stderr)
            return 1
        print(json_text.dumps(_facts(done)) if json else _sentence(done), flush=True)
        return 0

    return await asyncio.gather(*map(one, names))


def dictionary(settings: Settings) -> int:
    """Print the data dictionary in Markdown, from the comments in the database."""
    with (
        ledger_url(settings) as url,
        connect_sync(url, "seatledger dictionary") as connection,
    ):
        print(dictionary_of(connection), end="")
    return 0


class _Meter:
    """Prints progress and time left on standard error, at most one line a second."""

    def __init__(self) -> None:
        self._started: tuple[float, int] | None = None
        self._printed_at = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._started is None:
            self._started = now, progress.done
        if now - self._printed_at < 1 and progress.done < progress.of:
            return
        self._printed_at = now
        print(f"{progress.projection}: {self._line(progress, now)}", file=sys.stderr, flush=True)

    def _line(self, progress: Progress, now: float) -> str:
        if progress.waits_for:
            return f"complete, waits for {progress.waits_for}"
        assert self._started is not None
        then, first = self._started
        rate = (progress.done - first) / max(now - then, 0.001)
        left = f"{(progress.of - progress.done) / rate:.0f} s left" if rate else "time left unknown"
        share = 100 * progress.done // max(progress.of, 1)
        return f"{progress.done} of {progress.of} events ({share} %), {rate:.0f} a second, {left}"


def _facts(done: RebuildResult) -> dict[str, object]:
    return {**done._asdict(), "seconds": round(done.seconds, 3), "events_per_second": done.events_per_second}


def _sentence(done: RebuildResult) -> str:
    return (
        f"{done.projection}: rebuilt up to position {done.position}, version {done.version};"
        f" {done.events} events in {done.seconds:.1f} s, {done.events_per_second} a second"
    )


def register(commands: Any) -> None:
    options = [DATA, LEDGER, JSON]
    again = add(
        commands,
        "rebuild",
        rebuild,
        "rebuild analytics tables from the log while readers use the old ones, then swap them",
        options,
    )
    again.add_argument("name", nargs="?", choices=list(PROJECTIONS), help="the projection to rebuild")
    again.add_argument("--all", action="store_true", help="rebuild all projections concurrently")
    add(
        commands,
        "dictionary",
        dictionary,
        "print the data dictionary of analytics tables in Markdown",
        [DATA, LEDGER],
    )
