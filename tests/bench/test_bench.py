"""What measures speed works: every case runs, nothing is refused, the ledgers verify. No time is judged."""

import json
import shutil
from pathlib import Path

import pytest

from bench import http
from bench.targets import TARGETS, verdicts
from bench.wrk import Load


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_the_bench_runs(tmp_path: Path) -> None:
    out = tmp_path / "http.json"
    assert http.main(["--smoke", "--out", str(out)]) == 0
    results = json.loads(out.read_text())
    ((connections, loads),) = results["rounds"][0].items()
    assert connections == "16"
    assert all(load["accepted_per_second"] > 0 for load in [*loads.values(), results["open_loop"]])
    assert results["verify"]["ok"]


def test_a_target_is_judged_by_the_median_of_its_rounds() -> None:
    cases = "book, no-op", "book, many flights", "book, one hot flight", "pay, no-op", "pay"
    reads = "read a booking, no-op", "read a booking", "read seats, no-op", "read seats"

    def round(pace: float) -> dict[int, dict[str, Load]]:
        loads = {case: Load(100.0, 0, 0, 1.0, 3.0, 9.0) for case in (*cases, *reads)}
        loads["book, many flights"] = Load(pace, 0, 0, 1.0, 4.5, 9.0)
        return {64: loads}

    found = {verdict.what: verdict for verdict in verdicts([round(20.0), round(56.0), round(70.0)])}
    book = found["book: pace of the no-op POST"]
    assert (book.share, book.met) == (0.56, True)
    assert not found["book: its p99 in its p50"].met
    assert len(found) == sum(target.connections == 64 for target in TARGETS)
