"""A copy of one ledger on another server, kept up to date by logical replication.

PostgreSQL does the work: a publication and a replication slot where the ledger is, a subscription where the
copy is (https://www.postgresql.org/docs/current/logical-replication.html). The slot is made apart from the
subscription, because both databases may be of one server.
"""

import time
from collections.abc import Callable
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from database.naming import schema_of
from runtime.failures import CommandFailed

Connection = psycopg.Connection[Any]

POLL_SECONDS = 0.05
STOP_SECONDS_MAX = 5


class CopyFailed(CommandFailed):
    """The ledger could not be copied. It stays in use where it was."""


class Progress(NamedTuple):
    """How much of the first copy is done: `tables` of `of` are complete, and `rows` of the next ones.

    `errors` counts failed attempts, which PostgreSQL repeats and explains in the log of the target's server.
    """

    tables: int
    of: int
    rows: int
    errors: int


class LedgerCopy:
    """The copy of the ledger of `source` in `target`, both connections of owners in autocommit mode."""

    def __init__(self, source: Connection, target: Connection, source_url: str) -> None:
        self._source = source
        self._target = target
        self._source_url = source_url
        self._schema = schema_of(source_url)
        (database,) = _row(source, "select oid from pg_database where datname = current_database()")
        self._name = f"seatledger_{database}_{self._schema}"

    def check(self) -> None:
        """Require two databases, and a server that can replicate. Raises CopyFailed."""
        (level,) = _row(self._source, "show wal_level")
        if level != "logical":
            raise CopyFailed(
                f"the server that has the ledger runs with wal_level = {level}: set wal_level = logical in"
                " its postgresql.conf, restart it, and move the ledger again"
            )
        if _row(self._source, _IDENTITY) == _row(self._target, _IDENTITY):
            raise CopyFailed("the ledger is in this database already")

    def clean_up(self) -> None:
        """Remove what this move, or an earlier one that was killed, left for replication."""
        name = sql.Identifier(self._name)
        row = self._target.execute(_SUBSCRIPTION, (self._name,)).fetchone()
        if row:
            self._target.execute(sql.SQL("alter subscription {} disable").format(name))
            self._wait(lambda: not self._target.execute(_WORKERS, row).fetchone(), STOP_SECONDS_MAX)
            self._target.execute(sql.SQL("alter subscription {} set (slot_name = none)").format(name))
            self._target.execute(sql.SQL("drop subscription {}").format(name))
        slots = {"name": self._name, "copies": f"^pg_{row[0] if row else 0}_sync_"}
        self._source.execute(_END_SENDERS, slots)
        self._wait(lambda: not self._source.execute(_SENDERS, slots).fetchone(), STOP_SECONDS_MAX)
        self._source.execute(_DROP_SLOTS, slots)
        self._source.execute(sql.SQL("drop publication if exists {}").format(name))

    def drop_target(self) -> None:
        """Remove the copy. Raises CopyFailed if the schema is not a copy that a move has begun."""
        row = self._target.execute(_COMMENT, (self._schema,)).fetchone()
        if row is None:
            return
        if row[0] != self._name:
            raise CopyFailed(
                f"the other database has a schema {self._schema} already, which is no copy of this ledger:"
                " rename it or drop it"
            )
        self._target.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(self._schema)))

    def mark_target(self, comment: str | None = "") -> None:
        """Mark the schema of the target as a copy that is not in use, or with another comment."""
        text = self._name if comment == "" else comment
        self._target.execute(sql.SQL(_MARK).format(sql.Identifier(self._schema), text))

    def start(self) -> None:
        """Begin to copy all tables but those of facts into the migrated, unused target. Raises CopyFailed."""
        tables = [name for (name,) in self._source.execute(_TABLES).fetchall()]
        for table in map(sql.Identifier, tables):
            # A new ledger has random keys, and rows that each ledger has; those of the source replace them.
            if self._target.execute(sql.SQL("select 1 from {} limit 1").format(table)).fetchone():
                self._target.execute(sql.SQL("delete from {}").format(table))
        name, publisher = sql.Identifier(self._name), make_conninfo(self._source_url, options="")
        published = sql.SQL(", ").join(map(sql.Identifier, tables))
        self._source.execute(sql.SQL("create publication {} for table {}").format(name, published))
        self._source.execute(_ADD_SLOT, (self._name,))
        try:
            self._target.execute(sql.SQL(_SUBSCRIBE).format(name, publisher, name, name))
        except psycopg.Error as error:
            raise CopyFailed(
                "the other server cannot read this ledger. It must reach the server that has it by the"
                f" connection string in use here, and allow subscriptions: {error.diag.message_primary}"
            ) from error

    def progress(self) -> Progress:
        """Return how far the first copy is."""
        return Progress(*_row(self._target, _PROGRESS, (self._name,)))

    def wait_for_all(self, seconds: float) -> None:
        """Wait until the target has all that the source has written by now. Raises CopyFailed."""
        (end,) = _row(self._source, "select pg_current_wal_lsn()::text")
        if not self._wait(lambda: _row(self._source, _HAS_ALL, (end, self._name))[0], seconds):
            raise CopyFailed(f"the other server did not have all rows within {seconds:.0f} s")

    @staticmethod
    def _wait(is_done: Callable[[], Any], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not is_done():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def last_event(connection: Connection) -> tuple[int, bytes]:
    """Return position and hash of the last event, by which two equal logs are known; (0, b"") without one."""
    row = connection.execute("select position, hash from events order by position desc limit 1").fetchone()
    return (int(row[0]), bytes(row[1])) if row else (0, b"")


def _row(connection: Connection, statement: LiteralString, parameters: Any = None) -> tuple[Any, ...]:
    row = connection.execute(statement, parameters).fetchone()
    assert row is not None
    return tuple(row)


_IDENTITY: LiteralString = "select system_identifier, current_database() from pg_control_system()"
_SUBSCRIPTION: LiteralString = """
    select oid from pg_subscription where subname = %s
        and subdbid = (select oid from pg_database where datname = current_database())
"""
_WORKERS: LiteralString = "select 1 from pg_stat_subscription where subid = %s and pid is not null"
# Besides its own slot, a subscription has one for each table that it still copies.
_SENDERS: LiteralString = """
    select 1 from pg_replication_slots
    where (slot_name = %(name)s or slot_name ~ %(copies)s) and active_pid is not null
"""
_END_SENDERS: LiteralString = """
    select pg_terminate_backend(active_pid) from pg_replication_slots
    where (slot_name = %(name)s or slot_name ~ %(copies)s) and active_pid is not null
"""
_DROP_SLOTS: LiteralString = """
    select pg_drop_replication_slot(slot_name) from pg_replication_slots
    where slot_name = %(name)s or slot_name ~ %(copies)s
"""
_ADD_SLOT: LiteralString = "select pg_create_logical_replication_slot(%s, 'pgoutput')"
_SUBSCRIBE: LiteralString = """
    create subscription {} connection {} publication {} with (create_slot = false, slot_name = {})
"""
_COMMENT: LiteralString = "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s"
_MARK: LiteralString = "comment on schema {} is {}"

# The head never changes, and facts are made from the log.
_TABLES: LiteralString = r"""
    select relname from pg_class
    where relnamespace = current_schema()::regnamespace and relkind = 'r'
        and relname not in ('head', 'migrations') and relname !~ '^facts_'
"""
_PROGRESS: LiteralString = """
    select count(*) filter (where srsubstate = 'r'), count(*), coalesce(sum(tuples_processed), 0)::bigint,
        coalesce(max(sync_error_count + apply_error_count), 0)
    from pg_subscription join pg_subscription_rel on srsubid = pg_subscription.oid
        left join pg_stat_progress_copy on relid = srrelid
        left join pg_stat_subscription_stats on subid = pg_subscription.oid
    where pg_subscription.subname = %s
        and subdbid = (select d.oid from pg_database d where datname = current_database())
"""
_HAS_ALL: LiteralString = """
    select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots where slot_name = %s
"""
