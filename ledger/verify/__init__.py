"""Verify: all that an auditor may ask of the log and its views, in two streaming passes over one snapshot."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import psycopg

from ledger.connection import conninfo
from ledger.proofs.checkpoint import Checkpoint
from ledger.verify.evidence import Evidence
from ledger.verify.fold_pass import check_folds
from ledger.verify.log_pass import check_log, check_part
from ledger.verify.wrong import Wrong

Progress = Callable[[int, int], None]
"""Called now and then with steps done and steps in all; each event counts twice, once for each pass."""


class Verification(msgspec.Struct, frozen=True):
    """`checked` events; `first_bad_position` and `reason` say what is wrong when it is not `ok`.

    A position past the head names an event that ought to be there.
    """

    ok: bool
    checked: int
    first_bad_position: int | None
    reason: str | None


def verify(
    url: str, progress: Progress = lambda done, of: None, saved: Sequence[Checkpoint] = ()
) -> Verification:
    """Check the whole ledger as of one moment, while it is being written or not.

    First pass, in log order: dense positions, time, the hash chain, and that every event belongs to the
    command whose outcome it commits to; with the tree, the stored one, the checkpoints in the database and
    those `saved` elsewhere, whose signatures the caller has checked. Second pass, stream by stream: dense
    versions, and that views and seat counts equal the fold of the log, no flight was ever oversold, and
    nobody who waited was passed over.
    Memory does not grow with the log but for 16 bytes a booking, and some 300 for each party that waited.
    Raises psycopg.Error when the database cannot be read.
    """
    with psycopg.connect(conninfo(url, "seatledger verify"), autocommit=True) as connection:
        connection.execute("begin isolation level repeatable read read only")
        # Cursors are read to their end, so plans for the first few rows would be the wrong ones.
        connection.execute("set local cursor_tuple_fraction = 1")
        (total,) = _row(connection, "select count(*) from ledger.events")
        checked = 0
        try:
            for checked in check_log(connection, Evidence(connection, saved)):
                progress(checked, 2 * total)
            for done in check_folds(connection):
                progress(total + done, 2 * total)
        except Wrong as wrong:
            return Verification(False, checked, wrong.position, wrong.reason)
        return Verification(True, checked, None, None)


def verify_part(url: str, first: int, last: int | None) -> Verification:
    """Positions, time, chain and commands of the events from `first` to `last` (None: to the end).

    What stands before is taken on trust, and views are not looked at: they show the end of the log only.
    """
    with psycopg.connect(conninfo(url, "seatledger verify"), autocommit=True) as connection:
        connection.execute("begin isolation level repeatable read read only")
        done = [0]
        try:
            done.extend(check_part(connection, first, last))
        except Wrong as wrong:
            return Verification(False, done[-1], wrong.position, wrong.reason)
        return Verification(True, done[-1], None, None)


def _row(connection: psycopg.Connection[Any], statement: Any) -> Any:
    return connection.execute(statement).fetchone()
