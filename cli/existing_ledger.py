"""The ledger for commands that read or change one and never make one."""

from collections.abc import Iterator
from contextlib import contextmanager

from analytics.schema import migrate
from database import registry
from database.connection import connect_sync
from database.embedded import existing_database
from database.registry import LedgerEntry
from runtime.settings import Settings


@contextmanager
def existing_ledger(settings: Settings) -> Iterator[str]:
    """Yield the URL of a ledger, brought up to date. Never make a data folder, a server or a ledger.

    Raises as `ledger_url` does, and psycopg.errors.UndefinedTable for a database without a ledger.
    """
    with ledger_url(settings) as url:
        with connect_sync(url, "seatledger") as connection:
            connection.execute("select from migrations limit 0")
        migrate(url)
        yield url


@contextmanager
def ledger_url(settings: Settings) -> Iterator[str]:
    """Yield the URL of the ledger that the command names. Raises EmbeddedDatabaseFailed, RegistryError."""
    with existing_database(settings.database_url, settings.data) as url:
        if settings.ledger == registry.MAIN:
            yield url
        else:
            yield registry.url_of(registry.find_entry(read_registry(url), settings.ledger), url)


@contextmanager
def ledger_names(settings: Settings) -> Iterator[list[str]]:
    """Yield the names of all ledgers, while the database runs."""
    with existing_database(settings.database_url, settings.data) as url:
        yield [entry.name for entry in read_registry(url)]


def read_registry(url: str) -> tuple[LedgerEntry, ...]:
    """Return the ledgers of the deployment with this database."""
    with connect_sync(url, "seatledger ledgers") as connection:
        return registry.read_sync(connection)
