"""Options that several commands share, and registration of a command."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime.settings import SETTINGS


def add(
    commands: Any, name: str, run: Callable[..., int], summary: str, options: list[dict[str, Any]]
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    command.set_defaults(run=run)
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
JSON = {"flag": "--json", "action": "store_true", "help": "print one JSON object on standard output"}
MINUTES = {"flag": "--minutes", "type": float, "default": 1.0, "help": "duration (1)"}
SEEDS = {"flag": "--seeds", "type": int, "default": 1000, "help": "number of seeds, from --seed on (1000)"}
SEED = {"flag": "--seed", "type": int, "default": 1, "help": "decides the order of faults (1)"}
