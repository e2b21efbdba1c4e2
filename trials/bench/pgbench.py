"""Reference by PostgreSQL alone: one durable transaction per booking, driven by pgbench.

A booking inserts an event and takes a free seat in one prepared statement: about the minimum of any booking
system, in C, without keys, chain, views or history.
"""

import re
import subprocess
import tempfile
from pathlib import Path

import psycopg

from database.embedded.binaries import find_binaries
from trials.bench.pace import Pace, pace_of

SECONDS_MIN = 2
"""A busy machine needs this long to open all connections."""

FLIGHTS = 1_000
SEATS = 1_000_000_000
HOT = 1

SCHEMA = f"""
    create schema if not exists bench;
    drop table if exists bench.events, bench.seats;
    create table bench.events (
        id bigint generated always as identity primary key, flight_id integer not null, state text not null,
        recorded_at timestamptz not null default now());
    create table bench.seats (flight_id integer primary key, free integer not null check (free >= 0))
        with (fillfactor = 50);
    insert into bench.seats select n, {SEATS} from generate_series(1, {FLIGHTS}) as n;
"""

BOOK = """
    with taken as (
        update bench.seats set free = free - 1 where flight_id = :flight and free > 0 returning flight_id)
    insert into bench.events (flight_id, state)
    select flight_id, '{"user_id":"passenger","seats":1,"total_cost":{"amount":450000,"currency":"INR"}}'
    from taken;
"""


def prepare(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)


def book(url: str, clients: int, seconds: int, hot: bool = False) -> Pace:
    """Run pgbench. Raises RuntimeError with its output if it fails."""
    binaries = find_binaries()
    assert binaries
    flight = str(HOT) if hot else f"random(1, {FLIGHTS})"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "book.sql")
        script.write_text(f"\\set flight {flight}\n{' '.join(BOOK.split())}\n")
        ran = subprocess.run(
            [
                str(binaries / "pgbench"),
                *("--no-vacuum", "--protocol=prepared", f"--client={clients}", f"--jobs={min(clients, 2)}"),
                *(
                    f"--time={max(seconds, SECONDS_MIN)}",
                    f"--file={script}",
                    "--log",
                    f"--log-prefix={folder}/log",
                    url,
                ),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.search(r"^tps = ([0-9.]+)", ran.stdout, re.MULTILINE)
        if ran.returncode or not found:
            raise RuntimeError(f"pgbench failed: {ran.stdout}{ran.stderr}")
        # The third column is the duration of the transaction in microseconds.
        times = [int(line.split()[2]) / 1e6 for log in Path(folder).glob("log*") for line in log.open()]
    return pace_of(times, len(times) / float(found[1]))
