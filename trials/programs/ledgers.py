"""The ledgers of a deployment for trials: `main`, and a second one in the same database."""

from collections.abc import Sequence
from pathlib import Path

from analytics.schema import prepare
from cli.ledgers import create
from runtime.settings import Settings
from trials.checker.ledgers import ONLY_MAIN, LedgerPlace

TWO = (*ONLY_MAIN, LedgerPlace("second", 1, ("2A", "2B")))


def create_ledgers(url: str, data: Path, places: Sequence[LedgerPlace]) -> None:
    """Make all ledgers in a database, as `migrate` and `ledgers create` do; the data folder gets the keys."""
    settings = Settings(data=data)
    prepare(url, settings)
    for place in places[1:]:
        create(settings, url, place.name, place.carriers, None)
