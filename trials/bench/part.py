"""A part of the benchmark as a command: its options, and the run from them to written results."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from loguru import logger

from trials.bench.report import RESULTS, conclude, settings
from trials.bench.tables import ResultTable


class Option(NamedTuple):
    """An option: a whole number, or a list of numbers or texts. `smoke` is its default in a smoke run."""

    help: str
    default: Any
    smoke: Any


class Part(NamedTuple):
    """`measure` returns the rounds, the checks and other figures; `tables` shows them as read from JSON."""

    name: str
    description: str | None
    options: Mapping[str, Option]
    measure: Callable[[argparse.Namespace], Mapping[str, Any]]
    tables: Callable[[Mapping[str, Any]], Iterable[ResultTable]]

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Measure, write and print. Return 0 if all checks hold."""
        options = self._options(sys.argv[1:] if arguments is None else arguments)
        out = options.out
        logger.remove()
        before = settings(vars(options))
        found = dict(self.measure(options))
        return conclude({"settings": before | found.pop("settings", {}), **found}, self.tables, out)

    def _options(self, arguments: Sequence[str]) -> argparse.Namespace:
        parser = argparse.ArgumentParser(
            prog=f"python -m trials.bench.{self.name}",
            description=self.description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        for name, option in self.options.items():
            several = isinstance(option.default, list)
            parser.add_argument(
                f"--{name}",
                type=type([*option.default, ""][0] if several else option.default),
                nargs="+" if several else None,
                default=option.smoke if "--smoke" in arguments else option.default,
                metavar=name.upper(),
                help=f"{option.help} (%(default)s)",
            )
        parser.add_argument("--smoke", action="store_true", help="a second or two: no measurement")
        parser.add_argument(
            "--out",
            type=Path,
            default=RESULTS / f"{self.name}.json",
            metavar="FILE",
            help="raw numbers as JSON",
        )
        return parser.parse_args(arguments)
