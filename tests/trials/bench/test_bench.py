"""The benchmark runs: every case works, nothing is refused, the ledgers verify. Times are not judged."""

import asyncio
import json
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.programs import find_program, program_path
from tests.repetitions import times
from trials.bench import after_load, counted_api, database, growth, http, ledgers, main
from trials.bench.counted_server import SessionInstructions
from trials.bench.fresh import fresh_folder, fresh_ledger
from trials.bench.instructions import USED_CARRIER, add_ledgers
from trials.bench.load_generator import is_available
from trials.bench.report import BenchCheck
from trials.bench.stock_application import Stock
from trials.bench.targets import bytes_of_a_booking
from trials.programs.postgres import NoPrograms
from trials.torture.broken import program

SHORTEST = ("--smoke", "--connections", "16")
KILLS_MAX = 12
seldom = pytest.mark.skipif(not times(0, 1), reason="only with LONG_TESTS=1")
needs_wrk = pytest.mark.skipif(
    not (find_program("wrk") or is_available()), reason="not on PATH: wrk (Debian: apt-get install wrk)"
)


@pytest.fixture
def wrk_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", program_path())


@needs_wrk
@pytest.mark.usefixtures("wrk_on_path")
@seldom
def test_the_http_part_runs_and_the_ledger_survives_a_rush_and_a_kill(tmp_path: Path) -> None:
    out = tmp_path / "http.json"
    assert http.PART.main([*SHORTEST, "--out", str(out)]) == 0
    raw = json.loads(out.read_text())
    loads = [*raw["rounds"][0]["16"].values(), raw["open_loop"]]
    assert all(load["per_second"] > 0 for load in loads)
    assert {check["what"] for check in raw["checks"]} > {"rush", "kills"}


@needs_wrk
@pytest.mark.usefixtures("wrk_on_path")
@seldom
def test_a_refused_load_fails_the_benchmark(tmp_path: Path) -> None:
    out = tmp_path / "http.json"
    # Most holds expire before they are paid.
    assert http.PART.main([*SHORTEST, "--settings", "SEATLEDGER_HOLD_SECONDS=1", "--out", str(out)]) == 1
    failed = [check["what"] for check in json.loads(out.read_text())["checks"] if not check["ok"]]
    assert failed == ["all accepted"]


@seldom
@pytest.mark.parametrize("broken", ["answers-before-commit", "keys-in-a-second-transaction"])
def test_a_program_that_loses_bookings_fails_the_kill_check(broken: str) -> None:
    # A kill finds a block between its answers and its commit in a third of the runs.
    found = (kill_check(broken) for _ in range(KILLS_MAX))
    caught = next(check for check in found if not check.ok)
    assert "was answered, but now reads" in caught.detail


def kill_check(broken: str) -> BenchCheck:
    with fresh_folder() as data:
        _, kills = asyncio.run(after_load.checks(data, 1, program(broken)))
    return kills


@seldom
def test_the_ledgers_part_runs(tmp_path: Path) -> None:
    out = tmp_path / "ledgers.json"
    try:
        assert ledgers.PART.main(["--smoke", "--out", str(out)]) == 0
    except NoPrograms as missing:
        pytest.skip(str(missing))
    raw = json.loads(out.read_text())
    paces = raw["rounds"][0]
    assert len(paces) == 4
    assert all(pace["per_second"] > 0 for pace in paces.values())
    assert paces["2 in one process, commits of 20 ms"]["p50_ms"] >= 20


def test_the_stock_application_of_the_library_books() -> None:
    with fresh_ledger() as fresh, closing(Stock(fresh.url)) as stock:
        assert stock.book(1).per_second > 0


async def test_an_api_of_several_ledgers_books_in_each(tmp_path: Path) -> None:
    """Valgrind counts the instructions of this program. Here it runs without valgrind."""
    with fresh_ledger() as fresh:
        add_ledgers(fresh, 3)
        for carrier in ("BA", USED_CARRIER):
            await counted_api.main(fresh.url, fresh.data, carrier, bookings=3)
        with psycopg.connect(fresh.url) as connection:
            counts = [
                connection.execute(f"select count(*) from {schema}.bookings".encode()).fetchone()
                for schema in ("ledger", "ledger_last")
            ]
    assert counts == [(3,), (3,)]


async def test_costs_in_the_database_are_counted_for_each_kind_of_command() -> None:
    """Valgrind counts the instructions of the server. Here it runs without valgrind."""

    class NoInstructions(SessionInstructions):
        def of(self, process: int) -> int:
            return 0

    with fresh_ledger() as fresh:
        flights = await database.fill(fresh, 0)
        costs = database.Costs(fresh, NoInstructions(fresh.data), flights)
        found = await database.measure_cases(costs, commands=64)
    written = {case: one["written"] for case, one in found.items()}
    # One row and one entry for each booking.
    assert written["book, 64 in a block"]["bookings"][0] == 1
    assert written["book, 64 in a block"]["bookings_by_flight"][0] == 1
    assert written["book, 1 in a block"]["events"][0] == 1
    # A payment is two events, requested and booked.
    assert written["pay, 64 in a block"]["events_pkey"][0] == 2
    assert written["cancel, 64 in a block"]["refunds"][0] == 1
    assert len(database.tables({"rounds": [found]})) == 1 + len(found)


def test_the_growth_part_runs(tmp_path: Path) -> None:
    out = tmp_path / "growth.json"
    assert growth.PART.main(["--smoke", "--sizes", "1", "--out", str(out)]) == 0
    raw = json.loads(out.read_text())
    ((size, found),) = raw["rounds"][0].items()
    assert all(milliseconds > 0 for milliseconds in found.values())
    (stored,) = bytes_of_a_booking(int(size))({"growth": raw}).rounds
    assert stored > 1000


@needs_wrk
@pytest.mark.usefixtures("wrk_on_path")
@seldom
def test_one_command_runs_all_parts(tmp_path: Path) -> None:
    assert main.run(smoke=True, out=tmp_path, only=None, sizes=None) == 0
    assert {path.stem for path in (tmp_path / "smoke").glob("*.json")} == set(main.PARTS)
