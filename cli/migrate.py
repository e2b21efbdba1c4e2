"""Command `migrate`, and the secrets that it makes as `up` does."""

import json as json_text
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from analytics.schema import migrate as bring_up_to_date
from audit.proofs.keys import signing_key
from cli.existing_ledger import ledger_url
from cli.options import DATA, JSON, LEDGER, SANDBOX, add
from cli.tokens import jwt_secret
from database.embedded import running_database
from database.registry import MAIN
from database.schema import VERSION
from ledger.master_key import bind_ledger
from runtime.settings import Settings


def register(commands: Any) -> None:
    summary = "bring the database's schema up to date"
    add(commands, "migrate", migrate, summary, [DATA, SANDBOX, LEDGER, JSON], makes_ledger=True)


def migrate(settings: Settings, json: bool) -> int:
    restored: list[str] = []
    with _ledger(settings) as url:
        applied = bring_up_to_date(url, restored.append, settings.sandbox)
        bind_ledger(url, settings)
        if not settings.database_url:
            make_secrets(settings)
    if json:
        versions = [migration.version for migration in applied]
        print(json_text.dumps({"version": VERSION, "applied": versions, "restored": restored}))
    else:
        for migration in applied:
            print(f"applied {migration.version:04} {migration.name}")
        for statement in restored:
            print(f"restored {statement.removeprefix('-- ')}")
        print(f"schema version {VERSION}")
    return 0


@contextmanager
def _ledger(settings: Settings) -> Iterator[str]:
    """Yield the URL of the ledger. Only `main` is made by this command. Raises RegistryError."""
    if settings.ledger != MAIN:
        with ledger_url(settings) as url:
            yield url
    else:
        with running_database(settings.database_url, settings.data) as url:
            yield url


def make_secrets(settings: Settings) -> None:
    """Make the secrets that other commands only read, so that those make none in a mistyped folder."""
    if not settings.has_public_keys:
        jwt_secret(settings)
    if settings.data.is_dir():  # a host with a database and secrets of its own may have no data folder
        signing_key(settings)
