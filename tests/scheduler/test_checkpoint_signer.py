"""The checkpoint signer signs when due, publishes all checkpoints, and logs each failure once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.readiness import check_readiness
from audit.proofs.checkpoint_file import read_checkpoints
from audit.proofs.keys import signing_key
from ledger.ledger import Ledger
from scheduler import checkpoint_signer
from scheduler.checkpoint_signer import CheckpointSigner
from tests.audit.proofs.test_sinks import Board, board
from tests.audit.verify.test_forged_chains import RELINK
from tests.scheduler.airline import Airline
from tests.scheduler.test_sweeper import told

__all__ = ["board", "told"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def signer_of(ledger: Ledger, tmp_path: Path, sink: str | None, **settings: Any) -> CheckpointSigner:
    settings = {"checkpoint_seconds": 0, "data": tmp_path / "data"} | settings
    ledger.settings = replace(ledger.settings, checkpoints=sink, **settings)
    return CheckpointSigner(ledger, signing_key(ledger.settings) if sink else None)


def positions(file: Path) -> list[int]:
    return [checkpoint.position for checkpoint in read_checkpoints(file)] if file.exists() else []


async def failing(ledger: Ledger) -> list[str]:
    return [check.detail for check in (await check_readiness(ledger)).checks if not check.ok]


async def test_a_log_that_grew_is_signed_and_one_that_did_not_is_not(
    ledger: Ledger, airline: Airline, tmp_path: Path, file: Path
) -> None:
    signer = signer_of(ledger, tmp_path, str(file))
    await signer.run()
    assert positions(file) == []
    await airline.flight()
    await signer.run()
    await signer.run()
    assert positions(file) == [1]
    assert (
        "last at position 1"
        in {c.name: c.detail for c in (await check_readiness(ledger)).checks}["checkpoints"]
    )


async def test_it_is_due_after_so_many_events_or_so_long(
    ledger: Ledger, airline: Airline, tmp_path: Path, file: Path, tamper: Any
) -> None:
    signer = signer_of(ledger, tmp_path, str(file), checkpoint_seconds=300, checkpoint_events=2)
    await airline.flight()
    await signer.run()
    await airline.flight()
    await signer.run()
    assert positions(file) == [1]
    await airline.flight()
    await signer.run()
    assert positions(file) == [1, 3]


async def test_without_a_sink_nothing_is_signed_and_no_key_is_made(
    ledger: Ledger, airline: Airline, tmp_path: Path, rows: Any
) -> None:
    await airline.flight()
    await signer_of(ledger, tmp_path, None).run()
    assert rows("select count(*) from ledger.checkpoints") == [(0,)]
    assert not (tmp_path / "data").exists()


async def test_an_unreachable_sink_is_logged_once_and_gets_all_checkpoints_later(
    ledger: Ledger,
    airline: Airline,
    tmp_path: Path,
    board: Board,
    told: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoint_signer, "REST_SECONDS", 0)
    monkeypatch.setattr(checkpoint_signer, "REST_SECONDS_MAX", 0)
    signer = signer_of(ledger, tmp_path, board.url)
    board.close()
    for _ in range(3):
        await airline.flight()
        await signer.run()
    assert told().count("checkpoints.not_taken") == 1
    assert await failing(ledger) == []
    board.open()
    await signer.run()
    await signer.run()
    assert board.positions == [1, 2, 3]
    assert told().count("checkpoints.taken_again") == 1


async def test_a_board_that_is_away_is_asked_less_and_less_often(
    ledger: Ledger, airline: Airline, tmp_path: Path, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = signer_of(ledger, tmp_path, board.url)
    board.handler.status = 500
    now, asked = 1000.0, 0
    monkeypatch.setattr(checkpoint_signer.time, "monotonic", lambda: now)
    publish = checkpoint_signer.publish

    async def counted(*arguments: Any) -> int:
        nonlocal asked
        asked += 1
        return await publish(*arguments)

    monkeypatch.setattr(checkpoint_signer, "publish", counted)
    await airline.flight()
    while now < 1300:
        await signer.run()
        now += 5
    assert asked == 8  # after 5, 10, 20, 40 and then every 60 seconds


async def test_an_unwritable_file_is_logged_once(
    ledger: Ledger, airline: Airline, tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    signer = signer_of(ledger, tmp_path, str(tmp_path / "no" / "folder"))
    for _ in range(3):
        await airline.flight()
        await signer.run()
    assert told().count("checkpoints.not_taken") == 1


TAMPERED = [
    ("delete from ledger.events where position = 3", "the log ends at position 2, but a checkpoint saw"),
    ("update ledger.events set actor = 'm' where position = 1;" + RELINK, "up to position 3 is not what"),
]


@pytest.mark.parametrize(("statements", "reason"), TAMPERED)
@pytest.mark.parametrize("forget", ["", "delete from ledger.checkpoints;"])
async def test_another_log_is_not_signed_and_makes_the_program_unready(
    ledger: Ledger,
    airline: Airline,
    tmp_path: Path,
    file: Path,
    tamper: Any,
    told: Callable[[], list[str]],
    statements: str,
    reason: str,
    forget: str,
) -> None:
    for _ in range(3):
        await airline.flight()
    signer = signer_of(ledger, tmp_path, str(file))
    await signer.run()
    tamper("create table kept as table ledger.events;" + forget + statements)
    await signer.run()
    await signer.run()
    await CheckpointSigner(ledger, signing_key(ledger.settings)).run()
    assert positions(file) == [3]
    (detail,) = await failing(ledger)
    assert reason in detail
    assert told().count("checkpoints.refused") == 2  # once by each of the two
    # A corrected file is accepted again.
    tamper("delete from ledger.events; insert into ledger.events select * from kept;")
    await signer.run()
    assert await failing(ledger) == []
    assert "checkpoints.fit_again" in told()
    await airline.flight()
    await signer.run()
    assert positions(file) == [3, 4]


@pytest.mark.parametrize(("statements", "reason"), TAMPERED)
async def test_readiness_sees_by_itself_that_the_log_is_another(
    ledger: Ledger, airline: Airline, tmp_path: Path, file: Path, tamper: Any, statements: str, reason: str
) -> None:
    for _ in range(3):
        await airline.flight()
    await signer_of(ledger, tmp_path, str(file)).run()
    tamper(statements)
    (detail,) = await failing(ledger)
    assert reason in detail


def spoil(file: Path) -> None:
    file.write_text(file.read_text().replace('"position":1', '"position":0'))


async def test_a_changed_file_is_not_written_to(
    ledger: Ledger, airline: Airline, tmp_path: Path, file: Path, told: Callable[[], list[str]]
) -> None:
    signer = signer_of(ledger, tmp_path, str(file))
    await airline.flight()
    await signer.run()
    spoil(file)
    await airline.flight()
    await signer.run()
    assert "checkpoints.refused" in told()
    assert len(await failing(ledger)) == 1


async def test_two_schedulers_write_each_checkpoint_once(
    ledger: Ledger, airline: Airline, tmp_path: Path, file: Path
) -> None:
    one, other = signer_of(ledger, tmp_path, str(file)), signer_of(ledger, tmp_path, str(file))
    for _ in range(3):
        await airline.flight()
        await one.run()
        await other.run()
    assert positions(file) == [1, 2, 3]
