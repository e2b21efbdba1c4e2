"""Options that several commands have, and how a command is made known."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def add(
    commands: Any, name: str, run: Callable[..., int], summary: str, options: list[dict[str, Any]]
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    command.set_defaults(run=run)
    for option in options:
        command.add_argument(option["flag"], **{k: v for k, v in option.items() if k != "flag"})
    return command


DATA: dict[str, Any] = {
    "flag": "--data",
    "type": Path,
    "metavar": "DIR",
    "help": "the data folder (SEATLEDGER_DATA, data)",
}
HOST = {"flag": "--host", "help": "address to listen on (SEATLEDGER_HOST, 127.0.0.1)"}
PORT = {"flag": "--port", "type": int, "help": "port to listen on (SEATLEDGER_PORT, 8000)"}
WORKERS = {"flag": "--workers", "type": int, "help": "API processes (SEATLEDGER_WORKERS, 2)"}
JSON = {"flag": "--json", "action": "store_true", "help": "one JSON object on standard output"}
MINUTES = {"flag": "--minutes", "type": float, "default": 1.0, "help": "for how long (1)"}
SEEDS = {"flag": "--seeds", "type": int, "default": 1000, "help": "how many, from --seed on (1000)"}
SEED = {"flag": "--seed", "type": int, "default": 1, "help": "settles what breaks in which order (1)"}
