"""The ledger for commands that read or change one and never make one."""

from collections.abc import Iterator
from contextlib import contextmanager

from analytics.schema import migrate
from database.connection import connect_sync
from database.embedded import existing_database
from runtime.settings import Settings


@contextmanager
def existing_ledger(settings: Settings) -> Iterator[str]:
    """Yield the URL of a ledger, brought up to date. Never make a data folder, a server or a ledger.

    Raises EmbeddedDatabaseFailed, and psycopg.errors.UndefinedTable for a database without a ledger.
    """
    with existing_database(settings.database_url, settings.data) as url:
        with connect_sync(url, "seatledger") as connection:
            connection.execute("select from ledger.migrations limit 0")
        migrate(url)
        yield url
