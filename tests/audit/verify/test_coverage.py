"""Verify checks each column of the database or lists it as unchecked; a test changes each checked one."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.proofs.checkpoint import key_id
from audit.proofs.signer import sign_checkpoint
from audit.verify import verify
from audit.verify.coverage import CHECKED, UNCHECKED, UNCHECKED_TABLES, read_columns, reason_unchecked
from audit.verify.evidence import Keys
from audit.verify.snapshot import open_snapshot
from database.connection import Connection, connect
from domain.commands.waiting import JoinWaitlist
from tests.analytics.conftest import Follow, follow, follower
from tests.desk import Desk

__all__ = ["follow", "follower"]

Rows = Callable[..., list[Any]]


def columns_of(url: str) -> dict[tuple[str, str], str | None]:
    """By table and column, the reason why it is not checked; None if it is."""
    with open_snapshot(url) as connection:
        return {(one.table, one.name): reason_unchecked(one) for one in read_columns(connection)}


def test_each_column_of_the_schema_is_checked_or_has_a_reason(database_url: str) -> None:
    columns = columns_of(database_url)
    strange = [
        column for column, reason in columns.items() if reason == "not part of the schema of this program"
    ]
    assert strange == [], "name them in audit/verify/coverage.py"
    named = {
        (table, name) for group in (CHECKED, UNCHECKED) for table, names in group.items() for name in names
    }
    assert named <= columns.keys(), "audit/verify/coverage.py names columns that are gone"
    assert UNCHECKED_TABLES.keys() <= {table for table, _ in columns}
    assert all(name not in CHECKED.get(table, ()) for table, names in UNCHECKED.items() for name in names)


def test_what_is_not_checked_is_listed(database_url: str, rows: Rows) -> None:
    rows("alter table ledger.events add column note text; create table ledger.notes (note text)")
    result = verify(database_url, workers=1)
    assert result.ok
    listed = {(one.table, name): one.reason for one in result.unchecked for name in one.columns}
    for place in (("events", "note"), ("notes", "note")):
        assert listed[place] == "not part of the schema of this program"
    assert "erasure" in listed["forgotten", "forgotten_by"]
    assert ("heartbeats", "at") in listed
    refused = [one for one in result.unchecked if one.table == "commands"]
    assert "refused commands" in refused[0].reason
    unchecked = {place for place, reason in columns_of(database_url).items() if reason}
    assert unchecked <= listed.keys()


@pytest.fixture
async def rich_log(desk: Desk, follow: Follow, follower: Connection, database_url: str) -> Keys:
    """A log with rows in the tables that are compared, and a checkpoint; the keys that signed it."""
    flight = await desk.schedule(seats=3)
    bookings = [(await desk.hold(flight, user)).subject_id for user in ("alice", "bob", "carol")]
    await desk.pay(bookings[0], "alice")
    joined = await desk.submit(JoinWaitlist(flight, "dave", 3), "dave")
    assert joined.status == 200
    await desk.pay(bookings[1], "bob")
    await desk.cancel(bookings[1], "bob")
    assert (await desk.hold(flight, "erin", seats=9)).status == 409
    await follow()
    key = Ed25519PrivateKey.generate()
    async with await connect(database_url, "test") as connection:
        await sign_checkpoint(connection, key)
    return {key_id(key.public_key()): key.public_key()}


OTHER = {
    "uuid": "gen_random_uuid()",
    "text": "coalesce({0}, '') || 'X'",
    "smallint": "{0} + 100",
    "integer": "{0} + 1000",
    "bigint": "coalesce({0}, 0) + 1000000",
    "boolean": "not {0}",
    "date": "{0} + 1000",
    "bytea": "sha256({0})",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 microsecond'",
}
"""By type, an expression that differs from the value of the column."""

EXPRESSIONS = {
    # The constraints of the table must hold.
    "seats.held": "held - 1",
    "seats.booked": "booked - 1",
    "checkpoints.signature": "set_byte({0}, 0, get_byte({0}, 0) # 1)",
    "checkpoints.position": "{0} - 1",
    "checkpoints.key": "reverse({0})",
}

ELSEWHERE = {"tiles", "people", "forgotten", "passenger_names", "sandbox"}
"""Tables without rows in this log; `tests/audit/proofs/test_tampering.py`,
`tests/erasure/test_people_checked.py` and `tests/api/test_sandbox.py` change them."""


async def test_each_checked_column_is_tampered_with_and_found(
    rich_log: Keys, rows: Rows, tamper: Any, database_url: str
) -> None:
    columns = columns_of(database_url)
    assert verify(database_url, workers=1, keys=rich_log).ok
    places = rows(
        "select c.relname, attname, format_type(atttypid, null) from pg_attribute a"
        " join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace"
        " where nspname = 'ledger' and relkind = 'r' and attnum > 0"
        " and attgenerated = '' and not attisdropped order by 1, attnum"
    )
    missed, tampered = [], 0
    for stored, column, kind in places:
        table = stored.removesuffix("_1")
        if columns[table, column] is not None or table in ELSEWHERE:
            continue
        expression = EXPRESSIONS.get(f"{table}.{column}", OTHER[kind]).format(column)
        where = "where first_position is not null" if table == "commands" else ""
        at = rows(f"select ctid::text from ledger.{stored} {where} limit 1")
        assert at, f"{table} has no row"
        names = rows(
            "select string_agg(attname, ', ') from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and attgenerated = ''",
            f"ledger.{stored}",
        )[0][0]
        tamper(
            f"drop table if exists kept; create table kept as table ledger.{stored};"
            f"update ledger.{stored} set {column} = {expression} where ctid = '{at[0][0]}'"
        )
        if verify(database_url, workers=1, keys=rich_log).ok:
            missed.append(f"{table}.{column}")
        tamper(f"delete from ledger.{stored}; insert into ledger.{stored} ({names}) select {names} from kept")
        tampered += 1
    assert missed == []
    assert tampered > 130
    assert verify(database_url, workers=1, keys=rich_log).ok


ROWS = [
    (
        "insert into ledger.commands select 'eve', operation, key, fingerprint, 200, body, null, 0, null,"
        " last_position, correlation_id, recorded_at from ledger.commands where first_position is null",
        "accepted, but the log has no event of it",
    ),
    ("update ledger.commands set status = 200 where first_position is null", "has no event of it"),
    ("update ledger.commands set version = 1 where first_position is null", "names a subject"),
    (
        "update ledger.commands set subject_id = gen_random_uuid() where first_position is null",
        "names a subject",
    ),
    (
        "update ledger.commands set recorded_at = recorded_at - interval '1 hour'"
        " where first_position is null",
        "another time",
    ),
    (
        "update ledger.commands set first_position = 1, last_position = 1 where first_position is null",
        "command",
    ),
    (
        "alter table ledger.facts_bookings_1 drop constraint facts_bookings_1_pkey;"
        "insert into ledger.facts_bookings_1 select * from ledger.facts_bookings_1 limit 1",
        "analytics_bookings does not show",
    ),
    (
        "insert into ledger.facts_seat_changes_1 select position + 1000, recorded_at, flight_id,"
        " booking_id, topic, seats_change, held_change, booked_change, overbooking_change, change_id + 2000"
        " from ledger.facts_seat_changes_1 limit 1",
        "analytics_seat_changes shows",
    ),
    ("delete from ledger.facts_payments_1", "analytics_payments does not show"),
    (
        "delete from ledger.facts_seat_changes_1 where position = 2",
        "analytics_seat_changes does not show",
    ),
    (
        "create or replace view ledger.analytics_refunds as select refund_id, booking_id, flight_id,"
        " payment_id, amount + 1 as amount, currency, reason, status, refusal, due_at, requested_at,"
        " settled_at, position, parts from ledger.facts_refunds_1",
        "analytics_refunds does not show",
    ),
    ("insert into ledger.forgotten (person, forgotten_by) values ('mallory', 'root')", "people lacks"),
    ("insert into ledger.migrations values (9999, 'more', '')", "does not list the migrations"),
]
"""Rows too many, too few or changed, with what the reason says."""


@pytest.mark.parametrize(("statement", "reason"), ROWS)
async def test_rows_that_the_log_does_not_explain_are_found(
    rich_log: Keys, tamper: Any, database_url: str, statement: str, reason: str
) -> None:
    tamper(statement)
    result = verify(database_url, workers=1)
    assert not result.ok
    assert reason in (result.reason or "")


OBJECTS = [
    "alter table ledger.events disable trigger append_only",
    "alter table ledger.commands disable trigger all",
    "alter table ledger.checkpoints enable replica trigger append_only",
    "drop trigger append_only on ledger.forgotten",
    "create or replace function ledger.refuse_change() returns trigger language plpgsql as"
    " 'begin return null; end'",
    "create trigger more before insert on ledger.events for each row execute function ledger.refuse_change()",
    "create rule nothing as on delete to ledger.events do instead nothing",
    "alter table ledger.events drop constraint events_actor_operation_causation_id_ordinal_key",
    "alter table ledger.seats drop constraint seats_check",
    "alter table ledger.seats add constraint few check (seats < 10000)",
    "drop index ledger.waiting_once",
    "alter table ledger.events alter column hash drop not null",
    "alter table ledger.events alter column actor type varchar",
    "alter table ledger.seats set unlogged",
    "alter table ledger.events enable row level security",
    "alter table ledger.events owner to seatledger_writer",
    "grant update on ledger.events to seatledger_writer",
    "grant update (actor) on ledger.events to seatledger_auditor",
    "grant insert on ledger.events to public",
    "grant select on ledger.people to seatledger_analyst",
    "revoke select on ledger.bookings from seatledger_auditor",
    "grant create on schema ledger to seatledger_writer",
]


@pytest.mark.parametrize("statement", OBJECTS)
async def test_a_changed_object_of_the_schema_is_found(rows: Rows, database_url: str, statement: str) -> None:
    rows(statement)
    result = verify(database_url, workers=1)
    assert (result.ok, result.first_bad_position) == (False, 1)
    assert (result.reason or "").startswith("the schema ")


async def test_an_administrator_may_add_indexes_and_readers(rows: Rows, database_url: str) -> None:
    rows("create index on ledger.events (recorded_at); create table ledger.more (id int primary key)")
    rows("grant select on ledger.events, ledger.more to pg_monitor; grant all on ledger.more to public")
    assert verify(database_url, workers=1).ok
