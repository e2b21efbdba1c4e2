"""Several ledgers on one server, and on a server with commits of 20 ms."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from database.embedded import running_database
from ledger.master_key_file import load_master_key
from runtime.settings import Settings
from trials.bench.fresh import BenchLedger, fresh_folder
from trials.checker.ledgers import ONLY_MAIN, LedgerPlace
from trials.programs.ledgers import create_ledgers, url_of
from trials.programs.pair import Pair
from trials.programs.postgres import drill_ground

SLOW = {"synchronous_commit": "remote_apply", "recovery_min_apply_delay": "20ms"}
"""The primary waits until the standby has applied a commit, which it does 20 ms after the commit was made."""


@contextmanager
def ledgers_on_a_server(count: int) -> Iterator[list[BenchLedger]]:
    """Run an embedded server with so many ledgers."""
    with fresh_folder() as data, running_database(None, data) as url:
        yield _make(url, data, count)


@contextmanager
def ledgers_with_slow_commits(count: int) -> Iterator[list[BenchLedger]]:
    """Run a primary with so many ledgers, and a synchronous standby that is 20 ms late."""
    with drill_ground() as ground:
        yield _make(Pair(ground, synchronous=True, settings=SLOW).primary.url, ground.folder, count)


def _make(url: str, data: Path, count: int) -> list[BenchLedger]:
    others = (LedgerPlace(f"l{number}", number, (f"{number}A",)) for number in range(1, count))
    places = (*ONLY_MAIN, *others)
    create_ledgers(url, data, places)
    master = load_master_key(Settings(data=data))
    return [BenchLedger(url_of(place, url), data, master) for place in places]
