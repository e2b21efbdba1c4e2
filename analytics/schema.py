"""Migrate a database, the tables and views for analysts included."""

from collections.abc import Callable
from typing import Any

import psycopg

import database.schema
from analytics.follower.builds import establish, is_established
from database import public_rights
from database.schema import Migration
from ledger.master_key import bind_ledger
from runtime.settings import Settings


def migrate(
    url: str, report: Callable[[str], None] = lambda restored: None, is_sandbox: bool | None = None
) -> list[Migration]:
    """Bring the database to the current schema. Return the migrations applied now.

    Roles, grants and triggers that a restored dump lacks are created, and each is given to `report`.
    Raises as `database.schema.migrate` does.
    """
    return database.schema.migrate(url, _is_finished, _finish, report, is_sandbox)


def prepare(url: str, settings: Settings, bind: bool = True) -> list[Migration]:
    """Migrate the database and bind it to the master key at hand. Return the migrations applied now.

    Raises as `migrate` does, WrongKind, psycopg.Error, and WrongSetting if names are sealed by another
    master key.
    """
    applied = migrate(url, is_sandbox=settings.sandbox)
    if bind:
        bind_ledger(url, settings)
    return applied


def _is_finished(connection: psycopg.Connection[Any]) -> bool:
    return is_established(connection) and public_rights.are_revoked(connection)


def _finish(connection: psycopg.Connection[Any]) -> None:
    establish(connection)
    public_rights.revoke(connection)
