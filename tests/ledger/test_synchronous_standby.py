"""A commit is not acknowledged if its wait for the synchronous standby was cut short."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import pytest

from api.readiness import check_readiness
from ledger.ledger import open_ledger
from ledger.store import Store
from ledger.submission import Unavailable
from runtime.settings import Settings
from tests.desk import Desk
from tests.waiting import await_until, wait_until

Rows = Callable[..., Any]

WAITING = """
    select pid from pg_stat_activity
    where datname = current_database() and application_name = 'seatledger writer' and wait_event = 'SyncRep'
"""


@contextmanager
def standby_away(rows: Rows) -> Iterator[None]:
    """Configure a synchronous standby that does not exist, so that commits wait."""
    try:
        _wait_for_standby(rows, "absent")
        yield
    finally:
        _wait_for_standby(rows, "")


def _wait_for_standby(rows: Rows, name: str) -> None:
    rows(f"alter system set synchronous_standby_names = '{name}'")
    rows("select pg_reload_conf()")
    # The server tells its sessions of the reload, and a busy server takes a moment to do so.
    wait_until(lambda: rows("show synchronous_standby_names") == [(name,)])


async def _cut_the_wait_short(rows: Rows, how: str) -> None:
    await await_until(lambda: rows(WAITING))
    assert rows(f"select {how}(%s)", rows(WAITING)[0][0]) == [(True,)]


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
async def test_a_commit_that_stopped_waiting_for_the_standby_is_not_answered_until_the_standby_has_it(
    database_url: str, rows: Rows, how: str
) -> None:
    async with open_ledger(database_url, Settings(deadline_seconds=1.5)) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule()
        with standby_away(rows):
            holding = asyncio.create_task(desk.hold(flight, "alice", key="k-1"))
            await _cut_the_wait_short(rows, how)
            # The command is in the log by now, but the standby may not have it.
            with pytest.raises(Unavailable):
                await holding
            assert rows("select count(*) from ledger.commands where key = 'k-1'") == [(1,)]
        again = await desk.hold(flight, "alice", key="k-1")
        assert (again.status, again.replayed) == (200, True)


async def test_a_repeat_is_not_answered_from_a_log_that_the_standby_may_not_have(
    database_url: str, rows: Rows
) -> None:
    async with open_ledger(database_url, Settings(deadline_seconds=0.5)) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule()
        first = await desk.hold(flight, "alice", key="k-1")
        with standby_away(rows), pytest.raises(Unavailable):
            await desk.hold(flight, "alice", key="k-1")
        again = await desk.hold(flight, "alice", key="k-1")
        assert (again.body, again.replayed) == (first.body, True)


async def test_without_a_standby_a_repeat_changes_no_row_and_does_not_wait_for_the_disk(
    desk: Desk, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = await desk.schedule()
    await desk.hold(flight, "alice", key="k-1")
    before = rows(NEWEST)
    send, shown = Store._send, []

    def send_and_look(store: Store, statement: LiteralString, parameters: Sequence[Any] = ()) -> Any:
        if statement == "commit":
            shown.append(send(store, "show synchronous_commit"))
        return send(store, statement, parameters)

    monkeypatch.setattr(Store, "_send", send_and_look)
    assert (await desk.hold(flight, "alice", key="k-1")).replayed
    assert [setting.rows() for setting in shown] == [[("off",)]]
    assert rows(NEWEST) == before


NEWEST = """
    select (select count(*) from ledger.events), (select count(*) from ledger.commands),
        (select max(xmin::text::bigint) from ledger.seats),
        (select max(xmin::text::bigint) from ledger.bookings),
        (select count(*) from ledger.people)
"""


async def test_a_setting_that_does_not_wait_for_the_standby_is_refused(database_url: str, rows: Rows) -> None:
    ((name,),) = rows("select current_database()")
    rows(f"alter database {name} set synchronous_commit = local")
    async with open_ledger(database_url, Settings()) as ledger:
        assert (await check_readiness(ledger)).ok
        with standby_away(rows):
            (failed,) = (check for check in (await check_readiness(ledger)).checks if not check.ok)
        assert failed.detail.startswith("synchronous_commit=local: acknowledged events could be lost")
