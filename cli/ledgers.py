"""Command `ledgers`: list the ledgers of a deployment, add one, change its carriers, retire one."""

from collections.abc import Sequence
from typing import Any

import msgspec

from analytics.schema import prepare
from audit.proofs.keys import signing_key
from cli.existing_ledger import read_registry
from cli.options import DATA, JSON, add
from database import registry
from database.connection import connect_sync
from database.embedded import existing_database
from database.registry import LedgerEntry
from runtime.settings import Settings, WrongSetting

_ABOUT = """\
  seatledger ledgers                                  list all ledgers
  seatledger ledgers create ai --carriers AI,IX       add one for the flights of these carriers
  seatledger ledgers carriers main --carriers BA      change the carriers of one
  seatledger ledgers retire ai                        make one read-only
"""


def register(commands: Any) -> None:
    command = add(
        commands, "ledgers", ledgers, "list, add and retire the ledgers of a deployment", [DATA, JSON]
    )
    command.epilog = _ABOUT
    command.add_argument(
        "action", nargs="?", default="list", choices=("list", "create", "carriers", "retire")
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


def ledgers(
    settings: Settings,
    action: str,
    name: str | None,
    carriers: str | None,
    url_variable: str | None,
    json: bool,
) -> int:
    """Run the action and print the ledgers that it concerns. Raises RegistryError, WrongSetting."""
    if (name is None) != (action == "list"):
        raise WrongSetting(f"ledgers {action}: {'takes no NAME' if name else 'give its NAME'}")
    codes = tuple(carriers.split(",")) if carriers else ()
    with existing_database(settings.database_url, settings.data) as url:
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


def create(
    settings: Settings, url: str, name: str, carriers: Sequence[str], url_variable: str | None
) -> None:
    """Add a ledger: its schema, its roles, and its row in the registry, which is the last step."""
    with connect_sync(url, "seatledger ledgers", autocommit=False) as connection:
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
