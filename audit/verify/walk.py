"""A walk along a range of the log: the checks of each event against the event before it."""

# ruff: noqa: S608 - statements are put together from constants of this project only

from binascii import hexlify
from collections import deque
from typing import LiteralString, NamedTuple

from audit.proofs.tree import leaf_hash
from audit.verify.divergence import Divergence
from audit.verify.snapshot import Connection, copy_rows
from ledger.chain import GENESIS, hash_after, outcome_hash_of

LINES = 13
"""Fields that the hash of an event covers, one a line."""

# The fields, their order and form are those of docs/reference/chain.md. The hash itself is the last.
_FIELDS: LiteralString = """
    position, originator_id, originator_version, topic, state, actor, operation, ordinal, causation_id,
    correlation_id, traceparent, (extract(epoch from recorded_at) * 1000000)::bigint,
    encode(command_hash, 'hex'), encode(hash, 'hex')
"""
_EVENTS: LiteralString = f"""
    select {_FIELDS} from events where position > %s and position <= %s order by position
"""
_COMMANDS: LiteralString = """
    select first_position, last_position, actor, operation, key, encode(fingerprint, 'hex'), status, body,
        coalesce(subject_id::text, ''), version, correlation_id,
        (extract(epoch from recorded_at) * 1000000)::bigint
    from commands where first_position > %s and first_position <= %s
"""
_BEFORE: LiteralString = f"""
    select {_FIELDS} from events where position < %s order by position desc limit 1
"""

Key = tuple[bytes, bytes, bytes]
"""Actor, operation, idempotency key."""


class Seam(NamedTuple):
    """State of the walk after an event: its position, hash, and time (microseconds since 1970 UTC).

    `command` has the ordinal, key and outcome hash of its command; `reached` is the command's last position.
    """

    position: int
    hash: bytes
    time: int
    command: tuple[int, Key, bytes] | None
    reached: int


START = Seam(0, GENESIS, -(2**63), None, 0)


class RangeResult(NamedTuple):
    """Result of one range, checked from `begin` to `end`, where a divergence (`divergence`) stops the walk.

    `matched` is the number of commands; `leaves` are the leaf hashes of the events up to `leaves_upto`.
    """

    begin: Seam
    end: Seam
    matched: int
    leaves: list[bytes]
    divergence: Divergence | None


def check_range(connection: Connection, begin: Seam, last: int, leaves_upto: int = 0) -> RangeResult:
    """Check the events after `begin` up to `last`; stop at the first divergence."""
    chain, owners = _Chain(begin), _Owners(connection, begin, last)
    leaves: list[bytes] = []
    divergence = None
    events = copy_rows(connection, _EVENTS, (begin.position, last))
    try:
        for event in events:
            lines = b"\n".join(event[:LINES])
            chain.check(event, lines)
            owners.check(chain.position, event)
            if chain.position <= leaves_upto:
                leaves.append(leaf_hash(lines))
        owners.end()
    except Divergence as error:
        divergence = error
        deque(events, maxlen=0)
    end = Seam(chain.position, chain.hash, chain.time, owners.open, owners.reached)
    return RangeResult(begin, end, owners.matched, leaves, divergence)


def seam_before(connection: Connection, position: int) -> Seam:
    """Return the state after the event before `position`, trusted, as if its command ended there."""
    for event in copy_rows(connection, _BEFORE, (position,)):
        last, *_, time, _, hash = event
        return Seam(int(last), bytes.fromhex(hash.decode()), int(time), _command(event), int(last))
    return START


def _command(event: list[bytes]) -> tuple[int, Key, bytes]:
    return int(event[7]), (event[5], event[6], event[8]), event[12]


class _Chain:
    """Check of positions, times and hashes."""

    def __init__(self, begin: Seam) -> None:
        self.position, self.hash, self.time, *_ = begin

    def check(self, event: list[bytes], lines: bytes) -> None:
        position, expected = int(event[0]), self.position + 1
        if position != expected:
            at = min(position, expected)
            raise Divergence(at, f"positions are not dense: {position} stands where {expected} should")
        time = int(event[11])
        if time < self.time:
            raise Divergence(expected, "its time is before that of the event before it")
        if lines.count(b"\n") >= LINES:
            raise Divergence(expected, "a field holds a line feed")
        hash = hash_after(self.hash, lines)
        if hexlify(hash) != event[13]:
            raise Divergence(expected, "the hash does not follow from the event and the hash before it")
        self.position, self.hash, self.time = expected, hash, time


class _Outcome(NamedTuple):
    """The outcome of an accepted command, in the form that COPY gives."""

    last_position: int
    key: Key
    fingerprint: bytes
    status: bytes
    body: bytes
    subject_id: bytes
    version: bytes
    correlation_id: bytes
    recorded_at: bytes


class _Owners:
    """Check that each event belongs to one accepted command, with adjacent events that count from 1.

    The outcome must be the one that the events commit to, and its other columns must be those of the events.
    """

    def __init__(self, connection: Connection, begin: Seam, last: int) -> None:
        self.matched = 0
        self.open = begin.command
        self.reached = begin.reached
        self._outcome: _Outcome | None = None
        self._version = b""
        self._wrong_end: Divergence | None = None
        self._commands = {
            int(first): _Outcome(int(upto), (actor, operation, key), *columns)
            for first, upto, actor, operation, key, *columns in copy_rows(
                connection, _COMMANDS, (begin.position, last)
            )
        }

    def check(self, position: int, event: list[bytes]) -> None:
        current = ordinal, key, outcome = _command(event)
        if position > self.reached:
            if ordinal == 1:
                self.end()
            self._begin(position, ordinal, key, outcome, event)
        elif self.open != (ordinal - 1, key, outcome):
            raise Divergence(position, "the event does not go on with the command of the event before it")
        # A range may begin within a command, whose outcome is not known here. The events of a command on an
        # itinerary are those of several bookings; its outcome names the version of the first one.
        if self._outcome and event[1] == self._outcome.subject_id:
            self._version = event[2]
        if position == self.reached and self._outcome and self._outcome.version != self._version:
            self._wrong_end = Divergence(position, "the outcome of its command names another version")
        self.open = current

    def end(self) -> None:
        """Raise what is wrong with the last command, now that no event goes on with it."""
        if self._wrong_end:
            raise self._wrong_end

    def _begin(self, position: int, ordinal: int, key: Key, hash: bytes, event: list[bytes]) -> None:
        outcome = self._outcome = self._commands.get(position)
        if outcome is None or outcome.key != key or ordinal != 1:
            raise Divergence(position, "the event belongs to no recorded command")
        fingerprint = bytes.fromhex(outcome.fingerprint.decode())
        if hexlify(outcome_hash_of(fingerprint, outcome.status, outcome.body)) != hash:
            raise Divergence(position, "the outcome of its command is not the one that the event commits to")
        if (outcome.subject_id, outcome.correlation_id, outcome.recorded_at) != (
            event[1],
            event[9],
            event[11],
        ):
            raise Divergence(
                position, "the outcome of its command has another subject, correlation id or time than it"
            )
        if outcome.status >= b"400":
            raise Divergence(position, "the outcome of its command is a refusal, and a refusal has no event")
        self.reached = outcome.last_position
        self.matched += 1
