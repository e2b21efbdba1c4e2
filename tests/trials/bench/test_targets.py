"""Verdicts and exit codes, from raw numbers made up for them."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from trials.bench import http, main, report
from trials.bench.grown import those_that_fit
from trials.bench.load_generator import NoLoadGenerator
from trials.bench.targets import FOLDED, TARGETS, Verdict, verdicts
from trials.bench.wrk import Load

HOLDS = {"what": "verify", "ok": True, "told": ""}


def told(raws: dict[str, Any]) -> dict[str, Verdict]:
    found = verdicts(raws)
    assert [verdict.what.partition(" (")[0] for verdict in found] == [target.what for target in TARGETS]
    return {verdict.what: verdict for verdict in found}


def over_http(*rounds: dict[str, tuple[float, float, float]]) -> dict[str, Any]:
    """Pace, p50 and p99 by case, at 64 connections."""
    names = ("accepted_per_second", "p50_ms", "p99_ms")
    made = [
        {"64": {case: dict(zip(names, load, strict=True)) for case, load in one.items()}} for one in rounds
    ]
    return {"http": {"settings": {}, "checks": [HOLDS], "rounds": made}}


def booked(pace: float, p99: float = 3.9) -> dict[str, tuple[float, float, float]]:
    return {"book, no-op": (100.0, 1.0, 2.0), "book, many flights": (pace, 1.0, p99)}


def test_the_median_of_the_ratios_of_all_rounds_counts() -> None:
    found = told(over_http(booked(20), booked(56), booked(70)))
    book = found["book: pace of the no-op POST, 64 connections"]
    assert book[1:] == ("0.56", "0.20-0.70", "≥ 0.55", "reached")
    assert told(over_http(booked(20), booked(54), booked(70)))[book.what].outcome == "missed"


def test_what_is_to_stay_small_is_missed_when_it_is_large() -> None:
    tail = "book: p99 in p50, 64 connections"
    assert told(over_http(booked(50, p99=3.9)))[tail][1:] == ("3.90", "3.90-3.90", "≤ 4.00", "reached")
    assert told(over_http(booked(50, p99=4.1)))[tail].outcome == "missed"


def test_what_was_not_measured_is_told_so() -> None:
    assert {verdict.outcome for verdict in told({}).values()} == {"not measured"}
    found = told(over_http(booked(60)))
    for what in ("book: pace of the no-op POST, 256 connections", "verify: events a second"):
        assert (found[what].measured, found[what].outcome) == ("not measured", "not measured")


def grown(cost: float, sizes: tuple[str, str]) -> dict[str, Any]:
    small, large = sizes
    one = {small: {"create": 1.0, "history": 1.0}, large: {"create": 1.0, "history": cost}}
    one[small][FOLDED], one[large][FOLDED] = 1.0, 2.0
    return {"growth": {"settings": {}, "checks": [HOLDS], "rounds": [one]}}


def test_what_grows_most_is_judged_and_named() -> None:
    sizes = ("11373", "10004321")
    found = told(grown(1.2, sizes))
    worst = found["10,000,000 events: cost in that at the smallest size (history)"]
    assert worst[1:] == ("1.20", "1.20-1.20", "≤ 1.15", "missed")
    assert found["1,000,000 events: cost in that at the smallest size"].measured == "not measured"
    assert told(grown(1.1, sizes))[worst.what].outcome == "reached"
    assert found[f"10,000,000 events: what folds a flight's past ({FOLDED})"].measured == "2.00"


def test_a_size_that_there_is_no_disk_for_is_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10 * 10**9))
    fit, left_out = those_that_fit([10_000_000, 10_000, 1_000_000])
    assert fit == [10_000, 1_000_000]
    raws = grown(1.0, ("11373", "1001234"))
    raws["growth"]["settings"] = {"left_out": left_out}
    large, *_ = (verdict for what, verdict in told(raws).items() if what.startswith("10,000,000 events"))
    assert "no disk for 10,000,000 events" in large.what
    assert large.outcome == "not measured"


def test_a_snapshot_is_judged_beside_a_ledger_that_nobody_reads() -> None:
    phases = [("before", 50, 100), ("while", 40, 100), ("after", 25, 50)]
    slices = [
        {"phase": phase, "read": {"per_second": read}, "other": {"per_second": other}}
        for phase, read, other in phases
    ]
    found = told({"snapshot": {"settings": {}, "checks": [HOLDS], "rounds": slices}})
    assert found["book under an analyst's long snapshot: pace of before"].measured == "0.80"
    assert found["book after it: pace of before"].measured == "1.00"


def test_missed_targets_fail_nothing_but_a_check_that_does_not_hold_does(tmp_path: Path) -> None:
    raws = over_http(booked(1))
    raws["http"]["settings"] = report.settings({})
    assert report.finish(raws, [], tmp_path) == 0
    written = (tmp_path / "report.md").read_text()
    assert "| missed |" in written
    assert "| not measured |" in written
    refused = http.all_accepted([Load(100.0, 1, 0, 1.0, 2.0, 3.0)])
    raws["http"]["checks"] = [HOLDS, report.write({"check": refused}, tmp_path / "check.json")["check"]]
    assert report.finish(raws, [], tmp_path) == 1
    assert "DOES NOT HOLD" in (tmp_path / "report.md").read_text()
    assert report.finish({}, [], tmp_path) == 1


def test_processors_that_the_host_gave_to_others_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for taken, warned in ((2, False), (30, True)):
        ticks = iter([(1000.0, 50.0), (1100.0, 50.0 + taken)])
        monkeypatch.setattr(report, "_ticks", lambda ticks=ticks: next(ticks))
        found = {**over_http(booked(60))["http"], "settings": report.settings({})}
        assert report.conclude(found, lambda _: [], tmp_path / "http.json") == 0
        assert report.finish(report.read(tmp_path, ["http"]), [], tmp_path) == 0
        said = f"http: the machine's host gave {taken}% of the processors to others"
        assert (said in capsys.readouterr().out, said in (tmp_path / "report.md").read_text()) == (
            warned,
        ) * 2


@pytest.mark.parametrize("problem", [NoLoadGenerator("install wrk"), RuntimeError("pgbench failed")])
def test_a_part_that_fails_hides_no_other_and_is_named(
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
    shown = capsys.readouterr().out
    assert f"{type(problem).__name__}: {problem}" in shown
    assert "0.60-0.60" in shown
    # Measured again alone it is told together with what was measured before.
    parts["writer"] = main.PARTS["writer"].main = measure
    assert main.run(smoke=False, out=tmp_path, only=["writer"], sizes=None) == 0
    assert main.run(smoke=False, out=tmp_path, only=[], sizes=None) == 0
    with pytest.raises(main.NoSuchPart, match="no part http2"):
        main.run(smoke=False, out=tmp_path, only=["http2"], sizes=None)
