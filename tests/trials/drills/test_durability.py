"""Cancelled commit waits, with the real program and with one that ignores the warning."""

import asyncio

import pytest

from trials.drills.durability import ROWS
from trials.drills.fault_matrix import Cell, Row, failed_over_cancelling
from trials.programs.postgres import NoPrograms, drill_ground

SYNCHRONOUS = [row for row in ROWS if row.standby == "synchronous" and row.name.startswith("on")]


@pytest.mark.parametrize("row", SYNCHRONOUS, ids=lambda row: row.name)
def test_a_cancelled_wait_is_no_answer_and_a_program_that_ignores_the_warning_loses(row: Row) -> None:
    cell = _cancelled(row)
    assert cell.acknowledged > 50
    assert (cell.lost == 0) == row.safe
    assert row.safe != row.control


def _cancelled(row: Row) -> Cell:
    try:
        with drill_ground() as ground:
            return asyncio.run(failed_over_cancelling(ground, row))
    except NoPrograms as missing:
        pytest.skip(str(missing))
