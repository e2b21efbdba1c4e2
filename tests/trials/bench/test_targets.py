"""Target rows, checks and exit codes for given raw numbers."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from trials.bench import http, main, report
from trials.bench.load_generator import NoLoadGenerator
from trials.bench.pace import Pace
from trials.bench.sized_ledgers import sizes_that_fit
from trials.bench.targets import FOLDED, TARGETS, TargetRow, target_rows

HOLDS = {"what": "verify", "ok": True, "detail": ""}


def rows_by_target(raws: dict[str, Any]) -> dict[str, TargetRow]:
    rows = target_rows(raws)
    assert [row.what.partition(" (")[0] for row in rows] == [target.what for target in TARGETS]
    return {row.what: row for row in rows}


def over_http(*rounds: dict[str, tuple[float, float, float]]) -> dict[str, Any]:
    """Return raw numbers of rounds at 64 connections: rate, p50 and p99 by case."""
    names = ("per_second", "p50_ms", "p99_ms")
    made = [
        {"64": {case: dict(zip(names, load, strict=True)) for case, load in one.items()}} for one in rounds
    ]
    return {"http": {"settings": {}, "checks": [HOLDS], "rounds": made}}


def booked(pace: float, p99: float = 3.9) -> dict[str, tuple[float, float, float]]:
    return {"book, no-op": (100.0, 1.0, 2.0), "book, many flights": (pace, 1.0, p99)}


def test_the_median_of_the_ratios_of_all_rounds_counts() -> None:
    found = rows_by_target(over_http(booked(20), booked(46), booked(70)))
    book = found["book: pace of the no-op POST, 64 connections"]
    assert book[1:] == ("0.46", "0.20-0.70", "≥ 0.45", "reached")
    assert rows_by_target(over_http(booked(20), booked(44), booked(70)))[book.what].outcome == "missed"


def test_a_value_above_an_upper_limit_misses_the_target() -> None:
    tail = "book: p99 in p50, 64 connections"
    assert rows_by_target(over_http(booked(50, p99=3.9)))[tail][1:] == (
        "3.90",
        "3.90-3.90",
        "≤ 4.00",
        "reached",
    )
    assert rows_by_target(over_http(booked(50, p99=4.1)))[tail].outcome == "missed"


def test_a_target_without_results_is_not_measured() -> None:
    assert {row.outcome for row in rows_by_target({}).values()} == {"not measured"}
    found = rows_by_target(over_http(booked(60)))
    for what in ("book: pace of the no-op POST, 256 connections", "verify: events a second"):
        assert (found[what].measured, found[what].outcome) == ("not measured", "not measured")


def growth_results(cost: float, sizes: tuple[str, str]) -> dict[str, Any]:
    small, large = sizes
    one = {small: {"create": 1.0, "history": 1.0}, large: {"create": 1.0, "history": cost}}
    one[small][FOLDED], one[large][FOLDED] = 1.0, 2.0
    return {"growth": {"settings": {}, "checks": [HOLDS], "rounds": [one]}}


def test_the_case_that_grows_most_counts_and_is_named() -> None:
    sizes = ("11373", "10004321")
    found = rows_by_target(growth_results(1.2, sizes))
    worst = found["10,000,000 events: cost in that at the smallest size (history)"]
    assert worst[1:] == ("1.20", "1.20-1.20", "≤ 1.15", "missed")
    assert found["1,000,000 events: cost in that at the smallest size"].measured == "not measured"
    assert rows_by_target(growth_results(1.1, sizes))[worst.what].outcome == "reached"
    assert found[f"10,000,000 events: what folds a flight's past ({FOLDED})"].measured == "2.00"


def test_a_size_that_does_not_fit_on_the_disk_is_left_out_and_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10 * 10**9))
    fit, left_out = sizes_that_fit([10_000_000, 10_000, 1_000_000])
    assert fit == [10_000, 1_000_000]
    raws = growth_results(1.0, ("11373", "1001234"))
    raws["growth"]["settings"] = {"left_out": left_out}
    large, *_ = (row for what, row in rows_by_target(raws).items() if what.startswith("10,000,000 events"))
    assert "no disk for 10,000,000 events" in large.what
    assert large.outcome == "not measured"


def test_the_instructions_of_a_booking_are_those_of_all_processes() -> None:
    parts = {"instructions": 280_000.0, "facts": 200_000.0}
    raws = {
        "ledgers": {"rounds": [], "instructions": {"the only ledger": 400_000.0}},
        "database": {"rounds": [{"book, 64 in a block": parts}]},
    }
    row = rows_by_target(raws)["a booking: instructions in all processes, without HTTP"]
    assert row[1:] == ("880,000", "880,000-880,000", "≤ 900,000", "reached")


def test_a_snapshot_is_compared_with_a_ledger_without_one() -> None:
    phases = [("before", 50, 100), ("while", 40, 100), ("after", 25, 50)]
    slices = [
        {"phase": phase, "read": {"per_second": read}, "other": {"per_second": other}}
        for phase, read, other in phases
    ]
    found = rows_by_target({"snapshot": {"settings": {}, "checks": [HOLDS], "rounds": slices}})
    assert found["book under an analyst's long snapshot: pace of before"].measured == "0.80"
    assert found["book after it: pace of before"].measured == "1.00"


def test_a_failed_check_fails_the_benchmark_and_a_missed_target_does_not(tmp_path: Path) -> None:
    raws = over_http(booked(1))
    raws["http"]["settings"] = report.settings({})
    assert report.finish(raws, [], tmp_path) == 0
    written = (tmp_path / "report.md").read_text()
    assert "| missed |" in written
    assert "| not measured |" in written
    refused = http.all_accepted([Pace(100.0, 1.0, 2.0, 3.0, refused=1)])
    raws["http"]["checks"] = [HOLDS, report.write({"check": refused}, tmp_path / "check.json")["check"]]
    assert report.finish(raws, [], tmp_path) == 1
    assert "DOES NOT HOLD" in (tmp_path / "report.md").read_text()
    assert report.finish({}, [], tmp_path) == 1


def test_stolen_processor_time_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for stolen, warned in ((2, False), (30, True)):
        ticks = iter([(1000.0, 50.0), (1100.0, 50.0 + stolen)])
        monkeypatch.setattr(report, "_ticks", lambda ticks=ticks: next(ticks))
        found = {**over_http(booked(60))["http"], "settings": report.settings({})}
        assert report.conclude(found, lambda _: [], tmp_path / "http.json") == 0
        assert report.finish(report.read(tmp_path, ["http"]), [], tmp_path) == 0
        warning = f"http: the host gave {stolen}% of the processor time to other machines"
        assert (warning in capsys.readouterr().out, warning in (tmp_path / "report.md").read_text()) == (
            warned,
        ) * 2


@pytest.mark.parametrize("problem", [NoLoadGenerator("install wrk"), RuntimeError("pgbench failed")])
def test_a_failed_part_is_named_and_the_others_are_reported(
    problem: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(flags: list[str]) -> int:
        raw = {**over_http(booked(60))["http"], "settings": report.settings({})}
        return report.conclude(raw, lambda _: [], Path(flags[1]))

    def fail(flags: list[str]) -> int:
        raise problem

    parts = {"writer": fail, "http": measure}
    monkeypatch.setattr(
        main,
        "PARTS",
        {name: SimpleNamespace(main=part, tables=lambda _: []) for name, part in parts.items()},
    )
    assert main.run(smoke=False, out=tmp_path, only=None, sizes=None) == 1
    output = capsys.readouterr().out
    assert f"{type(problem).__name__}: {problem}" in output
    assert "0.60-0.60" in output
    # A part measured alone is reported with the earlier results of the others.
    parts["writer"] = main.PARTS["writer"].main = measure
    assert main.run(smoke=False, out=tmp_path, only=["writer"], sizes=None) == 0
    assert main.run(smoke=False, out=tmp_path, only=[], sizes=None) == 0
    with pytest.raises(main.UnknownPart, match="no part http2"):
        main.run(smoke=False, out=tmp_path, only=["http2"], sizes=None)
