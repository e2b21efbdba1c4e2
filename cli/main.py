"""The command line: what there is to run, and how each part is started."""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from cli import analytics, audit, programs, proofs, replay, self_audit, tokens, up
from ledger.postgres import EmbeddedDatabaseFailed
from ledger.schema import SchemaMismatch
from ledger.settings import WrongSetting, read_settings
from ledger.verify import CutShort
from projections.analytics import PROJECTIONS

FAILED, USAGE, CUT_SHORT = 1, 2, 3

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
    was cut short.
    """
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
        return 130


def _said(problem: psycopg.Error) -> str:
    """What PostgreSQL said and advises, without its inner workings."""
    said = [problem.diag.message_primary, problem.diag.message_hint]
    return "\n".join(filter(None, said)) or str(problem).strip() or type(problem).__name__


_SETTINGS = ("data", "host", "port", "workers")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seatledger",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    served: list[dict[str, Any]] = [_DATA, _HOST, _PORT, _WORKERS]
    _add(commands, "up", up.up, "serve: API and scheduler together, until SIGTERM", served)
    _add(commands, "api", programs.api, "serve the API alone", served)
    _add(commands, "scheduler", programs.scheduler, "run the scheduler alone", [_DATA])
    simulator = _add(
        commands, "gateway", programs.gateway, "run the payment gateway simulator alone", [_JSON]
    )
    simulator.add_argument(
        "--host", dest="listen_host", default="127.0.0.1", help="where to listen (127.0.0.1)"
    )
    simulator.add_argument(
        "--port", dest="listen_port", type=int, default=8100, help="port to listen on (8100; 0: a free one)"
    )
    simulator.add_argument("--store", type=Path, required=True, metavar="FILE", help="its own database")
    _add(commands, "migrate", programs.migrate, "bring the database's schema up to date", [_DATA, _JSON])
    verify = _add(
        commands,
        "verify",
        audit.verify,
        "check chain, positions, versions, commands, seats and views; exit 1 when something does not hold,"
        " 3 when the check was cut short",
        [_DATA, _JSON],
    )
    verify.add_argument("--against", type=Path, metavar="FILE", help="also with checkpoints saved there")
    verify.add_argument(
        "--key", type=Path, metavar="PEM", help="whose public key signed them (the ledger's own)"
    )
    _add(
        commands,
        "self-audit",
        self_audit.self_audit,
        "compare the views with the log by digest, now; exit 1 when they differ",
        [_DATA, _JSON],
    )
    _add_audits(commands)
    _add_proofs(commands)
    rebuild = _add(
        commands,
        "rebuild",
        analytics.rebuild,
        "make tables of analysts anew from the log, while they are read, and swap them in",
        [_DATA, _JSON],
    )
    rebuild.add_argument("name", nargs="?", choices=list(PROJECTIONS), help="which")
    rebuild.add_argument("--all", action="store_true", help="all of them, side by side")
    _add(commands, "dictionary", analytics.dictionary, "print what analysts may read, in Markdown", [_DATA])
    token = _add(commands, "token", tokens.token, "print a token, signed with the ledger's secret", [_DATA])
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
    _add(commands, "db-url", programs.db_url, "print the connection string of the database in use", [_DATA])
    _add(
        commands,
        "demo",
        programs.demo,
        "a day of flights in a folder of its own: booked, paid, checked",
        [_JSON],
    )
    _add(
        commands,
        "torture",
        programs.torture,
        "break ledgers of its own, and judge whether anything gave way (from a checkout)",
        [_MINUTES, _SEED, _JSON],
    )
    _add(
        commands,
        "simulate",
        programs.simulate,
        "run the writer on a simulated database, network and clock, one world a seed (from a checkout)",
        [_SEEDS, _SEED, _JSON],
    )
    return parser


def _add_audits(commands: Any) -> None:
    """Looking into the past of one booking, flight or waiting party."""
    options = [_DATA, _JSON]
    history = _add(commands, "history", replay.history, "every event of ID: who, and caused by what", options)
    again = _add(commands, "replay", replay.replay, "fold the events of ID anew", options)
    again.add_argument("--to", type=int, metavar="VERSION", help="up to this version (the last)")
    show = _add(commands, "show", replay.show, "what ID was at any time", options)
    moment = show.add_mutually_exclusive_group()
    moment.add_argument("--as-of", type=_time, metavar="TIME", help="2031-05-01T12:00:00Z, or any offset")
    moment.add_argument("--position", type=int, metavar="N", help="right after this position of the log")
    for parser in (history, again, show):
        parser.add_argument("id", type=UUID, metavar="ID", help="of a booking, a flight or a waiting party")


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("no offset from UTC")
    return time


def _add_proofs(commands: Any) -> None:
    _add(
        commands, "public-key", proofs.public_key, "print the key that checks what the ledger signs", [_DATA]
    )
    checkpoint = _add(
        commands, "checkpoint", proofs.checkpoint, "sign what the log says now, and print it", [_DATA]
    )
    checkpoint.add_argument("--to", metavar="FILE|URL", help="also append it to a file, or POST it")
    prove = _add(
        commands,
        "prove",
        proofs.prove,
        "print a proof of a booking's history, or that the log only grew, for check-proof",
        [_DATA],
    )
    prove.add_argument("booking", nargs="?", metavar="BOOKING", help="the booking's id")
    prove.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="against the last one saved there (one made now)"
    )
    prove.add_argument(
        "--from", dest="since", metavar="FILE|POSITION", help="that the log goes on from this checkpoint"
    )
    prove.add_argument("--to", dest="until", metavar="FILE|POSITION", help="to this one (one made now)")
    check = _add(
        commands,
        "check-proof",
        proofs.check_proof,
        "check a proof with a public key alone: no database, no network, no settings",
        [],
    )
    check.add_argument("proof", type=Path, metavar="PROOF", help="what `prove` printed")
    check.add_argument("--key", type=Path, required=True, metavar="PEM", help="the ledger's public key")


def _add(
    commands: Any, name: str, run: Callable[..., int], summary: str, options: list[dict[str, Any]]
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    command.set_defaults(run=run)
    for option in options:
        command.add_argument(option["flag"], **{k: v for k, v in option.items() if k != "flag"})
    return command


_DATA: dict[str, Any] = {
    "flag": "--data",
    "type": Path,
    "metavar": "DIR",
    "help": "the data folder (SEATLEDGER_DATA, data)",
}
_HOST = {"flag": "--host", "help": "address to listen on (SEATLEDGER_HOST, 127.0.0.1)"}
_PORT = {"flag": "--port", "type": int, "help": "port to listen on (SEATLEDGER_PORT, 8000)"}
_WORKERS = {"flag": "--workers", "type": int, "help": "API processes (SEATLEDGER_WORKERS, 2)"}
_JSON = {"flag": "--json", "action": "store_true", "help": "one JSON object on standard output"}
_MINUTES = {"flag": "--minutes", "type": float, "default": 1.0, "help": "for how long (1)"}
_SEEDS = {"flag": "--seeds", "type": int, "default": 1000, "help": "how many, from --seed on (1000)"}
_SEED = {"flag": "--seed", "type": int, "default": 1, "help": "settles what breaks in which order (1)"}


if __name__ == "__main__":
    sys.exit(main())
