"""The ledgers of a deployment for trials: `main`, and a second one in the same database."""

from collections.abc import Sequence
from pathlib import Path

from psycopg.conninfo import make_conninfo

from analytics.schema import prepare
from cli.ledgers import create
from runtime.settings import Settings
from trials.checker.ledgers import ONLY_MAIN, LedgerPlace

TWO = (*ONLY_MAIN, LedgerPlace("second", 1, ("2A", "2B")))

CARRIERS = tuple("".join(place.carriers[:1]) for place in TWO)
"""One carrier of each ledger for a `Plan`: any of the others for `main`."""


def url_of(place: LedgerPlace, url: str) -> str:
    """Return the connection string of a ledger in the database of `url`."""
    return make_conninfo(url, options=f"-csearch_path={place.schema}")


def create_ledgers(url: str, data: Path, places: Sequence[LedgerPlace]) -> None:
    """Make all ledgers in a database, as `migrate` and `ledgers create` do; the data folder gets the keys."""
    settings = Settings(data=data)
    prepare(url, settings)
    for place in places[1:]:
        create(settings, url, place.name, place.carriers, None)
