"""Bookings a second over HTTP, against a reference in the same run.

Starts the real program on a fresh ledger with full durability, and beside it a Litestar app that only
decodes and encodes the same bodies, served by the same server. Each round loads the one and the other in
turn, for each number of connections; the median of the rounds is reported, with the lowest and the highest.
At the end bookings come at a fixed rate, whether or not the earlier ones are answered. Needs wrk on PATH.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench import open_loop, report, servers, wrk
from bench.footprint import cpu_seconds
from bench.traffic import SEATS, SECRET, Traffic
from bench.wrk import Load, Request

RATE_MAX = 20_000
"""Bookings a second that seats are provided for; with more, refusals show that they ran out."""

HOLD_SECONDS = "86400"
NOOP = "bench.noop"


Loads = dict[str, Load]
"""By case."""


class Options(NamedTuple):
    connections: list[int]
    rate: int
    seconds: int
    rounds: int
    workers: int
    out: Path
    settings: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything was accepted and the ledger verifies afterwards."""
    options = _options(arguments)
    if not wrk.is_installed():
        print(f"seatledger bench: {wrk.MISSING}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="seatledger-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database refuses to run as root, and its own user must get through
        with _both_servers(folder, options) as (ledger, reference):
            traffic = Traffic(ledger)
            rounds = _measure(traffic, ledger, reference, str(folder), options)
            steady = open_loop.load(ledger, _few_bookings(traffic, options), options.rate, options.seconds)
            verified = _verify(folder)
    results = {
        "settings": report.settings(options._asdict()),
        "rounds": rounds,
        "open_loop": steady._asdict(),
        "verify": verified,
    }
    report.write(results, options.out)
    report.show(results, options.out)
    loads = [load for measured in rounds for loads in measured.values() for load in loads.values()]
    unclean = any(load.refused or load.broken for load in [*loads, steady])
    return 0 if verified["ok"] and not unclean else 1


@contextmanager
def _both_servers(folder: Path, options: Options) -> Iterator[tuple[str, str]]:
    settings = {"SEATLEDGER_JWT_SECRET": SECRET, "SEATLEDGER_HOLD_SECONDS": HOLD_SECONDS, **options.settings}
    workers, data = str(options.workers), str(folder / "data")
    up = servers.running(
        "cli.main", "up", "--data", data, "--workers", workers, log=folder / "up.log", settings=settings
    )
    noop = servers.running(NOOP, "--workers", workers, log=folder / "noop.log")
    with up as ledger, noop as reference:
        yield ledger, reference


def _measure(
    traffic: Traffic, ledger: str, reference: str, folder: str, options: Options
) -> list[dict[int, Loads]]:
    most = RATE_MAX * options.seconds // SEATS
    many = traffic.schedule(most)
    anywhere = traffic.bookings_anywhere(many)
    for url in (ledger, reference):
        wrk.load(url, anywhere, connections=64, seconds=options.seconds)
    rounds = []
    for number in range(options.rounds):
        measured = {}
        for connections in options.connections:
            print(
                f"round {number + 1} of {options.rounds}, {connections} connections",
                file=sys.stderr,
                flush=True,
            )
            # Each time new flights, so that none is full before the end.
            measured[connections] = _round(traffic, ledger, reference, folder, connections, options.seconds)
        rounds.append(measured)
    return rounds


def _round(
    traffic: Traffic, ledger: str, reference: str, folder: str, connections: int, seconds: int
) -> Loads:
    def load(url: str, requests: Sequence[Request], repeat: int = 1) -> Load:
        server = NOOP if url == reference else folder
        before = cpu_seconds(server)
        loaded = wrk.load(url, requests, connections=connections, seconds=seconds, repeat=repeat)
        accepted = loaded.accepted_per_second * seconds
        return loaded._replace(cpu_us=(cpu_seconds(server) - before) * 1e6 / max(accepted, 1))

    most = RATE_MAX * seconds // SEATS
    many, hot_ones = traffic.schedule(most), traffic.schedule(most)
    anywhere, seats = traffic.bookings_anywhere(many), traffic.looks_at_seats(many)
    loads = {
        "book, no-op": load(reference, anywhere),
        "book, many flights": load(ledger, anywhere),
        # All connections on one flight until its last seat is gone, then on the next.
        "book, one hot flight": load(ledger, traffic.bookings(hot_ones), repeat=SEATS),
    }
    # As many as were just made: paying would have to be twice as fast as booking to run out of them.
    held = loads["book, many flights"].accepted_per_second + loads["book, one hot flight"].accepted_per_second
    bookings = traffic.unpaid(int(held * seconds))
    payments, reads = traffic.payments(bookings), traffic.looks_at_bookings(bookings)
    histories = [read._replace(path=read.path + "/history") for read in reads]
    return loads | {
        "pay": load(ledger, payments),
        "pay, no-op": load(reference, payments),
        "read a booking, no-op": load(reference, reads),
        "read a booking": load(ledger, reads),
        "read seats": load(ledger, seats),
        "read seats, no-op": load(reference, seats),
        "read a history": load(ledger, histories),
    }


def _few_bookings(traffic: Traffic, options: Options) -> list[Request]:
    return traffic.bookings_anywhere(traffic.schedule(options.rate * options.seconds // SEATS + 10))


def _verify(folder: Path) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "cli.main", "verify", "--data", str(folder / "data"), "--json"],
        cwd=folder,
        env=servers.clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        verified: dict[str, Any] = json.loads(ran.stdout)
    except ValueError:
        verified = {"ok": False, "reason": ran.stderr[-1000:]}
    return verified


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m bench.http", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add: Callable[..., Any] = parser.add_argument
    add(
        "--connections",
        type=int,
        nargs="+",
        default=[1, 16, 64, 256],
        metavar="N",
        help="connections at the same time (1 16 64 256)",
    )
    add("--rate", type=int, default=500, metavar="N", help="bookings a second of the open loop (500)")
    add("--seconds", type=int, default=5, metavar="S", help="of each load in each round (5)")
    add("--rounds", type=int, default=3, metavar="N", help="how often everything is measured (3)")
    add("--workers", type=int, default=2, metavar="N", help="processes of each server (2)")
    add(
        "--out",
        type=Path,
        default=report.DEFAULT_OUT,
        metavar="FILE",
        help="where the raw numbers go as JSON",
    )
    add("--smoke", action="store_true", help="one round of a second: shows that it works, measures nothing")
    add(
        "--setting",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the ledger, to compare settings",
    )
    options = vars(parser.parse_args(arguments))
    options["settings"] = dict(options.pop("setting"))
    if options.pop("smoke"):
        options |= {"seconds": 1, "rounds": 1, "connections": [16], "rate": 50}
    return Options(**options)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("must be NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
