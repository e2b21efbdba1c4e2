"""The checks of the simulation against the controls."""

import re
from pathlib import Path

import pytest

from tests.trials.simulation.controls import CONTROLS, Control
from trials.simulation.run import simulate


@pytest.mark.parametrize(
    ("control", "seeds"), CONTROLS.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_a_broken_ledger_is_caught(control: Control, seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = control(monkeypatch)
    caught = next((seed for seed in range(1, seeds + 1) if simulate(seed, parts).problem), None)
    assert caught is not None, f"{control.__name__}: nothing was seen in {seeds} seeds"


def test_the_documentation_lists_every_control(checkout: Path) -> None:
    page = (checkout / "docs" / "explanation" / "simulation.md").read_text()
    table = page.partition("| broken | seeds |")[2]
    table, _, _ = table.partition("##")
    told = [int(seeds) for seeds in re.findall(r"\| (\d+) \|$", table, re.MULTILINE)]
    assert len(told) == len(CONTROLS)
    assert all(seeds <= limit for seeds, limit in zip(told, CONTROLS.values(), strict=True))
