"""Seeds: many that hold, one that repeats exactly, and one that fails and can be repeated."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import trials.simulation.main
from tests.repetitions import times
from tests.trials.simulation.controls import expires_without_looking_again
from trials.simulation.main import reports, run
from trials.simulation.program import Parts
from trials.simulation.run import Report, simulate

SEEDS = times(100, 1000)

_PRINT_TRACES = """
from trials.simulation.run import simulate
for seed in range(5, 9):
    report = simulate(seed, whole_trace=True)
    print(report.calls, report.events, report.steps, *report.trace, sep="\\n")
"""


def test_every_rule_holds_in_many_worlds() -> None:
    seen = list(reports(range(1, SEEDS + 1)))
    assert [report.problem for report in seen if report.problem] == []
    assert len({report.steps for report in seen}) > SEEDS / 2
    assert min(report.calls for report in seen) >= 30


@pytest.mark.parametrize("first", ["1", "2"])
def test_the_same_seed_goes_the_same_way_in_another_process(first: str, checkout: Path) -> None:
    """Sets of strings come in another order there."""
    traces = [
        subprocess.run(
            [sys.executable, "-P", "-c", _PRINT_TRACES],
            cwd=checkout,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(checkout)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        for hash_seed in (first, "77")
    ]
    assert traces[0] == traces[1]
    assert traces[0].count("\n") > 1000


def test_a_failed_seed_shows_its_last_steps_and_how_to_repeat_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = expires_without_looking_again(monkeypatch)
    failed = next(report for report in (simulate(seed, parts) for seed in range(1, 20)) if report.problem)
    assert simulate(failed.seed, parts) == failed
    monkeypatch.setattr(trials.simulation.main, "reports", lambda seeds: iter([failed]))
    assert run(1, failed.seed, json=False) == 1
    captured = capsys.readouterr()
    assert f"seed {failed.seed}: Violation: " in captured.err
    assert f"python3 run.py simulate --seeds 1 --seed {failed.seed}" in captured.err
    assert "expire" in captured.err
    assert len(failed.trace) == 40
    assert re.search(r"1 seeds failed: \d+", captured.out)


def test_a_failing_seed_ends_with_1_and_a_clean_one_with_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clean = simulate(1, Parts())
    assert isinstance(clean, Report)
    monkeypatch.setattr(trials.simulation.main, "reports", lambda seeds: iter([clean]))
    assert run(1, 1, json=True) == 0
    assert '"failed": []' in capsys.readouterr().out
