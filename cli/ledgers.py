"""Command `ledgers`: list the ledgers of a deployment, add, move and retire one, change its carriers."""

from collections.abc import Sequence
from typing import Any

import msgspec

from analytics.schema import prepare
from audit.proofs.keys import signing_key
from cli.existing_ledger import read_registry
from cli.ledger_move import move_ledger, say_on_stderr
from cli.options import DATA, JSON, SANDBOX, add
from database import registry
from database.connection import connect_sync
from database.embedded import existing_database
from database.registry import LedgerEntry
from database.sandbox import require_kind
from runtime.settings import Settings, WrongSetting

_ABOUT = """\
  seatledger ledgers                                  list all ledgers
  seatledger ledgers create ai --carriers AI,IX       add one for the flights of these carriers
  seatledger ledgers carriers main --carriers BA      change the carriers of one
  seatledger ledgers retire ai                        make one read-only
  seatledger ledgers move ai --to AI_URL              move one, while in use, to the server that $AI_URL names
"""


def register(commands: Any) -> None:
    command = add(
        commands,
        "ledgers",
        ledgers,
        "list, add, move and retire the ledgers of a deployment",
        [DATA, SANDBOX, JSON],
    )
    command.epilog = _ABOUT
    command.add_argument(
        "action", nargs="?", default="list", choices=("list", "create", "carriers", "retire", "move")
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="name of the ledger, like ai")
    command.add_argument(
        "--carriers", metavar="AI,IX", help="the first two characters of the flight numbers that it takes"
    )
    command.add_argument(
        "--url-variable",
        metavar="VARIABLE",
        help="environment variable with the connection string of another server that holds the ledger",
    )
    command.add_argument(
        "--to",
        metavar="VARIABLE",
        help="environment variable with the connection string of the server to move to; DATABASE_URL for the"
        " deployment's own",
    )


def ledgers(
    settings: Settings,
    action: str,
    name: str | None,
    carriers: str | None,
    url_variable: str | None,
    to: str | None,
    json: bool,
) -> int:
    """Run the action and print the ledgers that it concerns. Raises RegistryError, WrongSetting."""
    if (name is None) != (action == "list"):
        raise WrongSetting(f"ledgers {action}: {'takes no NAME' if name else 'give its NAME'}")
    if (to is None) != (action != "move"):
        raise WrongSetting(f"ledgers {action}: {'takes no --to' if to else 'give --to VARIABLE'}")
    codes = tuple(carriers.split(",")) if carriers else ()
    with existing_database(settings.database_url, settings.data) as url:
        if action == "move":
            return _move(url, name or "", to or "", json)
        if action == "create":
            create(settings, url, name or "", codes, url_variable)
        elif action != "list":
            with connect_sync(url, "seatledger ledgers", autocommit=False) as connection:
                if action == "retire":
                    registry.retire(connection, name or "")
                else:
                    registry.change_carriers(connection, name or "", codes)
        _print([one for one in read_registry(url) if name in (None, one.name)], json)
    return 0


def _move(url: str, name: str, variable: str, json: bool) -> int:
    """Move a ledger and print the result. Return 0 if it verifies on the other server, else 1."""
    moved = move_ledger(url, name, variable, say_on_stderr)
    if json:
        print(msgspec.json.encode(moved).decode())
    elif moved.ok:
        print(
            f"ok: {name} is moved, with {moved.events} events; commands paused for"
            f" {moved.paused_seconds} s. The old server keeps it as {moved.sealed}, which no process uses."
        )
    else:
        print(f"NOT ok: first bad position {moved.first_bad_position}: {moved.reason}")
    return 0 if moved.ok else 1


def create(
    settings: Settings, url: str, name: str, carriers: Sequence[str], url_variable: str | None
) -> None:
    """Add a ledger: its schema, its roles, and its row in the registry, which is the last step."""
    with connect_sync(url, "seatledger ledgers", autocommit=False) as connection:
        require_kind(connection, settings.sandbox)
        entry = registry.begin_entry(connection, name, carriers, url_variable)
        prepare(registry.url_of(entry, url), settings)
        if settings.data.is_dir() and not settings.checkpoint_key:
            signing_key(settings.of_ledger(name))
        registry.add_entry(connection, entry)


def _print(entries: Sequence[LedgerEntry], json: bool) -> None:
    if json:
        print(msgspec.json.encode(entries).decode())
        return
    for entry in entries:
        carriers = ",".join(entry.carriers) or ("all others" if entry.name == registry.MAIN else "none")
        where = f" on the server of {entry.url_variable}" if entry.url_variable else ""
        print(f"{entry.number:>4} {entry.name}: carriers {carriers}{where}{' (retired)' * entry.is_retired}")
