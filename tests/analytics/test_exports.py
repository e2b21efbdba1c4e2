"""An export as of a position is the table at that position, at any time and in any format."""

import asyncio
import csv
import hashlib
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from analytics.exports import snapshot
from analytics.exports.files import FORMATS, Manifest, export
from analytics.exports.snapshot import ExportStopped
from analytics.exports.tables import TABLES, copy_rows
from analytics.facts import PROJECTIONS
from analytics.follower.batch import advance
from cli.main import main
from database.connection import Connection
from domain.commands.bookings import CancelBooking, InitiateBooking
from domain.commands.flights import CancelFlight
from domain.commands.payments import PayBooking, VoidPayment
from domain.money import Money
from domain.payments import Capture
from tests.analytics.conftest import Follow
from tests.analytics.test_facts import RESET
from tests.analytics.trade import PRICE, Trade

Rows = Callable[..., list[Any]]
Export = Callable[..., tuple[Path, Manifest]]
ISO = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
ODD = 'fog, "they" said\nand \\N or \\. or é; nothing\r\n'


@pytest.fixture
def exported(database_url: str, tmp_path: Path) -> Export:
    """Return `exported(table, format, position)`, which writes an export to a temporary folder."""

    def write(table: str, format: str = "csv", position: int | None = None) -> tuple[Path, Manifest]:
        out = tmp_path / f"{table}-{position}.{format}"
        return export(database_url, TABLES[table], format, position, out, lambda *_: None)

    return write


async def test_an_export_as_of_a_position_equals_the_table_at_that_position(
    trade: Trade, follow: Follow, follower: Connection, rows: Rows, exported: Export
) -> None:
    for _ in range(6):
        await trade.rush(4, 32)
        await trade.answer_by_gateway()
    await trade.do(CancelFlight(trade.flights[0], "fog"))
    await follow()
    ((head,),) = rows("select max(position) from ledger.events")
    positions = [0, *sorted(random.Random(7).sample(range(1, head), 7)), head]
    later = {(name, at): exported(name, "csv", at)[1].digest for name in PROJECTIONS for at in positions}
    rows(RESET)
    for name, projection in PROJECTIONS.items():
        position = 0
        for at in positions:
            if at > position:
                await advance(follower, projection, None, at - position)
            now = exported(name)[1]
            assert (now.position, now.digest) == (at, later[name, at]), name
            position = at
    assert len({*later.values()}) > 3 * len(positions)


async def test_all_formats_hold_the_same_rows_for_the_tools_of_analysts(
    trade: Trade, follow: Follow, rows: Rows, exported: Export
) -> None:
    # Not at the top, where each worker would import them.
    import duckdb
    import pandas
    import polars

    await odd_void(trade)
    await refund(trade)
    await trade.rush(8)
    await trade.answer_by_gateway()
    await follow()
    for name in TABLES:
        columns, expected = stored(name, rows)
        files = {format: exported(name, format) for format in FORMATS}
        assert len({(manifest.digest, manifest.rows) for _, manifest in files.values()}) == 1
        parquet, manifest = files["parquet"]
        assert manifest.rows == len(expected) > 0
        read = duckdb.sql(f"set timezone = 'UTC'; select * from '{parquet}'")
        assert (read.columns, read.pl().rows()) == (columns, expected)
        assert polars.read_parquet(parquet).rows() == expected
        frame = pandas.read_parquet(parquet)
        assert list(frame.columns) == columns
        assert frame.astype(object).where(frame.notna(), None).values.tolist() == [
            list(row) for row in expected
        ]
        with files["csv"][0].open(newline="") as lines:
            head, *lines_read = csv.reader(lines)
        assert head == columns
        assert [
            list(map(parse_like, row, values)) for row, values in zip(lines_read, expected, strict=True)
        ] == [list(values) for values in expected]
        lines = files["ndjson"][0].read_text().splitlines()
        assert [list(json.loads(line)) for line in lines] == [columns] * len(expected)
        assert [json.loads(line).get("reason") for line in lines] == [
            dict(zip(columns, row, strict=True)).get("reason") for row in expected
        ]
    assert rows("select count(*) from ledger.events where state::json ->> 'reason' = %s", ODD) == [(1,)]


async def refund(trade: Trade) -> None:
    """Make a refund due: a random rush does not always cancel a paid booking."""
    flight = await trade.schedule()
    booking = await trade.do(InitiateBooking(flight, "alice", 1))
    assert booking
    await trade.do(PayBooking(booking, "alice", Money(PRICE, "INR")))
    await trade.do(CancelBooking(booking))


async def odd_void(trade: Trade) -> None:
    """Void a payment with a reason that contains separators, quotes and line breaks."""
    flight = await trade.schedule()
    booking = await trade.do(InitiateBooking(flight, "alice", 1))
    assert booking
    await trade.do(PayBooking(booking, "alice", Money(PRICE, "INR"), Capture.MANUAL))
    await trade.do(VoidPayment(booking, ODD))


def stored(name: str, rows: Rows) -> tuple[list[str], list[Any]]:
    """Return the table's columns, and its rows as SQL returns them."""
    table = TABLES[name]
    expressions = {"uuid": "{}::text", "bytea": "encode({}, 'hex')", "text": "nullif({}, '')"}
    select = ", ".join(expressions.get(c.type.split()[0], "{}").format(c.name) for c in table.columns)
    source = name if table.projection is None else f"analytics_{name}"
    return [c.name for c in table.columns], rows(
        f"select {select} from ledger.{source} order by {source}.{table.key}"
    )


def parse_like(text: str, value: Any) -> Any:
    """Parse CSV text to the type of `value`."""
    if value is None:
        return text or None
    return type(value).fromisoformat(text) if isinstance(value, date) else type(value)(text)


async def test_a_repeated_export_is_identical_and_its_manifest_describes_it(
    trade: Trade, follow: Follow, rows: Rows, exported: Export, database_url: str
) -> None:
    await trade.rush(4)
    await follow()
    path, first = exported("bookings", "parquet", 200)
    manifest = path.with_name(path.name + ".manifest.json")
    before = path.read_bytes(), manifest.read_bytes()
    await trade.rush(2)
    await follow(9)
    assert exported("bookings", "parquet", 200)[1] == first
    assert (path.read_bytes(), manifest.read_bytes()) == before
    stated = json.loads(manifest.read_bytes())
    assert stated["sha256"] == hashlib.sha256(before[0]).hexdigest()
    assert stated["bytes"] == len(before[0])
    assert rows("select encode(hash, 'hex') from ledger.events where position = 200") == [(stated["hash"],)]
    assert stated["digest"] == exported("bookings", "csv", 200)[1].sha256
    elsewhere = make_conninfo(database_url, options="-c timezone=Asia/Kolkata -c datestyle=German")
    assert export(elsewhere, TABLES["bookings"], "parquet", 200, path, lambda *_: None)[1] == first
    assert b',"",' not in exported("events")[0].read_bytes()
    assert exported("events", "csv", 200)[1].rows == 200
    assert rows("select to_char(recorded_at, %s) from ledger.events where position = 200", ISO) == [
        (stated["recorded_at"],)
    ]
    ((head, hash),) = rows(
        "select position, encode(hash, 'hex') from ledger.events order by position desc limit 1"
    )
    for name in TABLES:
        now = exported(name)[1]
        assert (now.position, now.hash) == (head, hash)


async def test_an_export_waits_for_a_position_of_the_log_up_to_a_limit(
    trade: Trade, follow: Follow, rows: Rows, exported: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade.rush(2)
    ((head,),) = rows("select max(position) from ledger.events")
    monkeypatch.setattr(snapshot, "WAIT_SECONDS_MAX", 0.1)
    with pytest.raises(
        ExportStopped, match=f"is at position 0 and has not reached {head}: start a scheduler"
    ):
        await asyncio.to_thread(exported, "bookings", "csv", head)
    monkeypatch.setattr(snapshot, "WAIT_SECONDS_MAX", 60)
    polled = threading.Event()
    monkeypatch.setattr(snapshot.time, "sleep", lambda seconds: polled.set())
    export = asyncio.create_task(asyncio.to_thread(exported, "bookings", "csv", head))
    assert await asyncio.to_thread(polled.wait, 30), "it did not wait"
    await follow()
    assert (await export)[1].position == head


async def test_an_export_does_not_wait_for_a_parked_or_outdated_table(
    trade: Trade, follow: Follow, rows: Rows, database_url: str
) -> None:
    await follow()
    await trade.rush(2)
    rows("update ledger.facts_builds set parked_at = now(), error = 'poison' where projection = 'bookings'")
    with pytest.raises(ExportStopped, match="bookings is parked at position 0: poison"):
        export(database_url, TABLES["bookings"], "csv", 1, None, lambda *_: None)
    newer = replace(TABLES["flights"], version=99)
    with pytest.raises(ExportStopped, match="run `seatledger rebuild flights`"):
        export(database_url, newer, "csv", None, None, lambda *_: None)


async def test_rows_and_position_are_read_in_one_snapshot(
    trade: Trade, follow: Follow, rows: Rows, exported: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade.rush(2)
    await follow()
    before = exported("bookings")[1]

    def delete_and_copy(*arguments: Any) -> Any:
        rows("delete from ledger.analytics_bookings")
        return copy_rows(*arguments)

    monkeypatch.setattr(snapshot, "copy_rows", delete_and_copy)
    assert exported("bookings")[1] == before
    assert exported("bookings")[1].rows == 0 < before.rows


def test_the_command_reports_the_export_or_the_error(
    database_url: str, tmp_path: Path, checkout: Path
) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cli.main", "export", *arguments],
            cwd=tmp_path,
            env=os.environ | {"DATABASE_URL": database_url, "PYTHONPATH": str(checkout)},
            capture_output=True,
            text=True,
        )

    done = run("bookings", "--json")
    assert (done.returncode, json.loads(done.stdout)["rows"]) == (0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bookings-0.parquet",
        "bookings-0.parquet.manifest.json",
    ]
    import polars

    assert polars.read_parquet(tmp_path / "bookings-0.parquet").shape == (0, len(TABLES["bookings"].columns))
    above = run("bookings", "--position", "1")
    assert (above.returncode, above.stdout) == (2, "")
    assert "the log ends at position 0; there is no 1 yet" in above.stderr


async def test_an_interrupted_export_leaves_no_file_and_keeps_the_previous_one(
    trade: Trade, follow: Follow, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade.rush(4)
    await follow()
    monkeypatch.setattr(snapshot, "PROGRESS_SECONDS", -1.0)

    def interrupt(table: str, count: int) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "bookings"
    out.write_text("from before")
    for format in FORMATS:
        with pytest.raises(KeyboardInterrupt):
            export(database_url, TABLES["bookings"], format, None, out, interrupt)
    assert os.listdir(tmp_path) == ["bookings"]
    assert out.read_text() == "from before"


async def test_an_analyst_can_export_the_facts_but_not_the_log(
    trade: Trade, follow: Follow, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await trade.rush(2)
    await follow()
    monkeypatch.chdir(tmp_path)
    url = make_conninfo(database_url, options="-c role=seatledger_analyst")
    monkeypatch.setenv("DATABASE_URL", url)
    for name in PROJECTIONS:
        assert await asyncio.to_thread(main, ["export", name]) == 0
    assert await asyncio.to_thread(main, ["export", "events"]) == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        export(url, TABLES["bookings"], "csv", 10, None, lambda *_: None)
    assert len(os.listdir(tmp_path)) == 2 * len(PROJECTIONS)
