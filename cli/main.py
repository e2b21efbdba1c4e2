"""The command line: all commands, their options and exit codes."""

import argparse
import importlib
import os
import select
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from runtime.data_folder import tighten
from runtime.environment import CHILD, read_settings, unknown_variables
from runtime.failures import FAILED, CommandFailed
from runtime.settings import Settings, WrongSetting

if TYPE_CHECKING:
    import psycopg

COMMANDS = {
    "up": "cli.up",
    "api": "cli.programs",
    "scheduler": "cli.programs",
    "gateway": "cli.gateway",
    "migrate": "cli.migrate",
    "ledgers": "cli.ledgers",
    "verify": "cli.audit",
    "self-audit": "cli.self_audit",
    "history": "cli.histories",
    "replay": "cli.histories",
    "show": "cli.histories",
    "public-key": "cli.proofs",
    "checkpoint": "cli.proofs",
    "prove": "cli.proofs",
    "check-proof": "cli.check_proof",
    "rebuild": "cli.projections",
    "dictionary": "cli.projections",
    "export": "cli.export",
    "feed": "cli.feed",
    "what-if": "cli.what_if",
    "forget": "cli.erasure",
    "rotate-master-key": "cli.erasure",
    "webhooks": "cli.webhooks",
    "token": "cli.tokens",
    "db-url": "cli.db_url",
    "demo": "cli.demo.command",
    "torture": "cli.trials",
    "simulate": "cli.trials",
    "bench": "cli.trials",
}
"""The module of each command, whose `register` adds the command's parser. A start imports no other."""

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
    arguments = sys.argv[1:] if arguments is None else arguments
    options = vars(_parser(arguments[:1]).parse_args(arguments))
    run: Callable[..., int] = options.pop("run")
    makes_ledger = options.pop("makes_ledger")
    if not options.pop("needs_settings"):
        return run(**options)
    given = {name: options.pop(name) for name in _SETTINGS if name in options}
    ledger = options.pop("ledger", None)
    # `rebuild --all` means all facts, of all ledgers unless one is named.
    all_ledgers = options.pop("all_ledgers", False) or (options.get("all") and ledger is None)
    _warn_of_unknown_variables()
    try:
        settings = read_settings(**given)
        if ledger is not None:
            settings = settings.of_ledger(ledger)
        if settings.postgres_bin:
            # Imported here and below, because few commands need it.
            from database.embedded import use_programs

            use_programs(settings.postgres_bin)
        if makes_ledger and CHILD not in os.environ:
            _prepare_data_folder(settings)
        if all_ledgers:
            return _run_each(run, settings, options)
        return run(settings, **options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except CommandFailed as error:
        print(f"seatledger: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"seatledger: {error}", file=sys.stderr)
        return FAILED
    except _database_error() as error:
        print(f"seatledger: the database: {_describe(error)}", file=sys.stderr)
        return FAILED


def _run_each(run: Callable[..., int], settings: Settings, options: dict[str, Any]) -> int:
    """Run the command on each ledger, and return the highest exit code."""
    from cli.existing_ledger import ledger_names

    if options.get("out"):
        raise WrongSetting("--out: names one file, so it cannot be given with --all")
    codes = []
    with ledger_names(settings) as names:
        for name in names:
            if len(names) > 1:
                print(f"ledger {name}:", file=sys.stderr, flush=True)
            codes.append(run(settings.of_ledger(name), **options))
    return max(codes)


def _warn_of_unknown_variables() -> None:
    """Name each variable that looks like a setting and is none. A child leaves that to its parent."""
    if CHILD in os.environ:
        return
    for name, nearest in unknown_variables().items():
        hint = f": did you mean {nearest}?" if nearest else "; the README lists the settings"
        print(f"seatledger: {name} is no setting, and is ignored{hint}", file=sys.stderr)


def _prepare_data_folder(settings: Settings) -> None:
    """Tighten the data folder of an older release, and name a shared account of the server."""
    from database.embedded import account_warning

    lines = [tighten(settings.data), None if settings.database_url else account_warning(settings.data)]
    for line in filter(None, lines):
        print(f"seatledger: {line}", file=sys.stderr)


def _database_error() -> type["psycopg.Error"]:
    """Import the class of all errors of PostgreSQL, which only a failed command needs."""
    import psycopg

    return psycopg.Error


def _describe(error: "psycopg.Error") -> str:
    """Return the message and the hint of PostgreSQL, without further details."""
    parts = [error.diag.message_primary, error.diag.message_hint]
    if error.sqlstate == _UNDEFINED_TABLE:
        parts[1] = (
            "Is it the right database (--data, DATABASE_URL)? `seatledger migrate` creates a ledger in it."
        )
    return "\n".join(filter(None, parts)) or " ".join(str(error).split()) or type(error).__name__


_UNDEFINED_TABLE = "42P01"

_SETTINGS = ("data", "sandbox", "host", "port", "workers")


def _parser(first: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of the command that is the first argument, else of all commands."""
    parser = argparse.ArgumentParser(
        prog="seatledger",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    needed = [COMMANDS[name] for name in first if name in COMMANDS]
    for module in dict.fromkeys(needed or COMMANDS.values()):
        importlib.import_module(module).register(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
