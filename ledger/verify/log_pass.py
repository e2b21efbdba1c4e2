"""The first pass, in log order: positions, time, the hash chain, and the commands that events belong to."""

# ruff: noqa: S608 - statements are put together from constants of this project only

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection, ServerCursor

from ledger.chain import GENESIS, link, outcome_hash
from ledger.log import COLUMNS, RecordedEvent
from ledger.verify.evidence import Evidence
from ledger.verify.wrong import Wrong

BATCH = 5_000
_DAWN = datetime.min.replace(tzinfo=UTC)

_EVENTS = f"select {COLUMNS} from ledger.events order by position"
_PART = f"select {COLUMNS} from ledger.events where position between %s and %s order by position"
_BEFORE = """
    select position, hash, recorded_at from ledger.events where position < %s order by position desc limit 1
"""
_ORDINAL = "select ordinal from ledger.events where position = %s"
_HEAD = "select coalesce(max(position), 0) from ledger.events"
_COMMANDS = """
    select first_position, last_position, actor, operation, key, fingerprint, status, body
    from ledger.commands where first_position between %s and %s
"""
# An outcome that names a position the log does not have: the tail of the log is gone.
_BEYOND = """
    select min(coalesce(first_position, last_position)) from ledger.commands
    where first_position > %(head)s or last_position > %(head)s
"""
# Accepted commands that no event begins: first positions below 1 or shared by two.
_UNMATCHED = "select count(*) from ledger.commands where first_position is not null"


def check_log(connection: Connection[Any], evidence: Evidence) -> Iterator[int]:
    """Yields how many events are checked so far. Raises Wrong at the first that fails."""
    chain = _Chain()
    owners = _Owners()
    with connection.cursor("log") as cursor:
        cursor.execute(_EVENTS)
        for _ in _checked(connection, cursor, chain, owners, evidence):
            yield chain.position
    owners.check_end(chain.position)
    evidence.check_end(chain.position)
    _check_commands(connection, chain.position, owners.matched)
    yield chain.position


def check_part(connection: Connection[Any], first: int, last: int | None) -> Iterator[int]:
    """The same for the events from `first` to `last` (None: to the end), taking what stands before on trust.

    Yields how many of them are checked so far. Raises Wrong at the first that fails, also where the log ends
    before `last`.
    """
    (head,) = connection.execute(_HEAD).fetchone() or (0,)
    last = head if last is None else last
    row = connection.execute(_ORDINAL, (first,)).fetchone()
    # Where a command's events are cut in two, its first ones are looked at as well.
    begin = max(first - (row[0] - 1), 1) if row else first
    chain, owners = _Chain(*(connection.execute(_BEFORE, (begin,)).fetchone() or ())), _Owners()
    with connection.cursor("log") as cursor:
        cursor.execute(_PART, (begin, last))
        for _ in _checked(connection, cursor, chain, owners):
            yield max(chain.position - first + 1, 0)
    if chain.position < last:
        raise Wrong(chain.position + 1, f"the log ends at {head}")
    if last == head:
        owners.check_end(head)
    yield max(last - first + 1, 0)


def _checked(
    connection: Connection[Any],
    cursor: ServerCursor[Any],
    chain: "_Chain",
    owners: "_Owners",
    evidence: Evidence | None = None,
) -> Iterator[None]:
    """Goes on after each batch of the cursor's events that holds."""
    while rows := cursor.fetchmany(BATCH):
        events = [RecordedEvent(*row) for row in rows]
        commands = connection.execute(_COMMANDS, (events[0].position, events[-1].position))
        owners.expect(commands.fetchall())
        if evidence:
            evidence.expect(events[0].position, events[-1].position)
        for event in events:
            chain.check(event)
            owners.check(event)
            if evidence:
                evidence.check(event)
        yield


class _Chain:
    """Where the log should go on: the next position, the hash it builds on, the time it may not precede."""

    def __init__(self, position: int = 0, hash: bytes = GENESIS, time: datetime = _DAWN) -> None:
        self.position = position
        self._hash = hash
        self._time = time

    def check(self, event: RecordedEvent) -> None:
        expected = self.position + 1
        if event.position != expected:
            at = min(event.position, expected)
            raise Wrong(at, f"positions are not dense: {event.position} stands where {expected} should")
        if event.recorded_at < self._time:
            raise Wrong(expected, "its time is before that of the event before it")
        if (
            "\n"
            in event.actor + event.operation + event.causation_id + event.correlation_id + event.traceparent
        ):
            raise Wrong(expected, "a field holds a line feed")
        if link(self._hash, event) != event.hash:
            raise Wrong(expected, "the hash does not follow from the event and the hash before it")
        self.position, self._hash, self._time = expected, event.hash, event.recorded_at


class _Owners:
    """Each event belongs to one accepted command, whose events stand together and count from 1."""

    def __init__(self) -> None:
        self.matched = 0
        self._commands: dict[int, tuple[Any, ...]] = {}
        self._open: tuple[int, tuple[str, str, str], bytes] | None = None
        self._last_position = 0

    def expect(self, commands: list[tuple[Any, ...]]) -> None:
        self._commands = {row[0]: row[1:] for row in commands}

    def check(self, event: RecordedEvent) -> None:
        key = (event.actor, event.operation, event.causation_id)
        if event.position > self._last_position:
            self._begin(event, key)
        elif self._open != (event.ordinal - 1, key, event.command_hash):
            raise Wrong(event.position, "the event does not go on with the command of the event before it")
        self._open = (event.ordinal, key, event.command_hash)

    def check_end(self, head: int) -> None:
        if self._last_position > head:
            raise Wrong(head + 1, f"a command recorded events up to {self._last_position}, the log ends here")

    def _begin(self, event: RecordedEvent, key: tuple[str, str, str]) -> None:
        command = self._commands.get(event.position)
        if command is None or command[1:4] != key or event.ordinal != 1:
            raise Wrong(event.position, "the event belongs to no recorded command")
        last_position, *_, fingerprint, status, body = command
        if outcome_hash(fingerprint, status, body) != event.command_hash:
            raise Wrong(event.position, "the outcome of its command is not the one that the event commits to")
        self._last_position = last_position
        self.matched += 1


def _check_commands(connection: Connection[Any], head: int, matched: int) -> None:
    row = connection.execute(_BEYOND, {"head": head}).fetchone()
    if row is not None and row[0] is not None:
        raise Wrong(
            head + 1, "a command's outcome names a position past the end: the tail of the log is gone"
        )
    row = connection.execute(_UNMATCHED).fetchone()
    if row is None or row[0] != matched:
        raise Wrong(head + 1, "a recorded command was accepted, but the log has no event of it")
