"""The torture for half a minute, its gateway scenario for some seconds, and one control that must be caught.

`python3 run.py torture --minutes 30 --seed S` is the long form; `python -m trials.torture.controls` runs all
controls.
"""

import json
from pathlib import Path

import pytest

from trials.torture.broken import BREAKS
from trials.torture.controls import CONTROLS, catch
from trials.torture.scenario import play
from trials.torture.site import Setting
from trials.torture.torture import torture


def test_every_promise_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert torture(minutes=0.4, seed=20, json=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["violations"] == []
    assert report["seed"] == 20
    assert sum(report["broken"].values()) >= 6
    assert report["checked"]["unknown outcomes"] > 0
    assert report["checked"]["accepted"] > 100


async def test_the_books_of_the_gateway_agree(tmp_path: Path) -> None:
    result = await play(Setting.with_gateway(), "ci", 6, tmp_path)
    assert result.violations == []
    assert sum(result.broken.values()) >= 2
    assert result.checked["payments booked"] > 10
    assert result.checked["unknown outcomes"] > 0


async def test_a_program_that_does_not_record_its_refusals_is_caught() -> None:
    caught = await catch("refusals-forgotten")
    assert caught.sentence


def test_every_break_has_its_control() -> None:
    assert BREAKS.keys() == CONTROLS.keys()
