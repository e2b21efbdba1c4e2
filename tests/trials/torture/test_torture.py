"""The program under torture for half a minute; and, so that this proves something, one that must fail.

`python3 run.py torture --minutes 30 --seed S` is the long form,
`python -m trials.torture.controls` every control.
"""

import json

import pytest

from trials.torture.broken import BREAKS
from trials.torture.controls import CONTROLS, catch
from trials.torture.torture import torture


def test_nothing_gives_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert torture(minutes=0.4, seed=20, json=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["violations"] == []
    assert report["seed"] == 20
    assert sum(report["broken"].values()) >= 6
    assert report["checked"]["unknown outcomes"] > 0
    assert report["checked"]["accepted"] > 100


async def test_a_program_that_forgets_its_refusals_is_caught() -> None:
    caught = await catch("refusals-forgotten")
    assert caught.sentence


def test_every_break_has_its_control() -> None:
    assert BREAKS.keys() == CONTROLS.keys()
