"""Bookings a second over HTTP, against a reference in the same run.

Starts the real program on a fresh ledger with full durability, and beside it a Litestar app that only
decodes and encodes the same bodies, served by the same server. Each round loads the one and the other in
turn; the median of the rounds is reported, with the lowest and the highest. Needs wrk on PATH.
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

from bench import report, servers, wrk
from bench.traffic import SEATS, SECRET, Traffic
from bench.wrk import Load, Request

RATE_MAX = 20_000
"""Bookings a second that seats are provided for; with more, refusals show that they ran out."""

HOLD_SECONDS = "86400"


class Options(NamedTuple):
    connections: int
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
            rounds = _measure(Traffic(ledger), ledger, reference, options)
            verified = _verify(folder)
    results = {"settings": report.settings(options._asdict()), "rounds": rounds, "verify": verified}
    report.write(results, options.out)
    report.show(results, options.out)
    unclean = any(load.refused or load.broken for loads in rounds for load in loads.values())
    return 0 if verified["ok"] and not unclean else 1


@contextmanager
def _both_servers(folder: Path, options: Options) -> Iterator[tuple[str, str]]:
    settings = {"SEATLEDGER_JWT_SECRET": SECRET, "SEATLEDGER_HOLD_SECONDS": HOLD_SECONDS, **options.settings}
    workers, data = str(options.workers), str(folder / "data")
    up = servers.running(
        "cli.main", "up", "--data", data, "--workers", workers, log=folder / "up.log", settings=settings
    )
    noop = servers.running("bench.noop", "--workers", workers, log=folder / "noop.log")
    with up as ledger, noop as reference:
        yield ledger, reference


def _measure(traffic: Traffic, ledger: str, reference: str, options: Options) -> list[dict[str, Load]]:
    most = RATE_MAX * options.seconds // SEATS
    many = traffic.schedule(most * (options.rounds + 1))

    def load(url: str, requests: Sequence[Request], repeat: int = 1) -> Load:
        return wrk.load(
            url, requests, connections=options.connections, seconds=options.seconds, repeat=repeat
        )

    anywhere, seats = traffic.bookings_anywhere(many), traffic.looks_at_seats(many)
    load(ledger, anywhere)
    load(reference, anywhere)
    rounds = []
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        # All connections on one flight until its last seat is gone, then on the next.
        hot = traffic.bookings(traffic.schedule(most))
        loads = {
            "book, no-op": load(reference, anywhere),
            "book, many flights": load(ledger, anywhere),
            "book, one hot flight": load(ledger, hot, repeat=SEATS),
        }
        # As many as were just made: paying would have to be twice as fast as booking to run out of them.
        held = (
            sum(load.accepted_per_second for load in loads.values())
            - loads["book, no-op"].accepted_per_second
        )
        bookings = traffic.unpaid(int(held * options.seconds))
        payments, reads = traffic.payments(bookings), traffic.looks_at_bookings(bookings)
        loads |= {
            "pay": load(ledger, payments),
            "pay, no-op": load(reference, payments),
            "read a booking, no-op": load(reference, reads),
            "read a booking": load(ledger, reads),
            "read seats": load(ledger, seats),
            "read seats, no-op": load(reference, seats),
        }
        rounds.append(loads)
    return rounds


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
        prog="seatledger bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add: Callable[..., Any] = parser.add_argument
    add("--connections", type=int, default=64, metavar="N", help="connections at the same time (64)")
    add("--seconds", type=int, default=5, metavar="S", help="of each load in each round (5)")
    add("--rounds", type=int, default=5, metavar="N", help="how often everything is measured (5)")
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
        options |= {"seconds": 1, "rounds": 1}
    return Options(**options)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("must be NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
