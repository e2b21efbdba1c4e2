"""The API lives without its database, says so, and opens by itself when the database comes."""

import asyncio
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest
from loguru import logger

import audit.proofs.witnesses
import ledger.opening
from analytics.schema import prepare
from api.app import create_app
from audit.proofs.checkpoint_file import Stated
from audit.proofs.witnesses import COMPARED, comparison
from ledger.opening import open_when_reachable
from runtime.settings import Settings, WrongSetting
from tests.api.conftest import BA117, SECRET, client, running, token
from tests.waiting import await_until

SETTINGS = Settings(jwt_secret=SECRET, deadline_seconds=0.5, master_key=bytes(32))


class LateDatabase:
    """Prepares the database once `error` is None, and raises the error before."""

    def __init__(self, url: str, error: Exception | None) -> None:
        self.error = error
        self._prepare = partial(prepare, url, SETTINGS)

    def __call__(self) -> None:
        if self.error is not None:
            raise self.error
        self._prepare()


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger.opening, "RETRY_SECONDS", 0.02)


def refused(reason: str) -> psycopg.OperationalError:
    return psycopg.OperationalError(f'connection to server at "db.internal" failed: FATAL:  {reason}')


async def test_without_a_database_the_api_lives_and_it_opens_and_migrates_when_the_database_comes(
    empty_database_url: str,
) -> None:
    database = LateDatabase(empty_database_url, psycopg.OperationalError("Connection refused"))
    app = create_app(SETTINGS, lambda: open_when_reachable(empty_database_url, SETTINGS, database))
    async with running(app):
        operator = client(app, token("olga", "operator"))
        assert (await operator.get("/health/live")).status_code == 200
        ready = await operator.get("/health/ready")
        assert (ready.status_code, ready.json()["detail"]) == (503, "database: does not answer")
        for answer in (
            await operator.post("/api/v1/flights", json=BA117),
            await operator.get("/api/v1/flights"),
            await operator.get("/api/v1/info"),
            await operator.get("/metrics"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        database.error = None
        await await_until(lambda: is_ready(operator))
        assert (await operator.post("/api/v1/flights", json=BA117)).status_code == 201


async def test_a_command_that_waits_is_executed_if_the_database_comes_in_time(
    empty_database_url: str,
) -> None:
    patient = Settings(jwt_secret=SECRET, deadline_seconds=20, master_key=bytes(32))
    database = LateDatabase(empty_database_url, psycopg.OperationalError("Connection refused"))

    def answers_now() -> None:
        database.error = None

    app = create_app(patient, lambda: open_when_reachable(empty_database_url, patient, database))
    async with running(app):
        asyncio.get_running_loop().call_later(0.1, answers_now)
        answer = await client(app, token("olga", "operator")).post("/api/v1/flights", json=BA117)
        assert answer.status_code == 201


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (refused("the database system is starting up"), "is starting up"),
        (refused('database "orders" does not exist'), "does not exist yet"),
        (refused('password authentication failed for user "app"'), "refuses the login"),
        (WrongSetting("SEATLEDGER_MASTER_KEY: another"), "SEATLEDGER_MASTER_KEY: another"),
        (AssertionError(), "is not ready for this program: AssertionError"),
    ],
)
async def test_readiness_names_the_reason_without_names_of_the_installation(
    database_url: str, error: Exception, detail: str
) -> None:
    database = LateDatabase(database_url, error)
    app = create_app(SETTINGS, lambda: open_when_reachable(database_url, SETTINGS, database))
    async with running(app):
        ready = await client(app, token("olga", "operator")).get("/health/ready")
    assert (ready.status_code, ready.json()["detail"]) == (503, f"database: {detail}")


async def test_each_reason_is_logged_once(database_url: str) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message} {extra}")
    attempts = iter([OSError("no route"), OSError("no route"), OSError("no route"), TimeoutError(), None])

    def fail_at_first() -> None:
        if error := next(attempts):
            raise error

    unkeyed = Settings()
    try:
        async with open_when_reachable(database_url, unkeyed, fail_at_first) as opened:
            await await_until(lambda: opened.obstacle is None)
    finally:
        logger.remove(sink)
    events = [line.split()[0] for line in lines if line.startswith("database.")]
    assert events == ["database.awaited", "database.awaited", "database.back"]


async def test_a_late_database_with_an_older_log_takes_no_command(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(COMPARED, raising=False)
    file = tmp_path / "checkpoints.jsonl"
    monkeypatch.setattr(audit.proofs.witnesses, "read_stated", lambda file: [Stated(5, "ab" * 32)])
    opening = partial(open_when_reachable, database_url, SETTINGS, lambda: None, comparison(str(file)), None)
    app = create_app(SETTINGS, opening)
    async with running(app):
        operator = client(app, token("olga", "operator"))
        detail = (await operator.get("/health/ready")).json()["detail"]
        assert "the log ends at position 0, but a checkpoint saw position 5" in detail
        assert (await operator.post("/api/v1/flights", json=BA117)).status_code == 503


async def is_ready(caller: httpx.AsyncClient) -> bool:
    return (await caller.get("/health/ready")).status_code == 200
