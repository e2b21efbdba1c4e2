"""Options that several commands share, and registration of a command."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runtime.settings import SETTINGS


def add(
    commands: Any,
    name: str,
    run: Callable[..., int],
    summary: str,
    options: Sequence[dict[str, Any]],
    *,
    makes_ledger: bool = False,
    needs_settings: bool = True,
) -> argparse.ArgumentParser:
    """Add a command, and return its parser for further options.

    A command that `makes_ledger` makes a data folder, its server, its secrets and a ledger. All others read.
    One that needs no settings is not stopped by wrong ones.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        # Examples and tables of a command keep their lines.
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run, makes_ledger=makes_ledger, needs_settings=needs_settings)
    for option in options:
        command.add_argument(option["flag"], **{k: v for k, v in option.items() if k != "flag"})
    return command


def _setting(name: str, **options: Any) -> dict[str, Any]:
    setting = SETTINGS[name]
    help = f"{setting.help} ({setting.variable}, {setting.default})"
    return {"flag": f"--{name}", "help": help, **options}


DATA = _setting("data", type=Path, metavar="DIR")
HOST = _setting("host")
PORT = _setting("port", type=int)
WORKERS = _setting("workers", type=int)
SANDBOX = _setting("sandbox", action="store_const", const=True)
JSON = {"flag": "--json", "action": "store_true", "help": "print one JSON object on standard output"}
LEDGER = {
    "flag": "--ledger",
    "metavar": "NAME",
    "help": "the ledger; `seatledger ledgers` lists them (main)",
}
ALL_LEDGERS = {
    "flag": "--all",
    "dest": "all_ledgers",
    "action": "store_true",
    "help": "every ledger in turn; the exit code is the highest of them",
}
SERVED = [DATA, SANDBOX, HOST, PORT, WORKERS]
