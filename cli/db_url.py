"""Command `db-url`: the connection string for `psql` and other programs."""

from typing import Any

from cli.existing_ledger import ledger_url
from cli.options import DATA, LEDGER, add
from database.embedded import is_in_use, keep_for
from runtime.settings import Settings

KEPT_SECONDS = 60
"""Seconds that an otherwise unused embedded server keeps running after `db-url`."""


def register(commands: Any) -> None:
    add(commands, "db-url", db_url, "print the connection string of the database in use", [DATA, LEDGER])


def db_url(settings: Settings) -> int:
    alone = not settings.database_url and not is_in_use(settings.data)
    with ledger_url(settings) as url:
        if alone:
            keep_for(settings.data, KEPT_SECONDS)
        print(url)
    return 0
