"""Commands of a checkout, which a release lacks: `torture`, `simulate` and `bench`."""

import importlib
from pathlib import Path
from typing import Any

from cli.options import JSON, add
from runtime.settings import Settings, WrongSetting

MINUTES = {"flag": "--minutes", "type": float, "default": 1.0, "help": "duration (1)"}
SEEDS = {"flag": "--seeds", "type": int, "default": 1000, "help": "number of seeds, from --seed on (1000)"}
SEED = {"flag": "--seed", "type": int, "default": 1, "help": "decides the order of faults (1)"}


def torture(settings: Settings, minutes: float, seed: int, json: bool, scenario: str) -> int:
    """Run the torture."""
    return int(
        _import_from_checkout("torture", "trials.torture.torture").torture(minutes, seed, json, scenario)
    )


def simulate(settings: Settings, seeds: int, seed: int, json: bool) -> int:
    """Run simulations."""
    return int(_import_from_checkout("simulate", "trials.simulation.main").run(seeds, seed, json))


def bench(settings: Settings, smoke: bool, out: Path, only: list[str] | None, sizes: list[int] | None) -> int:
    """Run the bench."""
    measurements = _import_from_checkout("bench", "trials.bench.main")
    try:
        return int(measurements.run(smoke, out, only, sizes))
    except measurements.UnknownPart as problem:
        raise WrongSetting(str(problem)) from None


def _import_from_checkout(command: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise WrongSetting(f"{command}: available in a checkout of the project only") from None


def register(commands: Any) -> None:
    add(
        commands,
        "torture",
        torture,
        "inject faults into temporary ledgers, and check their histories (from a checkout)",
        [MINUTES, SEED, JSON],
    ).add_argument(
        "--scenario",
        choices=["ledger", "gateway"],
        default="ledger",
        help="gateway: payments through the simulator, whose books are compared with the ledger's (ledger)",
    )
    add(
        commands,
        "simulate",
        simulate,
        "run the writer on a simulated database, network and clock, one run for each seed (from a checkout)",
        [SEEDS, SEED, JSON],
    )
    _register_bench(commands)


def _register_bench(commands: Any) -> None:
    command = add(
        commands,
        "bench",
        bench,
        "measure speed on temporary ledgers, with references in the same run (from a checkout);"
        " exit 1 on a refusal or a failed verification, not on a missed target",
        [],
    )
    command.add_argument(
        "--smoke", action="store_true", help="run as briefly as possible, as a test; the figures mean nothing"
    )
    command.add_argument(
        "--only",
        nargs="*",
        metavar="PART",
        help="http, writer, ledgers, snapshot, audit, idle, growth; other parts keep their earlier figures",
    )
    command.add_argument(
        "--sizes",
        nargs="+",
        type=int,
        metavar="EVENTS",
        help="sizes of the ledgers in the part growth (10000 1000000 10000000)",
    )
    command.add_argument(
        "--out",
        type=Path,
        default=Path("trials/bench/results"),
        metavar="DIR",
        help="folder for report.md and raw figures as JSON (trials/bench/results)",
    )
