"""docs/how-to/operations.md tells operators what the drills do: the same settings, and every measured row."""

from pathlib import Path

import pytest

from trials.drills.backup import archiving_to, recovering_to
from trials.drills.durability import ROWS
from trials.drills.fault_matrix import Row
from trials.programs.pair import SETTINGS


@pytest.fixture
def operations(checkout: Path) -> str:
    return (checkout / "docs" / "how-to" / "operations.md").read_text()


@pytest.mark.parametrize(
    "settings",
    [
        archiving_to(Path("/backup/archive")),
        recovering_to("2031-05-02 09:41:00+00", Path("/backup/archive")),
        SETTINGS,
    ],
    ids=["archive", "restore", "standby"],
)
def test_the_settings_are_those_of_the_drills(operations: str, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        assert f"{name} = '{value}'" in operations


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}, {row.standby}")
def test_every_measured_setting_is_in_the_table(operations: str, row: Row) -> None:
    assert f"| {row.name} | {row.standby} |" in operations.replace("`", "")
