"""One fail-over under load, with the real program."""

import asyncio

import pytest

from trials.drills.failover import synchronous
from trials.programs.pair import Pair
from trials.programs.postgres import NoPrograms, drill_ground


def test_a_synchronous_standby_has_all_that_was_acknowledged() -> None:
    try:
        with drill_ground() as ground:
            result = asyncio.run(synchronous(ground, Pair(ground, synchronous=True), 1))
    except NoPrograms as missing:
        pytest.skip(str(missing))
    assert result.ok, result
    assert result.rounds[0].acknowledged > 50
    assert result.rounds[0].writes_after_seconds < 5
    assert result.rounds[0].reads_after_seconds < 5
