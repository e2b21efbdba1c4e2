"""Names of a ledger in PostgreSQL: the schema that holds it, and the roles of its users.

Statements name tables without a schema, and roles as those of the ledger `main`. The connection string of a
ledger sets `search_path`, as libpq's `options` do: `…?options=-csearch_path%3Dledger_ai`.
"""

import re
from typing import Any, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict

MAIN_SCHEMA = "ledger"
"""The schema of the ledger `main`, which a connection string without `search_path` means."""

RoleKind = Literal["writer", "analyst", "auditor"]


def schema_of(url: str) -> str:
    """Return the schema of the ledger that the connection string means."""
    found = _SEARCH_PATH.search(str(conninfo_to_dict(url).get("options") or ""))
    return found[1] if found else MAIN_SCHEMA


def current_schema(connection: psycopg.Connection[Any]) -> str:
    """Return the schema of the ledger that the session works on, even before the schema exists."""
    (path,) = connection.execute("select current_setting('search_path')").fetchone() or (MAIN_SCHEMA,)
    return str(path).partition(",")[0]


def without_schema(options: str) -> str:
    """Return libpq's `options` without the schema of a ledger, which a pooler need not understand."""
    return _SEARCH_PATH.sub("", options).strip()


def role_of(schema: str, kind: RoleKind) -> str:
    """Return the role of that kind for the ledger in the schema."""
    return f"seatledger{schema.removeprefix(MAIN_SCHEMA)}_{kind}"


def renamed(statements: str, schema: str) -> str:
    """Return statements about the ledger `main` with the names of the ledger in `schema`."""
    if schema == MAIN_SCHEMA:
        return statements
    return _NAMES.sub(
        lambda found: f"seatledger{schema.removeprefix(MAIN_SCHEMA)}_" if found[1] else schema, statements
    )


def as_main(text: str, schema: str) -> str:
    """Return text about the ledger in `schema` with the names of the ledger `main`."""
    if schema == MAIN_SCHEMA:
        return text
    prefix = re.escape(role_of(schema, "writer").removesuffix("writer"))
    text = re.sub(rf"\b{prefix}(?=writer\b|analyst\b|auditor\b)", "seatledger_", text)
    return re.sub(rf"\b{schema}(?=\.)|(?<=schema ){schema}\b", MAIN_SCHEMA, text)


_SEARCH_PATH = re.compile(r"(?:^|\s)-c\s*search_path=(ledger(?:_[a-z0-9_]{1,40})?)(?=\s|$)")
_NAMES = re.compile(r"\b(?:(seatledger_)(?=writer\b|analyst\b|auditor\b)|ledger(?=\.)|(?<=schema )ledger\b)")
