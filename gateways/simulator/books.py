"""The gateway's books: amounts authorised, captured, released and refunded, to compare with a ledger."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateways.simulator.store import connect

ROWS_AT_ONCE = 500


class CurrencyTotal(msgspec.Struct, frozen=True):
    """Sums of one currency in Stripe's units. `held` is authorised and neither captured nor released."""

    currency: str
    intents: int
    held: int
    captured: int
    refunded: int


class BookedIntent(msgspec.Struct, frozen=True):
    """One intent. `payment_id` and `booking_id` come from the labels that Seatledger sets, else None."""

    id: str
    created: float
    status: str
    amount: int
    currency: str
    captured: int
    refunded: int
    payment_id: str | None
    booking_id: str | None


class BookedRefund(msgspec.Struct, frozen=True):
    id: str
    created: float
    intent: str
    amount: int
    refund_id: str | None


class GatewayBooks(msgspec.Struct, frozen=True):
    """Intents and refunds in order of creation."""

    totals: list[CurrencyTotal]
    intents: list[BookedIntent]
    refunds: list[BookedRefund]


def read_books(path: Path) -> GatewayBooks:
    """Read the books from the file, without the process. Raises FileNotFoundError, sqlite3.Error."""
    if not path.is_file():
        raise FileNotFoundError(f"no store at {path}")
    return msgspec.json.decode(b"".join(stream_books(path)), type=GatewayBooks)


def stream_books(path: Path) -> Iterator[bytes]:
    """Yield the books as pieces of JSON, all from one snapshot."""
    with _snapshot(path) as file:
        for before, name, statement in _PARTS:
            yield f'{before}"{name}":['.encode()
            yield from _rows(file.execute(statement))
            yield b"]"
        yield b"}\n"


@contextmanager
def _snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path)) as file:
        file.execute("begin")
        yield file


def _rows(rows: sqlite3.Cursor) -> Iterator[bytes]:
    comma = ""
    while some := rows.fetchmany(ROWS_AT_ONCE):
        yield (comma + ",".join(json.dumps(dict(row), separators=(",", ":")) for row in some)).encode()
        comma = ","


_PARTS: list[tuple[Any, ...]] = [
    (
        "{",
        "totals",
        "select currency, count(*) as intents,"
        " sum(iif(status = 'requires_capture', amount, 0)) as held,"
        " sum(received) as captured, sum(refunded) as refunded"
        " from intents group by currency order by currency",
    ),
    (
        ",",
        "intents",
        "select id, created, status, amount, currency, received as captured, refunded,"
        " json_extract(labels, '$.seatledger_payment') as payment_id,"
        " json_extract(labels, '$.seatledger_booking') as booking_id from intents order by number",
    ),
    (
        ",",
        "refunds",
        "select id, created, intent, amount, json_extract(labels, '$.seatledger_refund') as refund_id"
        " from refunds order by number",
    ),
]
