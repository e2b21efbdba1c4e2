"""Rights of the analyst and auditor roles, and comments on every relation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from analytics.dictionary import dictionary
from database.connection import connect_sync
from tests.analytics.conftest import Follow
from tests.analytics.trade import Trade

Rows = Callable[..., list[Any]]
VIEWS = [
    "bookings",
    "checkpoints",
    "daily_sales",
    "expiry_rates",
    "flights",
    "funnel",
    "load_factor",
    "payment_outcomes",
    "payments",
    "refund_ageing",
    "refunds",
    "refusal_rates",
    "refusals",
    "seat_changes",
    "seats_over_time",
]


def ask(url: str, role: str, statement: str) -> list[Any]:
    with psycopg.connect(url, options=f"-c role={role}", autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


async def test_the_analyst_reads_all_views_for_analysts(
    trade: Trade, follow: Follow, database_url: str, rows: Rows
) -> None:
    await trade.rush(3)
    await follow()
    there = r"select relname from pg_class where relname like 'analytics\_%' order by 1"
    assert [name for (name,) in rows(there)] == [f"analytics_{view}" for view in VIEWS]
    for view in VIEWS:
        ask(database_url, "seatledger_analyst", f"select * from ledger.analytics_{view}")
    assert ask(database_url, "seatledger_analyst", "select count(*) > 0 from ledger.analytics_bookings") == [
        (True,)
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "select * from ledger.events",
        "select * from ledger.commands",
        "select * from ledger.secrets",
        "select * from ledger.bookings",
        "select * from ledger.facts_bookings_1",
        "select * from ledger.facts_builds",
        "delete from ledger.analytics_bookings",
        "update ledger.analytics_flights set seats = 0",
        "insert into ledger.analytics_refunds (refund_id) values (gen_random_uuid())",
        "create table ledger.mine ()",
        "create view ledger.mine as select 1",
        "set role seatledger_writer",
    ],
)
def test_the_analyst_cannot_do_anything_else(database_url: str, server_url: str, statement: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as owner:
        owner.execute("create role ann login password 'secret' in role seatledger_analyst")
        try:
            with (
                psycopg.connect(database_url, user="ann", password="secret") as ann,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                ann.execute(statement.encode())
        finally:
            owner.execute("drop role ann")


@pytest.mark.parametrize("table", ["ledger.events", "ledger.commands", "ledger.bookings", "ledger.refunds"])
def test_the_auditor_reads_the_log_and_cannot_change_it(database_url: str, table: str) -> None:
    assert ask(database_url, "seatledger_auditor", f"select * from {table}") == []
    for change in (f"delete from {table}", f"insert into {table} default values", f"truncate {table}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(database_url, "seatledger_auditor", change)


@pytest.mark.parametrize("table", ["ledger.secrets", "ledger.heartbeats", "ledger.facts_builds"])
def test_the_auditor_cannot_read_other_tables(database_url: str, table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(database_url, "seatledger_auditor", f"select * from {table}")


def test_a_function_of_an_analyst_sees_refused_commands_only(database_url: str, rows: Rows) -> None:
    rows("set session_replication_role = replica; " + COMMANDS)
    peek = """
        create function pg_temp.peek(text) returns boolean language plpgsql cost 0.0000001 as
            $$ begin raise notice '%', $1; return true; end $$;
    """
    notices: list[str | None] = []
    with psycopg.connect(database_url, options="-c role=seatledger_analyst", autocommit=True) as analyst:
        analyst.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        analyst.execute(peek)
        found = analyst.execute("select reason from ledger.analytics_refusals where pg_temp.peek(operation)")
        assert found.fetchall() == [("hold-expired",)]
    assert notices == ["pay_booking"]


COMMANDS = """
    insert into ledger.commands values
        ('alice', 'pay_booking', '1', '', 409, '{"type":"/problems/hold-expired"}', null, 0, null, 7, '',
            now()),
        ('alice', 'secret_command', '2', '', 201, '{"type":"x"}', null, 1, 7, 7, '', now()),
        ('alice', 'quiet_command', '3', '', 200, '{"type":"x"}', null, 1, null, 7, '', now())
"""


def test_every_relation_and_column_has_a_comment(rows: Rows) -> None:
    assert rows(WITHOUT_COMMENT) == []


WITHOUT_COMMENT = """
    select c.oid::regclass::text, a.attname from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relname ~ '^(analytics|facts)_'
        and c.relkind in ('r', 'v', 'm')
        and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)
"""


def test_money_columns_are_integers(rows: Rows) -> None:
    other_types = """
        select table_name, column_name, data_type from information_schema.columns
        where table_name like 'analytics%' and column_name like '%amount%' and data_type <> 'bigint'
    """
    assert rows(other_types) == []


def test_the_data_dictionary_in_the_docs_is_current(database_url: str, checkout: Path) -> None:
    with connect_sync(database_url, "test") as connection:
        generated = dictionary(connection)
    stored = (checkout / "docs" / "reference" / "data-dictionary.md").read_text()
    assert stored == generated, "run: seatledger dictionary > docs/reference/data-dictionary.md"
