"""CPU time and memory of an idle program: `up` without requests, with one empty ledger and with many.

Includes all processes of the program and the keeper of the embedded server. PostgreSQL is apart. Memory is
the proportional set size, which counts shared pages once.
"""

import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from cli.ledgers import create
from database.embedded import running_database
from runtime.settings import Settings
from trials.bench import servers
from trials.bench.footprint import (
    describe,
    proportional_memory_bytes,
    seconds_of,
    with_reaped_seconds_of,
    with_word,
)
from trials.bench.fresh import fresh_folder
from trials.bench.part import Option, Part
from trials.bench.tables import ResultTable, case_table, middle

WORKERS = (2, 1)
"""Number of API workers: the default, and the minimum."""

CONNECTIONS = "select count(*) from pg_stat_activity where application_name like 'seatledger %'"
HEARTBEATS = """
    select schemaname, n_tup_ins + n_tup_upd from pg_stat_all_tables where relname = 'heartbeats'
"""


class Idle(msgspec.Struct, frozen=True):
    """Idle cost. Percents are shares of one core; `processes` has the memory of each in MB."""

    cpu_percent: float
    memory_mb: float
    processes: dict[str, float]
    postgres_percent: float
    postgres_mb: float
    connections: int
    start_seconds: float


def measure(options: Namespace) -> dict[str, Any]:
    with fresh_folder() as data:
        rounds = []
        for number in range(options.rounds):
            print(f"idle: round {number + 1} of {options.rounds}", file=sys.stderr)
            rounds.append({str(n): _idle(data, n, options.settle, options.seconds) for n in WORKERS})
        seconds = _create_ledgers(data, options.ledgers - 1)
        for one in rounds:
            one["ledgers"] = _idle(data, WORKERS[0], options.settle, options.seconds)
        return {"rounds": rounds, "create_seconds": seconds, "checks": [servers.verified(data)]}


def _create_ledgers(data: Path, count: int) -> float:
    """Add ledgers as `seatledger ledgers create` does. Return the seconds for one."""
    settings = Settings(data=data)
    with running_database(None, data) as url:
        began = time.monotonic()
        for number in range(count):
            create(settings, url, f"l{number}", (), None)
        seconds = (time.monotonic() - began) / max(count, 1)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("checkpoint")  # a start then need not wait for the end of this server
        return seconds


def _idle(data: Path, workers: int, settle: float, seconds: float) -> Idle:
    up = ("cli.main", "up", "--data", str(data), "--workers", str(workers))
    began = time.monotonic()
    with servers.running(*up, log=data / "up.log"):
        start_seconds = time.monotonic() - began
        with running_database(None, data) as url:
            with psycopg.connect(url, autocommit=True) as connection:
                _await_visits(connection)
            time.sleep(settle)
            with psycopg.connect(url) as connection:
                (connections,) = connection.execute(CONNECTIONS).fetchone() or (0,)
        processes = with_word(str(data))
        postgres = sorted({*with_word(str(data), with_postgres=True)} - {*processes})
        before, server_before = seconds_of(processes), with_reaped_seconds_of(postgres)
        began = time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - began
        busy = (seconds_of(processes) - before) / passed
        server_busy = (with_reaped_seconds_of(postgres) - server_before) / passed
        memory = {describe(process): proportional_memory_bytes(process) / 1e6 for process in processes}
        now = {*with_word(str(data), with_postgres=True)} - {*processes}
        server_memory = sum(proportional_memory_bytes(process) for process in now) / 1e6
        return Idle(
            busy * 100,
            sum(memory.values()),
            memory,
            server_busy * 100,
            server_memory,
            connections,
            start_seconds,
        )


def _await_visits(connection: psycopg.Connection[Any]) -> None:
    """Wait until the scheduler has worked for every ledger again."""
    before = dict(connection.execute(HEARTBEATS).fetchall())
    while any(beats <= before[name] for name, beats in connection.execute(HEARTBEATS).fetchall()):
        time.sleep(0.5)


def tables(raw: Mapping[str, Any]) -> list[ResultTable]:
    names = {str(n): f"up --workers {n}" for n in WORKERS} | {"ledgers": "many ledgers"}
    rounds = [{names[case]: idle for case, idle in one.items()} for one in raw["rounds"]]
    columns = {
        "% of a core": middle("cpu_percent", ".2f"),
        "memory MB": middle("memory_mb", ".2f"),
        "processes": lambda idle: str(len(idle[0]["processes"])),
        "PostgreSQL %": middle("postgres_percent", ".2f"),
        "PostgreSQL MB": middle("postgres_mb", ".0f"),
        "connections": middle("connections"),
        "ready after s": middle("start_seconds", ".1f"),
    }
    return [case_table("Idle", rounds, columns)]


PART = Part(
    "idle",
    __doc__,
    {
        "seconds": Option("seconds of each measurement", 60, smoke=1),
        "settle": Option("seconds between the start and the measurement", 15, smoke=0),
        "rounds": Option("number of rounds", 2, smoke=1),
        "ledgers": Option("number of ledgers of the case with many", 200, smoke=3),
    },
    measure,
    tables,
)

if __name__ == "__main__":
    sys.exit(PART.main())
