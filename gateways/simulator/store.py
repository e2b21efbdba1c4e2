"""The simulator's store: intents, refunds and sent answers, in one SQLite file that survives kill -9."""

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from gateways.simulator.wire_format import StripeResponse

KEY_SECONDS = 24 * 3600
"""Lifetime of an idempotency key, as at Stripe."""

_SCHEMA = """
create table if not exists intents (
    number integer primary key, id text not null unique, created real not null, amount integer not null,
    currency text not null, method text not null, status text not null, received integer not null default 0,
    refunded integer not null default 0, labels text not null, decline text,
    check (0 <= refunded and refunded <= received and received <= amount)
);
create table if not exists labels (
    name text, value text, number integer, primary key (name, value, number)
) without rowid;
create table if not exists refunds (
    number integer primary key, id text not null unique, created real not null,
    intent text not null references intents (id), amount integer not null, labels text not null
);
create index if not exists refunds_of_intent on refunds (intent, number);
create view if not exists refunds_shown as
    select refunds.*, currency from refunds join intents on intents.id = intent;
create table if not exists answers (
    key text primary key, fingerprint text not null, status integer not null, body text not null,
    created real not null
) without rowid;
"""


class Store:
    """Store of one writing process. The changes of a `writing` block are on disk when the block ends."""

    def __init__(self, path: Path) -> None:
        self._file = connect(path)
        self._file.executescript(_SCHEMA)
        with self.writing():
            self._file.execute("delete from answers where created < ?", (time.time() - KEY_SECONDS,))

    @contextmanager
    def writing(self) -> Iterator[None]:
        self._file.execute("begin immediate")
        try:
            yield
            self._file.execute("commit")
        except BaseException:
            if self._file.in_transaction:
                self._file.execute("rollback")
            raise

    def answer(self, key: str) -> tuple[str, StripeResponse] | None:
        """Return the fingerprint of the first request with this key, and its answer."""
        row = self._file.execute(
            "select fingerprint, status, body from answers where key = ? and created >= ?",
            (key, time.time() - KEY_SECONDS),
        ).fetchone()
        return row and (row["fingerprint"], StripeResponse(row["status"], row["body"]))

    def save_answer(self, key: str, fingerprint: str, answer: StripeResponse) -> None:
        self._file.execute(
            "insert or replace into answers values (?, ?, ?, ?, ?)",
            (key, fingerprint, answer.status, answer.body, time.time()),
        )

    def delete_answer(self, key: str) -> None:
        self._file.execute("delete from answers where key = ?", (key,))

    def add_intent(
        self,
        amount: int,
        currency: str,
        method: str,
        status: str,
        labels: dict[str, str],
        decline: str | None,
    ) -> sqlite3.Row:
        name = f"pi_{uuid4().hex}"
        number = self._file.execute(
            "insert into intents (id, created, amount, currency, method, status, labels, decline)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            (name, time.time(), amount, currency, method, status, json.dumps(labels), decline),
        ).lastrowid
        self._file.executemany(
            "insert into labels values (?, ?, ?)", [(*label, number) for label in labels.items()]
        )
        intent = self.intent(name)
        assert intent is not None
        return intent

    def intent(self, name: str) -> sqlite3.Row | None:
        return self._one("select * from intents where id = ?", name)

    def change_intent(self, name: str, status: str, received: int) -> sqlite3.Row:
        self._file.execute(
            "update intents set status = ?, received = ? where id = ?", (status, received, name)
        )
        intent = self.intent(name)
        assert intent is not None
        return intent

    def search_intents(self, label: str, value: str, until: float, limit: int) -> list[sqlite3.Row]:
        """Find intents by label, newest first, created no later than `until`."""
        return self._all(
            "select intents.* from labels join intents using (number)"
            " where name = ? and value = ? and created <= ? order by number desc limit ?",
            *(label, value, until, limit),
        )

    def add_refund(self, intent: str, amount: int, labels: dict[str, str]) -> sqlite3.Row:
        name = f"re_{uuid4().hex}"
        self._file.execute("update intents set refunded = refunded + ? where id = ?", (amount, intent))
        self._file.execute(
            "insert into refunds (id, created, intent, amount, labels) values (?, ?, ?, ?, ?)",
            (name, time.time(), intent, amount, json.dumps(labels)),
        )
        refund = self.refund(name)
        assert refund is not None
        return refund

    def refund(self, name: str) -> sqlite3.Row | None:
        return self._one("select * from refunds_shown where id = ?", name)

    def refunds(self, intent: str, before: str | None, limit: int) -> list[sqlite3.Row]:
        """List refunds of an intent, newest first, only those older than the refund `before` if given."""
        return self._all(
            "select * from refunds_shown where intent = ?1"
            " and (?2 is null or number < (select number from refunds where id = ?2))"
            " order by number desc limit ?3",
            *(intent, before, limit),
        )

    def close(self) -> None:
        self._file.close()

    def _one(self, statement: str, *values: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._file.execute(statement, values).fetchone()
        return row

    def _all(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        return self._file.execute(statement, values).fetchall()


def connect(path: Path) -> sqlite3.Connection:
    """Open the file so that a commit is on disk when it returns. Raises sqlite3.Error, OSError.

    A new file is readable by its owner only, and so are the files that SQLite makes beside it.
    """
    # Only a new file is opened here: to close an open database's file would release SQLite's locks on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, timeout=5, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("pragma foreign_keys = on")
    return connection
