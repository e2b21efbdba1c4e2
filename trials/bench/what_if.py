"""`python -m trials.bench.what_if [--bookings 400000]`: time of a replay against reading the demand."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time

import psycopg

from analytics.facts import PROJECTIONS
from analytics.follower.rebuild import rebuild
from analytics.what_if.demand import Selection, demand
from trials.bench.exports import FLIGHTS, fill
from trials.bench.ledgers import fresh_ledger

# The views by which a replay finds streams, and a refused hold for every second booking, for more seats than
# any policy grants.
_VIEWS = """
    insert into views.flights select flight_id, number, origin, destination, departs_at, arrives_at,
        departure_day, seats, price_amount, price_currency, false, version from analytics.flights;
    insert into views.bookings select booking_id, flight_id, '', seats, amount, currency, status, null,
        hold_expires_at, null, null, version, initiated_at, initiated_at from analytics.bookings
"""
_REFUSE = f"""
    insert into ledger.commands
    select 'customer', 'initiate_booking', 'refused-' || n, '', 409,
        json_build_object('code', 'not-enough-seats', 'asked', 9999, 'free', 0, 'flight_id',
            '01a00000-0000-7000-8000-' || lpad(to_hex(1 + n %% {FLIGHTS}), 12, '0')),
        null, 0, null, {FLIGHTS} + n, '', '2030-01-01T01:00:00Z'
    from generate_series(1, %s) as n
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bookings", type=int, default=400_000)
    bookings = parser.parse_args().bookings
    with fresh_ledger() as (url, _):
        fill(url, bookings)
        asyncio.run(rebuild(url, PROJECTIONS["flights"], lambda _: None))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_VIEWS)
            connection.execute(_REFUSE, (bookings // 2,))
            connection.execute("vacuum analyze")
        measure(url)


def measure(url: str) -> None:
    began = time.perf_counter()
    with demand(url, Selection()) as recorded:
        commands = sum(1 for _, of_flight in recorded.flights() for _ in of_flight)
    read = time.perf_counter() - began
    print(f"{commands:,} commands read in {read:.1f} s", flush=True)
    for policy in ((), ("--hold-minutes", "10", "--overbook", "3%")):
        began = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "-m", "cli.main", "what-if", "--json", *policy],
            env=os.environ | {"DATABASE_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout
            result = json.loads(process.stdout.read())
            _, _, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        busy = used.ru_utime + used.ru_stime
        what = " ".join(policy) or "the recorded policy"
        print(
            f"{what:35} {result['commands']:,} commands in {seconds:.1f} s, {seconds / read:.1f} x reading,"
            f" {busy:.1f} s on a processor, {used.ru_maxrss / 1024:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
