"""The command line: what there is to run, and how each part is started."""

import argparse
import os
import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg

from audit.verify import CutShort
from cli import (
    analytics,
    audit,
    export,
    forgetting,
    programs,
    proofs,
    replay,
    self_audit,
    tokens,
    up,
    what_if,
)
from cli.options import DATA, HOST, JSON, MINUTES, PORT, SEED, SEEDS, WORKERS, add
from database.embedded import EmbeddedDatabaseFailed
from database.schema import SchemaMismatch
from runtime.settings import WrongSetting, read_settings

FAILED, USAGE, CUT_SHORT = 1, 2, 3
INTERRUPTED, UNREAD = 130, 141
"""What a shell says of a program that SIGINT or SIGPIPE ended."""

_ABOUT = """\
An event-sourced booking ledger for flights: holds seats, takes payments once, and can prove what happened.

Without DATABASE_URL the program runs its own PostgreSQL in the data folder.
"""

_EXAMPLES = """\
examples:
  seatledger demo                               a day of flights, booked and checked
  seatledger up --port 8000                     API and scheduler; prints "ready http://127.0.0.1:8000"
  seatledger token --sub alice --role client    a token for one customer
  seatledger verify --json                      check the whole ledger
  psql "$(seatledger db-url)"                   look inside

From a checkout, `python3 run.py COMMAND` is the same, and `python3 run.py test` runs the whole check.

Settings are environment variables, or the same names in a file .env; the README lists them.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 done, 1 something does not hold or broke, 2 wrongly asked, 3 verify
    was cut short, 130 interrupted, 141 nobody reads what it says.
    """
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError as problem:
        if not _nobody_reads():
            print(f"seatledger: {problem}", file=sys.stderr)
            return FAILED
        # Python flushes once more when it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD


def _nobody_reads() -> bool:
    """Was it the pipe that stdout goes to which broke, and no other?"""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _run(arguments: Sequence[str] | None) -> int:
    options = vars(_parser().parse_args(arguments))
    run: Callable[..., int] = options.pop("run")
    if run is proofs.check_proof:
        # Whoever checks a proof need not have a ledger: no setting of one may be in the way.
        return run(**options)
    given = {name: options.pop(name) for name in _SETTINGS if name in options}
    try:
        return run(read_settings(**given), **options)
    except WrongSetting as problem:
        print(f"seatledger: {problem}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        raise
    except (EmbeddedDatabaseFailed, SchemaMismatch, OSError) as problem:
        print(f"seatledger: {problem}", file=sys.stderr)
        return FAILED
    except psycopg.Error as problem:
        print(f"seatledger: the database: {_said(problem)}", file=sys.stderr)
        return FAILED
    except CutShort as problem:
        print(f"seatledger: {problem}", file=sys.stderr)
        return CUT_SHORT
    except KeyboardInterrupt:
        return INTERRUPTED


def _said(problem: psycopg.Error) -> str:
    """What PostgreSQL said and advises, without its inner workings."""
    said = [problem.diag.message_primary, problem.diag.message_hint]
    if isinstance(problem, psycopg.errors.UndefinedTable):
        said[1] = "Is it the one you mean (--data, DATABASE_URL)? `seatledger migrate` makes a ledger of it."
    return "\n".join(filter(None, said)) or " ".join(str(problem).split()) or type(problem).__name__


_SETTINGS = ("data", "host", "port", "workers")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seatledger",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    served: list[dict[str, Any]] = [DATA, HOST, PORT, WORKERS]
    add(commands, "up", up.up, "serve: API and scheduler together, until SIGTERM", served)
    add(commands, "api", programs.api, "serve the API alone", served)
    add(commands, "scheduler", programs.scheduler, "run the scheduler alone", [DATA])
    simulator = add(commands, "gateway", programs.gateway, "run the payment gateway simulator alone", [JSON])
    simulator.add_argument(
        "--host", dest="listen_host", default="127.0.0.1", help="where to listen (127.0.0.1)"
    )
    simulator.add_argument(
        "--port", dest="listen_port", type=int, default=8100, help="port to listen on (8100; 0: a free one)"
    )
    simulator.add_argument("--store", type=Path, required=True, metavar="FILE", help="its own database")
    add(commands, "migrate", programs.migrate, "bring the database's schema up to date", [DATA, JSON])
    verify = add(
        commands,
        "verify",
        audit.verify,
        "check chain, positions, versions, commands, seats and views; exit 1 when something does not hold,"
        " 3 when the check was cut short",
        [DATA, JSON],
    )
    verify.add_argument("--against", type=Path, metavar="FILE", help="also with checkpoints saved there")
    verify.add_argument(
        "--key", type=Path, metavar="PEM", help="whose public key signed them (the ledger's own)"
    )
    self_audit.register(commands)
    replay.register(commands)
    proofs.register(commands)
    analytics.register(commands)
    export.register(commands)
    what_if.register(commands)
    forgetting.register(commands)
    token = add(commands, "token", tokens.token, "print a token, signed with the ledger's secret", [DATA])
    token.add_argument("--sub", required=True, metavar="USER", help="whose token: an account's name")
    token.add_argument(
        "--role",
        required=True,
        action="append",
        dest="roles",
        choices=["client", "auditor", "analyst", "operator"],
        help="may be given more than once",
    )
    token.add_argument("--minutes", type=int, default=60, help="how long it is valid (60)")
    add(commands, "db-url", programs.db_url, "print the connection string of the database in use", [DATA])
    demo = add(
        commands,
        "demo",
        programs.demo,
        "a day of flights in a folder of its own: booked, paid, checked",
        [JSON],
    )
    demo.add_argument("--stay", action="store_true", help="go on at the end, to look around in its console")
    torture = add(
        commands,
        "torture",
        programs.torture,
        "break ledgers of its own, and check whether every promise held (from a checkout)",
        [MINUTES, SEED, JSON],
    )
    torture.add_argument(
        "--scenario",
        choices=["ledger", "gateway"],
        default="ledger",
        help="gateway: payments through the simulator, whose books are compared with the ledger's (ledger)",
    )
    add(
        commands,
        "simulate",
        programs.simulate,
        "run the writer on a simulated database, network and clock, one world a seed (from a checkout)",
        [SEEDS, SEED, JSON],
    )
    bench = add(
        commands,
        "bench",
        programs.bench,
        "measure speed on ledgers of its own, against references in the same run (from a checkout);"
        " exit 1 when anything was refused or a ledger does not verify, not when a target is missed",
        [],
    )
    bench.add_argument("--smoke", action="store_true", help="as short as can be: measures nothing")
    bench.add_argument(
        "--only",
        nargs="*",
        metavar="PART",
        help="http, writer, snapshot, audit, idle, growth; the rest is told as it was measured before",
    )
    bench.add_argument(
        "--sizes",
        nargs="+",
        type=int,
        metavar="EVENTS",
        help="in the ledgers of the part growth (10000 1000000 10000000)",
    )
    bench.add_argument(
        "--out",
        type=Path,
        default=Path("trials/bench/results"),
        metavar="DIR",
        help="for report.md, and raw numbers as JSON (trials/bench/results)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
