"""Statements and arrays follow from a table's list of columns, and structs from a select list."""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
import pytest

from database.select_list import SelectList, join_conditions
from database.table import (
    NEVER,
    ArrayTable,
    BigInt,
    Integer,
    KeyedTable,
    SmallInt,
    TableColumn,
    columns_of,
)
from domain.money import Money
from domain.refunds import RefundReason


class Payee(NamedTuple):
    reference: str
    settled_at: datetime | None


class Payout(NamedTuple):
    id: UUID
    payee: Payee | None
    reason: RefundReason | None


PAYOUTS: KeyedTable[Payout] = KeyedTable(
    "payouts",
    [
        TableColumn("id", "uuid", fixed=True),
        TableColumn("reference", "text", "payee.reference", nullable=True, fixed=True),
        TableColumn("settled_at", "timestamptz", "payee.settled_at", nullable=True),
        TableColumn("reason", "text", "reason.value", nullable=True),
    ],
)


def test_one_list_of_columns_makes_the_upsert() -> None:
    statement, _ = PAYOUTS.upsert([])
    assert statement == (
        "insert into payouts (id, reference, settled_at, reason)"
        " select (%b::uuid[])[i], nullif((%b::text[])[i], ''), nullif((%b::timestamptz[])[i], 'epoch'),"
        " nullif((%b::text[])[i], '') from generate_series(1, (select cardinality($1::uuid[]))) as i"
        " on conflict (id) do update set settled_at = excluded.settled_at, reason = excluded.reason"
    )
    assert PAYOUTS.every_row == (
        "select id, coalesce(reference, ''), coalesce(settled_at, 'epoch'), coalesce(reason, '')"
        " from payouts order by id"
    )


@pytest.mark.parametrize(
    ("payee", "reference", "settled_at"),
    [
        (None, "", NEVER),
        (Payee("R1", None), "R1", NEVER),
        (Payee("R1", datetime(2030, 1, 1, tzinfo=UTC)), "R1", datetime(2030, 1, 1, tzinfo=UTC)),
    ],
)
def test_none_at_any_step_of_a_path_is_null(
    payee: Payee | None, reference: str, settled_at: datetime
) -> None:
    payouts = [Payout(UUID(int=1), payee, None), Payout(UUID(int=2), payee, RefundReason.LATE_PAYMENT)]
    assert PAYOUTS.arrays_of(payouts) == (
        [UUID(int=1), UUID(int=2)],
        [reference] * 2,
        [settled_at] * 2,
        ["", "late_payment"],
    )


class Entry(msgspec.Struct):
    position: BigInt
    version: Integer
    ordinal: SmallInt
    first_position: BigInt | None
    subject_id: UUID | None
    hash: bytes


def test_a_struct_makes_the_columns_of_its_table() -> None:
    entries: ArrayTable[Entry] = ArrayTable("entries", columns_of(Entry))
    statement, arrays = entries.insert([Entry(1, 2, 3, None, None, b"h")])
    assert "(%b::int8[])[i], (%b::int4[])[i], (%b::int2[])[i], (%b::int8[])[i]," in statement
    assert arrays == ([1], [2], [3], [None], [None], [b"h"])
    assert entries.names_in("e").startswith("e.position, e.version, ")


class PayoutRow(msgspec.Struct):
    id: UUID
    amount: Money | None
    reason: RefundReason


def test_a_select_list_makes_structs_with_their_enums_and_nested_structs() -> None:
    selected = SelectList(PayoutRow, "p", amount=("p.cost", "p.currency", "p.parts"))
    assert selected.sql == "p.id as id, p.cost, p.currency, p.parts, p.reason as reason"
    id, reason = UUID(int=1), RefundReason.LATE_PAYMENT
    assert selected.build((7, id, 500, "INR", None, "late_payment")) == PayoutRow(
        id, Money(500, "INR"), reason
    )
    parts = (7, id, 500, "INR", '{"fare":500}', "late_payment")
    assert selected.build(parts) == PayoutRow(id, Money(500, "INR", {"fare": 500}), reason)
    assert selected.build((7, id, None, None, None, "late_payment")) == PayoutRow(id, None, reason)


def test_a_condition_without_a_value_is_left_out() -> None:
    conditions = ("and a = %b", None), ("and b = %b", ""), ("and (c, d) > (%b, %b)", 1, 2)
    assert join_conditions(*conditions) == ("and b = %b and (c, d) > (%b, %b)", ["", 1, 2])
