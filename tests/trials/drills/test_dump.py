"""A dump restored into a new server, which has none of the roles."""

import asyncio

import pytest

from trials.drills.dump import dump_and_restore
from trials.programs.postgres import NoPrograms, drill_ground


def test_a_dump_restored_without_roles_is_mended_by_migrating_and_sells() -> None:
    try:
        with drill_ground() as ground:
            dumped = asyncio.run(dump_and_restore(ground))
    except NoPrograms as missing:
        pytest.skip(str(missing))
    assert dumped.ok, dumped
