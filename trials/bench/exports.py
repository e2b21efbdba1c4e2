"""`python -m trials.bench.exports [--bookings 1000000]`: exports against a bare COPY of the same rows."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from analytics.exports.tables import TABLES, copy_rows
from analytics.facts import PROJECTIONS
from analytics.follower.rebuild import rebuild
from trials.bench.ledgers import fresh_ledger

FLIGHTS = 5_000
ROUNDS = 3

# Every second booking is paid half a minute later, so its events lie apart. The hashes form no chain: exports
# do not read them.
_FILL = f"""
    insert into ledger.events
    select row_number() over (order by at, version), id, version, topic, state, 'customer-' || n %% 64,
        operation, ordinal, 'key-' || n, 'request-' || n, '', at,
        sha256(n::text::bytea), sha256((n || topic)::bytea)
    from (
        select n, {{id}} as id, 1 as version, 'flight.scheduled' as topic,
            json_build_object('number', 'SL' || n, 'origin', 'JFK', 'destination', 'LHR', 'seats', 1000,
                'departs_at', '2031-01-01T00:00:00Z', 'arrives_at', '2031-01-01T07:00:00Z', 'departure_day',
                '2031-01-01', 'price', json_build_object('amount', 45000, 'currency', 'USD'))::text as state,
            'schedule_flight' as operation, 1 as ordinal,
            '2030-01-01Z'::timestamptz + n * interval '1 us' as at
        from generate_series(1, {FLIGHTS}) as n
        union all
        select n, {{id}}, version, topic, case version
            when 1 then json_build_object('flight_id', {{flight}}, 'user_id', 'customer-' || n %% 64, 'seats',
                1, 'total_cost', json_build_object('amount', 45000, 'currency', 'USD'),
                'expires_at', '2031-01-01T00:05:00.123456Z')::text
            when 2 then json_build_object('payment_id', {{payment}}, 'capture', 'automatic',
                'capture_before', null, 'amount', json_build_object('amount', 45000, 'currency', 'USD'))::text
            else json_build_object('payment_id', {{payment}})::text end,
            case version when 1 then 'initiate_booking' else 'pay_booking' end, greatest(1, version - 1),
            '2030-01-01T01:00:00Z'::timestamptz + n * interval '1.234 ms'
                + (version > 1)::integer * interval '31.1 s'
        from generate_series({FLIGHTS} + 1, {FLIGHTS} + %s) as n, (values (1, 'booking.initiated'),
            (2, 'booking.payment_pending'), (3, 'booking.booked')) as e (version, topic)
        where version = 1 or n %% 2 = 0
    ) as made
"""


def fill(url: str, bookings: int) -> None:
    ids = {
        "id": "('01a00000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid",
        "flight": f"('01a00000-0000-7000-8000-' || lpad(to_hex(1 + n %% {FLIGHTS}), 12, '0'))::uuid",
        "payment": "('01a10000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid",
    }
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL.format(**ids).encode(), (bookings,))
        connection.execute("vacuum analyze ledger.events")
    asyncio.run(rebuild(url, PROJECTIONS["bookings"], lambda _: None))


def copy(url: str) -> float:
    """Return the seconds of a bare COPY of all rows as CSV."""
    began = time.perf_counter()
    with psycopg.connect(url) as connection:
        connection.execute("set timezone = 'UTC'; set jit = off")
        with connection.cursor().copy(copy_rows(TABLES["bookings"], then=False)) as rows:
            for _ in rows:
                pass
    return time.perf_counter() - began


def export(url: str, folder: Path, *options: str) -> tuple[float, float, int, int]:
    """Run the command. Return its seconds, CPU seconds, peak memory (KiB) and rows."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "cli.main", "export", "bookings", "--json", "--out"]
    with subprocess.Popen(
        [*command, str(folder / "export"), *options],
        env=os.environ | {"DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout
        rows = json.loads(process.stdout.read())["rows"]
        _, _, used = os.wait4(process.pid, 0)
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bookings", type=int, default=1_000_000)
    bookings = parser.parse_args().bookings
    with fresh_ledger() as (url, data):
        fill(url, bookings)
        measure(url, data, bookings)


def measure(url: str, folder: Path, bookings: int) -> None:
    # After that position a quarter of the bookings was made or paid.
    earlier = str(FLIGHTS + bookings + bookings // 2)
    cases = {
        "parquet": ("--format", "parquet"),
        "csv": ("--format", "csv"),
        "ndjson": ("--format", "ndjson"),
        "parquet, of earlier": ("--format", "parquet", "--position", earlier),
    }
    for _ in range(ROUNDS):
        bare = copy(url)
        print(f"{'a bare COPY':22} {bare:6.1f} s")
        for case, options in cases.items():
            seconds, busy, memory, rows = export(url, folder, *options)
            print(
                f"{case:22} {seconds:6.1f} s  {seconds / bare:4.1f} times COPY  {busy:4.1f} s on a processor"
                f"  {memory / 1024:4.0f} MB  {rows:,} rows",
                flush=True,
            )


if __name__ == "__main__":
    main()
