"""A log that lacks what a checkpoint saw takes no command, and the start of the program says so."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import cli.up
from api.readiness import check_readiness
from audit.proofs.checkpoint_file import append_checkpoints
from audit.proofs.not_proved import NotProved
from audit.proofs.witnesses import LogDiverged, admission, require_fit
from cli.main import main
from database.connection import connect_as_owner
from ledger.ledger import open_ledger
from ledger.submission import Unavailable
from runtime.settings import Settings
from tests.audit.verify.test_forged_chains import RELINK
from tests.desk import Desk
from trials.programs.ports import free_port

OLDER = """
    delete from ledger.checkpoints where position > {0}; delete from ledger.events where position > {0};
    delete from ledger.commands where last_position > {0}
"""
"""Makes the database what it was at a position, its checkpoints included, like a restored backup."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints.jsonl"


@pytest.fixture
async def saved(desk: Desk, log: list[UUID], sign: Any, file: Path) -> Path:
    """A file with checkpoints at positions 8 and 9."""
    append_checkpoints(file, [await sign()])
    await desk.hold(log[0], "erin")
    append_checkpoints(file, [await sign()])
    return file


@pytest.fixture
def start(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str, Path | str], str]:
    """Return a function that fails to start a part of the program, and returns its one line."""

    def start_anyway(*_: Any) -> None:
        raise AssertionError("the part has started")

    def run(part: str, sink: Path | str) -> str:
        for starting in ("cli.up._Parts.run", "api.serve.serve", "scheduler.main.run_forever"):
            monkeypatch.setattr(starting, start_anyway)
        monkeypatch.setattr(cli.up, "on_stop_signal", lambda handler: None)  # for the main thread only
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("SEATLEDGER_CHECKPOINTS", str(sink))
        monkeypatch.setenv("SEATLEDGER_PORT", str(free_port()))
        assert main([part, "--data", str(tmp_path)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return run


def spoil(file: Path) -> None:
    file.write_text("a letter to a friend\n")


async def compare(url: str, sink: Path | str | None) -> None:
    async with await connect_as_owner(url, "test") as connection:
        await require_fit(connection, sink and str(sink))


@pytest.mark.parametrize("part", ["up", "api", "scheduler"])
async def test_an_older_copy_of_the_log_is_not_opened(
    part: str, saved: Path, start: Any, tamper: Any
) -> None:
    tamper(OLDER.format(5))
    line = await asyncio.to_thread(start, part, saved)
    assert f"the log ends at position 5, but a checkpoint saw position 8 (in {saved})" in line
    assert "SEATLEDGER_CHECKPOINTS" in line


async def test_a_new_file_opens_an_older_copy_on_purpose(
    database_url: str, saved: Path, tmp_path: Path, tamper: Any
) -> None:
    tamper(OLDER.format(5))
    for sink in (tmp_path / "new.jsonl", None, "https://192.0.2.1/checkpoints"):
        await compare(database_url, sink)


async def test_a_copy_that_grew_past_the_saved_position_is_still_another_log(
    database_url: str, desk: Desk, log: list[UUID], saved: Path, sign: Any, tamper: Any
) -> None:
    tamper(OLDER.format(8))
    await desk.hold(log[0], "not erin")
    await desk.hold(log[0], "nor her")
    # The last checkpoint in the file fits; the one before does not.
    append_checkpoints(saved, [await sign()])
    with pytest.raises(LogDiverged, match=r"up to position 9 is not what a checkpoint saw"):
        await compare(database_url, saved)


async def test_the_checkpoints_in_the_database_count_too(
    database_url: str, log: list[UUID], sign: Any, tamper: Any
) -> None:
    await sign()
    tamper(f"update ledger.events set correlation_id = 'x' where position = 3; {RELINK}")
    with pytest.raises(LogDiverged, match=r"up to position 8 is not what a checkpoint saw .in the database"):
        await compare(database_url, None)


async def test_a_process_accepts_no_command_into_an_older_copy_and_is_not_ready(
    database_url: str, log: list[UUID], saved: Path, tamper: Any
) -> None:
    tamper(OLDER.format(5))
    settings = Settings(checkpoints=str(saved), deadline_seconds=0.5)
    async with open_ledger(database_url, settings, admission(settings.checkpoints)) as ledger:
        (failed,) = [check for check in (await check_readiness(ledger)).checks if not check.ok]
        assert (failed.name, failed.vital) == ("checkpoints", True)
        assert "the log ends at position 5" in failed.detail
        with pytest.raises(Unavailable):
            await Desk(ledger).hold(log[0], "frank")
    settings = Settings(checkpoints=str(saved.with_name("new")))
    async with open_ledger(database_url, settings, admission(settings.checkpoints)) as ledger:
        assert (await check_readiness(ledger)).ok
        assert await Desk(ledger).schedule("BA118")


async def test_a_file_with_something_else_stops_the_start(database_url: str, file: Path) -> None:
    spoil(file)
    with pytest.raises(NotProved, match="not every line is a checkpoint"):
        await compare(database_url, file)


async def test_an_unreadable_file_later_stops_no_bookings(
    database_url: str, desk: Desk, log: list[UUID], saved: Path
) -> None:
    spoil(saved)
    settings = Settings(checkpoints=str(saved))
    async with open_ledger(database_url, settings, admission(settings.checkpoints)) as ledger:
        assert (await Desk(ledger).hold(log[0], "frank")).status == 200
