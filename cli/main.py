"""The command line: all commands, their options and exit codes."""

import argparse
import os
import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg

from audit.proofs.witnesses import LogDiverged
from audit.verify import WorkerDied
from cli import (
    audit,
    erasure,
    export,
    histories,
    programs,
    projections,
    proofs,
    self_audit,
    tokens,
    up,
    what_if,
)
from cli.options import DATA, HOST, JSON, MINUTES, PORT, SEED, SEEDS, WORKERS, add
from cli.subprocesses import CHILD
from database.embedded import EmbeddedDatabaseFailed, account_warning, use_programs
from database.schema import SchemaMismatch
from runtime.data_folder import tighten
from runtime.settings import Settings, WrongSetting, read_settings, unknown_variables

FAILED, USAGE, CUT_SHORT = 1, 2, 3
INTERRUPTED, STDOUT_CLOSED = 130, 141
"""Exit codes as a shell reports them for SIGINT and SIGPIPE."""

_ABOUT = """\
An event-sourced booking ledger for flights: holds seats, charges once, and proves its history.

Without DATABASE_URL the program runs its own PostgreSQL in the data folder.
"""

_EXAMPLES = """\
examples:
  seatledger demo                               a day of flights, booked and checked
  seatledger up --port 8000                     API and scheduler; prints "ready http://127.0.0.1:8000"
  seatledger token --sub alice --role client    a token for one customer
  seatledger verify --json                      check the whole ledger
  psql "$(seatledger db-url)"                   open the database

From a checkout, `python3 run.py COMMAND` is the same, and `python3 run.py test` runs the whole check.

Settings are environment variables, or the same names in a file .env; the README lists them.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    0 done, 1 failed or not verified, 2 wrong usage, 3 not checked or cut short, 130 interrupted,
    141 standard output closed.
    """
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError as error:
        if not _is_stdout_closed():
            print(f"seatledger: {error}", file=sys.stderr)
            return FAILED
        # Python flushes again at exit, and would report the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return STDOUT_CLOSED


def _is_stdout_closed() -> bool:
    """Return whether the broken pipe is the one of standard output."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def _run(arguments: Sequence[str] | None) -> int:
    options = vars(_parser().parse_args(arguments))
    run: Callable[..., int] = options.pop("run")
    if run is proofs.check_proof:
        # Checking a proof needs no ledger, so wrong settings must not prevent it.
        return run(**options)
    given = {name: options.pop(name) for name in _SETTINGS if name in options}
    _warn_of_unknown_variables()
    try:
        settings = read_settings(**given)
        if settings.postgres_bin:
            use_programs(settings.postgres_bin)
        if run in _MAKERS and CHILD not in os.environ:
            _prepare_data_folder(settings)
        return run(settings, **options)
    except WrongSetting as error:
        print(f"seatledger: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        raise
    except (EmbeddedDatabaseFailed, SchemaMismatch, OSError) as error:
        print(f"seatledger: {error}", file=sys.stderr)
        return FAILED
    except LogDiverged as error:
        print(f"seatledger: {error}", file=sys.stderr)
        return FAILED
    except psycopg.Error as error:
        print(f"seatledger: the database: {_describe(error)}", file=sys.stderr)
        return FAILED
    except WorkerDied as error:
        print(f"seatledger: {error}", file=sys.stderr)
        return CUT_SHORT
    except KeyboardInterrupt:
        return INTERRUPTED


def _warn_of_unknown_variables() -> None:
    """Name each variable that looks like a setting and is none. A child leaves that to its parent."""
    if CHILD in os.environ:
        return
    for name, nearest in unknown_variables().items():
        hint = f": did you mean {nearest}?" if nearest else "; the README lists the settings"
        print(f"seatledger: {name} is no setting, and is ignored{hint}", file=sys.stderr)


def _prepare_data_folder(settings: Settings) -> None:
    """Tighten the data folder of an older release, and name a shared account of the server."""
    lines = [tighten(settings.data), None if settings.database_url else account_warning(settings.data)]
    for line in filter(None, lines):
        print(f"seatledger: {line}", file=sys.stderr)


def _describe(error: psycopg.Error) -> str:
    """Return the message and the hint of PostgreSQL, without further details."""
    parts = [error.diag.message_primary, error.diag.message_hint]
    if isinstance(error, psycopg.errors.UndefinedTable):
        parts[1] = (
            "Is it the right database (--data, DATABASE_URL)? `seatledger migrate` creates a ledger in it."
        )
    return "\n".join(filter(None, parts)) or " ".join(str(error).split()) or type(error).__name__


_MAKERS = (up.up, programs.api, programs.scheduler, programs.migrate)
"""The commands that make a data folder, its server, its secrets and a ledger. All others read."""

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
    add(commands, "up", up.up, "run API and scheduler together, until SIGTERM", served)
    add(commands, "api", programs.api, "run the API alone", served)
    add(commands, "scheduler", programs.scheduler, "run the scheduler alone", [DATA])
    simulator = add(commands, "gateway", programs.gateway, "run the payment gateway simulator alone", [JSON])
    simulator.add_argument(
        "--host", dest="listen_host", default="127.0.0.1", help="address to listen on (127.0.0.1)"
    )
    simulator.add_argument(
        "--port",
        dest="listen_port",
        type=int,
        default=8100,
        help="port to listen on (8100; 0: any free port)",
    )
    simulator.add_argument(
        "--store", type=Path, required=True, metavar="FILE", help="the simulator's database file"
    )
    add(commands, "migrate", programs.migrate, "bring the database's schema up to date", [DATA, JSON])
    verify = add(
        commands,
        "verify",
        audit.verify,
        "verify chain, positions, versions, commands, seats and views; exit 1 on a divergence,"
        " 3 if a part could not be checked, or the verification was cut short",
        [DATA, JSON],
    )
    verify.add_argument(
        "--against", type=Path, metavar="FILE", help="also compare with the checkpoints saved in FILE"
    )
    verify.add_argument(
        "--key", type=Path, metavar="PEM", help="public key of the checkpoints (the ledger's own)"
    )
    self_audit.register(commands)
    histories.register(commands)
    proofs.register(commands)
    projections.register(commands)
    export.register(commands)
    what_if.register(commands)
    erasure.register(commands)
    token = add(commands, "token", tokens.token, "print a token, signed with the ledger's secret", [DATA])
    token.add_argument("--sub", required=True, metavar="USER", help="user name in the token")
    token.add_argument(
        "--role",
        required=True,
        action="append",
        dest="roles",
        choices=["client", "auditor", "analyst", "operator"],
        help="role in the token; repeatable",
    )
    token.add_argument("--minutes", type=int, default=60, help="validity in minutes (60)")
    add(commands, "db-url", programs.db_url, "print the connection string of the database in use", [DATA])
    demo = add(
        commands,
        "demo",
        programs.demo,
        "play a day of flights in a temporary ledger: book, pay, cancel, verify",
        [PORT, JSON],
    )
    demo.add_argument(
        "--stay", action="store_true", help="keep the server running at the end, to explore its console"
    )
    torture = add(
        commands,
        "torture",
        programs.torture,
        "inject faults into temporary ledgers, and check their histories (from a checkout)",
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
        "run the writer on a simulated database, network and clock, one run for each seed (from a checkout)",
        [SEEDS, SEED, JSON],
    )
    bench = add(
        commands,
        "bench",
        programs.bench,
        "measure speed on temporary ledgers, with references in the same run (from a checkout);"
        " exit 1 on a refusal or a failed verification, not on a missed target",
        [],
    )
    bench.add_argument(
        "--smoke", action="store_true", help="run as briefly as possible, as a test; the figures mean nothing"
    )
    bench.add_argument(
        "--only",
        nargs="*",
        metavar="PART",
        help="http, writer, snapshot, audit, idle, growth; other parts keep their earlier figures",
    )
    bench.add_argument(
        "--sizes",
        nargs="+",
        type=int,
        metavar="EVENTS",
        help="sizes of the ledgers in the part growth (10000 1000000 10000000)",
    )
    bench.add_argument(
        "--out",
        type=Path,
        default=Path("trials/bench/results"),
        metavar="DIR",
        help="folder for report.md and raw figures as JSON (trials/bench/results)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
