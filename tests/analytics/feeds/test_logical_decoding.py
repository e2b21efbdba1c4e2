"""Logical decoding yields the events in position order, so readers such as Debezium can rely on it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.analytics.trade import Trade

SLOT = "feed_order"


@pytest.fixture
def slot(rows: Callable[..., list[Any]]) -> Iterator[str]:
    rows("create publication feed for table ledger.events with (publish = 'insert')")
    rows("select pg_create_logical_replication_slot(%s, 'pgoutput')", SLOT)
    yield SLOT
    rows("select pg_drop_replication_slot(%s)", SLOT)


async def test_write_ahead_order_is_position_order(
    slot: str, trade: Trade, rows: Callable[..., list[Any]]
) -> None:
    """Several writers append at the same time; the first column of an inserted row is its position."""
    await trade.rush(8)
    decoded = rows(
        "select data from pg_logical_slot_get_binary_changes(%s, null, null, 'proto_version', '1',"
        " 'publication_names', 'feed')",
        slot,
    )
    positions = [_position(data) for (data,) in decoded if data[:1] == b"I"]
    assert positions == list(range(1, rows("select max(position) from ledger.events")[0][0] + 1))
    assert len(positions) > 50


def _position(message: bytes) -> int:
    """Return the first column of an Insert message.

    It is I, relation (4 bytes), N, number of columns (2 bytes), and for each column t, length (4 bytes), text
    (https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html).
    """
    assert message[5:6] == b"N"
    assert message[8:9] == b"t"
    length = int.from_bytes(message[9:13], "big")
    return int(message[13 : 13 + length])
