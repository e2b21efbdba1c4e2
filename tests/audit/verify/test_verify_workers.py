"""Verify finds the same with worker processes, and a dead worker never counts as success."""

import os
import signal
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

import audit.verify
from audit.verify import WorkerDied, verify
from cli.main import main

check_share = audit.verify._check_share


@pytest.fixture(autouse=True)
def cut_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of two events, so that each process has some of the eight."""
    monkeypatch.setattr(audit.verify, "EVENTS_AT_ONCE", 2)


async def test_processes_find_what_one_finds(log: list[UUID], tamper: Any, database_url: str) -> None:
    result = verify(database_url, workers=2)
    assert (result.ok, result.checked) == (True, 8)
    tamper("update ledger.flights set version = 7; update ledger.seats set held = held + 1")
    result = verify(database_url, workers=2)
    assert (result.ok, result.first_bad_position) == (False, 1)
    assert result == verify(database_url)


def dies_in_the_log(*share: Any) -> Iterator[Any]:
    for told, result in enumerate(check_share(*share)):
        if told == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        yield result


def dies_at_the_end(*share: Any) -> Iterator[Any]:
    """Die after all checks, before the seats of flights are sent."""
    for result in check_share(*share):
        if isinstance(result, audit.verify._End):
            os.kill(os.getpid(), signal.SIGKILL)
        yield result


@pytest.mark.parametrize("share", [dies_in_the_log, dies_at_the_end])
async def test_a_dead_worker_is_an_error_and_not_a_result(
    log: list[UUID], database_url: str, monkeypatch: pytest.MonkeyPatch, share: Any
) -> None:
    monkeypatch.setattr(audit.verify, "_check_share", share)
    with pytest.raises(WorkerDied, match="died"):
        verify(database_url, workers=2)


def test_a_verify_whose_worker_died_has_its_own_exit_code(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cut_short(*_: Any, **__: Any) -> None:
        raise WorkerDied("a process died")

    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr("cli.audit.check", cut_short)
    assert main(["verify", "--json"]) == 3
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "seatledger: a process died\n")


async def test_an_error_in_a_worker_is_raised(log: list[UUID], database_url: str, tamper: Any) -> None:
    tamper("update ledger.events set recorded_at = 'infinity' where position = 8")
    with pytest.raises(Exception, match=r"infinity|out of range"):
        verify(database_url, workers=2)
