"""Connections to PostgreSQL: time limits, and session settings that no database or role can change.

Every connection of the program is opened here. An administrator may have set anything for the server, the
database or the role, and so may PG* variables of the environment; `session` sets each setting that the
program's correctness depends on. The connection string says which ledger of the database is meant
(`database.naming`), and statements name its tables without a schema.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from database.naming import role_of, schema_of, without_schema

Connection = AsyncConnection[tuple[Any, ...]]

_ALIVE = {
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq parameters, in seconds, the last in milliseconds: a dead peer is noticed within ten seconds."""


SESSION_SECONDS_MAX = 5
"""Limit on the start of a session, which a frozen server would not answer."""


class Unusable(psycopg.OperationalError):
    """The database answers, but this program must not use it as it is."""


class WrongEncoding(Unusable):
    """The database cannot hold all text."""

    def __init__(self, encoding: str | None) -> None:
        super().__init__(
            f"the database has the encoding {encoding}: it must be UTF8."
            " Create one with: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"
        )


def conninfo(url: str, name: str) -> str:
    """Return the connection string with a name for pg_stat_activity, and time limits where it has none."""
    stated = {**conninfo_to_dict(url), "client_encoding": "UTF8"}
    if "options" in stated:
        stated["options"] = without_schema(str(stated["options"])) or None
    return make_conninfo(make_conninfo("", **_ALIVE, application_name=name), **stated)


def describe_refusal(error: psycopg.OperationalError) -> str | None:
    """Return the reason why the server refuses connections, LOGIN_REFUSED for a login; None without a reason.

    libpq reports no SQLSTATE for a failed connection. In other languages than English there is no reason.
    """
    text = str(error)
    return next((reason for sign, reason in _REFUSALS if sign in text), None)


LOGIN_REFUSED = "refuses the login"
_REFUSALS = (
    ("password", LOGIN_REFUSED),
    ("no pg_hba.conf entry", LOGIN_REFUSED),
    ("FATAL:  role", LOGIN_REFUSED),
    ("starting up", "is starting up"),
    ("shutting down", "is shutting down"),
    ("recovery", "is in recovery"),
    ("does not exist", "does not exist yet"),
    ("connection slots", "has no free connection"),
    ("too many clients", "has no free connection"),
)


async def connect(url: str, name: str) -> Connection:
    """Return a direct connection in autocommit mode that acts as the writer role. Raises psycopg.Error."""
    return await _connect(url, name, _as_writer(url))


async def connect_as_owner(url: str, name: str) -> Connection:
    """Return a direct connection in autocommit mode that acts as the role of `url`. Raises psycopg.Error."""
    return await _connect(url, name, session(url))


async def _connect(url: str, name: str, session: bytes) -> Connection:
    connection: Connection = await AsyncConnection.connect(
        conninfo(url, name), autocommit=True, prepare_threshold=0
    )
    try:
        _require_utf8(connection)
        with socket_deadline(connection, SESSION_SECONDS_MAX):
            await connection.execute(session, prepare=False)
    except BaseException:
        await connection.close()
        raise
    return connection


def connect_sync(url: str, name: str, autocommit: bool = True) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a blocking connection that acts as the role of `url`. Raises psycopg.Error."""
    connection = psycopg.connect(conninfo(url, name), autocommit=True)
    try:
        _require_utf8(connection)
        connection.execute(session(url), prepare=False)
        connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection


def _require_utf8(connection: Connection | psycopg.Connection[Any]) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise WrongEncoding(encoding)


def session(url: str) -> bytes:
    """Return the statements that set all settings of a session on the ledger of this connection string."""
    paths = _SESSION.replace("{path}", PATH).replace("{sandbox_path}", SANDBOX_PATH)
    return paths.replace("{schema}", schema_of(url)).encode()


def switch_statement(url: str, is_sandbox: bool = False) -> bytes:
    """Return the statement that makes a session of one ledger a session of this one, as its writer role.

    Both ledgers are sandboxes, or both are live.
    """
    schema = schema_of(url)
    path = (SANDBOX_PATH if is_sandbox else PATH).format(schema=schema)
    return f"set search_path = {path}; set role {role_of(schema, 'writer')}".encode()


PATH: LiteralString = "{schema}, pg_temp"
SANDBOX_PATH: LiteralString = "{schema}, pg_catalog, pg_temp"
"""In a sandbox the ledger's clocks come before those of PostgreSQL (`database.sandbox`)."""


def _as_writer(url: str) -> bytes:
    return session(url) + f"; set role {role_of(schema_of(url), 'writer')}".encode()


# One round trip. It cannot be left to the connection's start, where a pooler refuses unknown parameters.
# The first line is for a standby, where no query may run as `serializable`. Settings that an older server
# does not know are left out.
_SESSION: LiteralString = """
    begin isolation level read committed;
    select pg_catalog.set_config(name, value, false) from (values
        -- the form of values in text, in both directions
        ('datestyle', 'ISO, YMD'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'),
        ('bytea_output', 'hex'), ('extra_float_digits', '1'), ('client_encoding', 'UTF8'),
        ('quote_all_identifiers', 'off'),
        -- the meaning of statements; PostgreSQL searches pg_catalog first, but in a sandbox after its clocks
        ('standard_conforming_strings', 'on'), ('array_nulls', 'on'), ('transform_null_equals', 'off'),
        ('search_path', case when exists (
            select from pg_catalog.pg_proc join pg_catalog.pg_namespace n on n.oid = pronamespace
            where proname = 'clock_timestamp' and nspname = '{schema}')
            then '{sandbox_path}' else '{path}' end), ('restrict_nonsystem_relation_kind', ''),
        -- an error instead of a result without the rows that a policy hides
        ('row_security', 'off'),
        -- a block must see what was committed before it got the head lock
        ('default_transaction_isolation', 'read committed'), ('default_transaction_read_only', 'off'),
        ('default_transaction_deferrable', 'off'),
        -- the program sets its own limits where it needs them
        ('statement_timeout', '0'), ('lock_timeout', '0'), ('transaction_timeout', '0'),
        ('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'),
        ('exit_on_error', 'off'),
        -- the warning of a COMMIT that the standby did not confirm
        ('client_min_messages', 'warning'),
        -- readiness fails while it is off
        ('synchronous_commit', case pg_catalog.current_setting('synchronous_commit')
            when 'off' then 'on' else pg_catalog.current_setting('synchronous_commit') end)
    ) as wanted (name, value)
    where pg_catalog.current_setting(name, true) is not null;
    commit
"""


@contextlib.contextmanager
def socket_deadline(connection: Connection, seconds: float) -> Iterator[None]:
    """Shut the socket down if the block takes longer: waits on it then fail with OperationalError.

    A cancel request would need an answer from the server, and a frozen server gives none.
    """
    handle = asyncio.get_running_loop().call_later(seconds, _sever, connection)
    try:
        yield
    finally:
        handle.cancel()


def _sever(connection: Connection) -> None:
    if connection.closed:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)
