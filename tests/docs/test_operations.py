"""docs/how-to/operations.md tells operators what the drills do: the same settings, and every measured row."""

import re
import subprocess
from pathlib import Path

import pytest

from database.embedded.binaries import find_binaries
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


def test_the_programs_of_the_embedded_server_are_where_the_page_says(operations: str, checkout: Path) -> None:
    (place,) = re.findall(r"bin=\$\(echo (\S+)\)", operations)
    (folder,) = checkout.glob(place)
    assert folder == find_binaries()
    told = subprocess.run([folder / "pg_basebackup", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("pg_basebackup (PostgreSQL) 18.")
