"""Migrate a database, the tables and views for analysts included."""

import database.schema
from analytics.follower.builds import establish, is_established
from database.schema import Migration


def migrate(url: str) -> list[Migration]:
    """Bring the database to the current schema. Return the migrations applied now.

    Raises SchemaMismatch if the database is newer than the program or an applied migration was edited.
    """
    return database.schema.migrate(url, is_established, establish)
