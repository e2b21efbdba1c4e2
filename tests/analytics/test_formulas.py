"""Text of callers that looks like a formula is neutralised in CSV, and nothing else changes."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import polars
import pytest

from analytics.exports.files import FORMATS, export
from analytics.exports.formulas import neutralise
from analytics.exports.tables import TABLES
from analytics.facts import PROJECTIONS
from analytics.follower.batch import advance
from database.connection import connect
from tests.desk import Desk

CLOSED = {
    "topic",
    "operation",
    "currency",
    "price_currency",
    "status",
    "cancel_reason",
    "capture",
    "gateway",
    "reason",
    "reference",
    "travel",
    "price_parts",
    "parts",
}
"""Text columns with values of the ledger's own, of a setting, of capitals and digits alone, or JSON."""

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "='cmd'!A1")


@pytest.mark.parametrize(
    ("row", "neutral"),
    [
        (b"1,=1+1,2\n", b"1,'=1+1,2\n"),
        (b'1,"=1,""2""",-2\n', b'1,"\'=1,""2""",-2\n'),
        (b"1,\t=1,2\n", b"1,'\t=1,2\n"),
        (b'1,"\r=1",2\n', b'1,"\'\r=1",2\n'),
        (b'1,"\n=1",2\n', b'1,"\'\n=1",2\n'),
        (b"1,@x,-2\n", b"1,'@x,-2\n"),
        (b"1,a=1,-2\n", b"1,a=1,-2\n"),
        (b'1,"a,=1",-2\n', b'1,"a,=1",-2\n'),
        (b"1,,-2\n", b"1,,-2\n"),
        (b"1,'=1,\n", b"1,'=1,\n"),
        (b"position,topic,change\n", b"position,topic,change\n"),
    ],
)
def test_only_text_that_begins_like_a_formula_gets_an_apostrophe(row: bytes, neutral: bytes) -> None:
    assert neutralise(row, {1}) == neutral


def test_an_empty_last_column_stays_empty() -> None:
    assert neutralise(b"1,-2,\n", {2}) == b"1,-2,\n"
    assert neutralise(b"1,-2,-3\n", {2}) == b"1,-2,'-3\n"


@pytest.mark.parametrize("name", TABLES)
def test_every_text_column_is_written_by_callers_or_has_a_closed_list_of_values(name: str) -> None:
    for column in TABLES[name].columns:
        if column.type.startswith("text"):
            assert column.is_free_text or column.name in CLOSED, column.name
        else:
            assert not column.is_free_text, column.name
    assert not TABLES[name].columns[0].is_free_text, "the first column is a key"


async def test_a_key_that_looks_like_a_formula_is_neutralised_in_csv_only(
    desk: Desk, database_url: str, tmp_path: Path
) -> None:
    flight = await desk.schedule()
    for formula in FORMULAS:
        await desk.hold(flight, "alice", key=formula, correlation_id=f"-{formula[1:]}")
    files, manifests = {}, {}
    for format in FORMATS:
        out = tmp_path / f"events.{format}"
        files[format], manifests[format] = export(
            database_url, TABLES["events"], format, None, out, lambda *_: None
        )
    with files["csv"].open(newline="") as lines:
        read: list[dict[str, Any]] = list(csv.DictReader(lines))[1:]
    assert [row["causation_id"] for row in read] == [f"'{formula}" for formula in FORMULAS]
    assert [row["correlation_id"][:2] for row in read] == ["'-"] * len(FORMULAS)
    assert [row["state"][0] for row in read] == ["{"] * len(FORMULAS)
    parquet = polars.read_parquet(files["parquet"])
    assert parquet["causation_id"].to_list()[1:] == list(FORMULAS)
    ndjson = [json.loads(line) for line in files["ndjson"].read_text().splitlines()]
    assert [row["causation_id"] for row in ndjson[1:]] == list(FORMULAS)
    digests = {manifest.digest for manifest in manifests.values()}
    assert digests == {hashlib.sha256(files["csv"].read_bytes()).hexdigest()}
    stated = json.loads(files["csv"].with_name("events.csv.manifest.json").read_bytes())
    assert stated["formulas"] == (
        "text of callers and gateways that begins with =, +, -, @, a tab or a line break "
        "has an apostrophe before it"
    )
    assert [manifests[format].formulas for format in ("parquet", "ndjson")] == [None, None]


async def test_numbers_below_zero_stay_numbers(desk: Desk, database_url: str, tmp_path: Path) -> None:
    flight = await desk.schedule()
    booking = (await desk.hold(flight, "alice", seats=2)).subject_id
    await desk.cancel(booking, "alice")
    async with await connect(database_url, "test") as connection:
        await advance(connection, PROJECTIONS["seat_changes"], None, 5_000)
    out = tmp_path / "changes.csv"
    export(database_url, TABLES["seat_changes"], "csv", None, out, lambda *_: None)
    assert polars.read_csv(out)["held_change"].to_list() == [0, 2, -2]
