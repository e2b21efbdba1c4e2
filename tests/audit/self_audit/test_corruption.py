"""The digests detect each change of a view or a seat count, with the reason that `verify` gives."""

from collections.abc import Callable
from typing import Any

import pytest

from audit.self_audit import folding, rounds
from audit.verify import verify
from tests.analytics.trade import Trade
from tests.audit.self_audit.conftest import TABLES, Audit
from tests.audit.verify.test_verify import BESIDE

Rows = Callable[..., list[Any]]
Mend = Callable[[], Callable[..., None]]

OF_VIEWS = [(edit, at) for edit, at in BESIDE if any(table in edit for table in TABLES)]

KEYS = dict.fromkeys(TABLES, "id") | {"ledger.refunds": "booking_id", "ledger.seats": "flight_id"}
"""The column with the id of a stream."""

OTHER = {
    "uuid": "gen_random_uuid()",
    "text": "coalesce({0}, '') || gen_random_uuid()",
    "smallint": "{0} + 1",
    "integer": "{0} + 1",
    "bigint": "{0} + 1",
    "boolean": "not {0}",
    "date": "{0} + 1000",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 microsecond'",
}
"""By type, an expression that differs from the value of the column."""


@pytest.fixture(autouse=True)
def _ranges_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "RANGE_ROWS", 50)
    monkeypatch.setattr(folding, "CHUNK", 100)
    monkeypatch.setattr(rounds, "CHUNK", 100)


async def test_every_column_of_every_row_counts(
    trade: Trade, audit: Audit, rows: Rows, tamper: Any, mend: Mend, database_url: str
) -> None:
    for _ in range(20):
        await trade.rush(2)
        await trade.answer_by_gateway()
        if all(rows(f"select from {table} limit 1") for table in TABLES):
            break
    put_back = mend()
    assert (await audit()).ok
    # No range is due for refolding, so the digests must detect the changes below.
    assert rows("select count(*) from ledger.audited_ranges")[0][0] > 3
    places = rows(
        "select attrelid::regclass::text, attname, format_type(atttypid, null) from pg_attribute"
        " where attrelid = any (%s::regclass[]) and attnum > 0 and attgenerated = '' and not attisdropped",
        list(TABLES),
    )
    assert len(places) > 50
    for table, column, kind in places:
        # The seats in use must still fit, because a constraint refuses more than there are.
        order = "seats - held - booked desc" if table == "ledger.seats" else "random()"
        at, key = rows(f"select ctid::text, {KEYS[table]} from {table} order by {order} limit 1")[0]
        tamper(f"update {table} set {column} = {OTHER[kind].format(column)} where ctid = '{at}'")
        found = await audit()
        last = "select max(position) from ledger.events where originator_id = %s"
        if column == KEYS[table]:
            # verify is slow, so it runs once a table.
            verified = verify(database_url)
            assert (found.first_bad_position, found.reason) == (
                verified.first_bad_position,
                verified.reason,
            )
        elif table == "ledger.seats":
            assert str(key) in (found.reason or "")
        else:
            assert (found.first_bad_position,) == rows(last, key)[0], (table, column)
        assert not found.ok
        put_back(table)
    assert (await audit()).ok
    assert verify(database_url).ok


@pytest.mark.parametrize(("edit", "position"), OF_VIEWS)
async def test_deleted_and_foreign_rows_are_found(
    log: Any, audit: Audit, tamper: Any, mend: Mend, edit: str, position: int
) -> None:
    put_back = mend()
    assert (await audit()).ok
    tamper(edit)
    found = await audit()
    assert found.first_bad_position == position
    assert found.bad_since
    put_back()
    mended = await audit()
    assert (mended.ok, mended.reason, mended.bad_since) == (True, None, None)


async def test_swapped_values_change_the_digest(
    trade: Trade, audit: Audit, rows: Rows, tamper: Any, mend: Mend
) -> None:
    await trade.rush(4)
    put_back = mend()
    assert (await audit()).ok
    found = rows("select min(id::text), version from ledger.bookings group by version order by version")
    assert len(found) > 1
    # Several pairs, because a weak digest may differ by chance.
    for column in ("version", "seats", "created_at", "user_id", "updated_at", "cost_amount", "expires_at"):
        (one, _), (other, _), *_ = found
        tamper(
            f"update ledger.bookings as b set {column} = other.{column} from ledger.bookings as other"
            f" where (b.id, other.id) in (('{one}', '{other}'), ('{other}', '{one}'))"
        )
        differs = rows("select 1 from ledger.bookings b join kept_bookings k using (id) where b <> k limit 1")
        assert (await audit()).ok == (not differs), column
        put_back("ledger.bookings")


async def test_a_count_moved_to_another_flight_is_found(
    trade: Trade, audit: Audit, rows: Rows, tamper: Any, database_url: str
) -> None:
    await trade.rush(4)
    assert (await audit()).ok
    (one,), (other,) = rows(
        "select flight_id from ledger.seats where held > 0 and seats > held + booked limit 2"
    )
    tamper(
        f"update ledger.seats set held = held - 1 where flight_id = '{one}';"
        f"update ledger.seats set held = held + 1 where flight_id = '{other}'"
    )
    assert (await audit()).first_bad_position == verify(database_url).first_bad_position


async def test_the_lowest_of_several_divergences_is_named(
    log: Any, audit: Audit, tamper: Any, mend: Mend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((folding, "RANGE_ROWS"), (folding, "CHUNK"), (rounds, "CHUNK")):
        monkeypatch.setattr(module, name, 1)
    put_back = mend()
    # Seats and alice's booking changed last at 8, in ranges before and after bob's at 3.
    tamper("delete from ledger.bookings where user_id in ('alice', 'bob'); update ledger.seats set held = 0")
    assert (await audit()).first_bad_position == 3
    put_back("ledger.bookings")
    assert (await audit()).first_bad_position == 8
    put_back()
    assert (await audit()).ok


async def test_the_self_audit_repairs_nothing(log: Any, audit: Audit, rows: Rows, tamper: Any) -> None:
    tamper(
        "update ledger.bookings set seats = 9; update ledger.seats set booked = 1; delete from ledger.refunds"
    )
    before = [rows(f"select * from {table} order by 1") for table in TABLES]
    for _ in range(2):
        assert not (await audit()).ok
    assert [rows(f"select * from {table} order by 1") for table in TABLES] == before
