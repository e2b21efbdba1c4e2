"""A backup made under load and restored to a moment."""

import asyncio

import pytest

from tests.programs import needs, program_path
from trials.drills.backup import back_up_and_restore
from trials.programs.postgres import NoPrograms, drill_ground


@needs("cp", "mv")
def test_a_restored_log_is_an_exact_prefix_with_all_that_was_acknowledged_by_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The server's shell runs the archive command of the documents.
    monkeypatch.setenv("PATH", program_path())
    try:
        with drill_ground() as ground:
            restored = asyncio.run(back_up_and_restore(ground))
    except NoPrograms as missing:
        pytest.skip(str(missing))
    assert restored.ok, restored
    assert restored.acknowledged_before > 50
    assert 0 < restored.restored_events < restored.events
    assert restored.keys_lost_after > 0
