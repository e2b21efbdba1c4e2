"""One PostgreSQL server for the whole run, and a new migrated database for each test that needs one."""

import gc
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from analytics.schema import migrate
from database.embedded import remove_database, running_database
from tests.memory import make_database_folder

pytest_plugins = ["tests.desk"]

# Registered before the first import, because several folders of tests share these modules.
pytest.register_assert_rewrite(
    *(f"tests.contract.{name}" for name in ("client", "people", "program", "samples", "wire")),
    *(f"tests.attacks.{name}" for name in ("every_call", "forgeries", "mutations")),
)

# A slow example on a busy machine is not a failure.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

LONGEST = (
    "tests/attacks/test_document.py",
    "tests/trials/torture/test_torture.py",
    "tests/cli/demo/test_demo.py",
    "tests/trials/bench/test_bench.py",
    "tests/trials/simulation/test_seeds.py",
    "tests/audit/self_audit/test_corruption.py",
    "tests/contract/test_survival.py",
    "tests/trials/drills/",
)
"""Files and folders with tests of ten seconds and more, the longest first."""

TEMPLATE = "migrated"
_numbers = itertools.count(1)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect without a search for garbage: modules and tests live to the end, and are not searched later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each worker some of the longest tests first, so that none runs alone at the end.

    A worker begins with a part of the list, as long as that of each other one, and takes from others later.
    """
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    ranks = {item: _rank(item) for item in items}
    longest = sorted((item for item in items if ranks[item] < len(LONGEST)), key=ranks.__getitem__)
    others = [item for item in items if ranks[item] == len(LONGEST)]
    size = -(-len(others) // workers)
    items[:] = [
        item
        for worker in range(workers)
        for item in [*longest[worker::workers], *others[worker * size : (worker + 1) * size]]
    ]


def _rank(item: pytest.Item) -> int:
    """Return the place of the test's file in LONGEST; its length for other files."""
    return next((n for n, path in enumerate(LONGEST) if item.nodeid.startswith(path)), len(LONGEST))


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_open() -> Iterator[None]:
    """Collect garbage after each module: what a test left open then fails a test of the same module."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A superuser's connection string of a server that only this test run uses."""
    folder = make_database_folder("seatledger-tests-")
    try:
        with running_database(None, folder) as url:
            yield url
        remove_database(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(server_url: str) -> Iterator[psycopg.Connection]:
    """A superuser's connection that creates and drops the databases of all tests."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def template(server: psycopg.Connection, server_url: str) -> str:
    server.execute(sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
    migrate(make_conninfo(server_url, dbname=TEMPLATE))
    return TEMPLATE


@pytest.fixture
def empty_database_url(server: psycopg.Connection, server_url: str) -> Iterator[str]:
    """A fresh database without a schema."""
    yield from _database(server, server_url, "template1")


@pytest.fixture
def database_url(server: psycopg.Connection, server_url: str, template: str) -> Iterator[str]:
    """A fresh database with the newest schema."""
    yield from _database(server, server_url, template)


def _database(server: psycopg.Connection, server_url: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    server.execute(
        sql.SQL("create database {} template {} strategy file_copy").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )
    yield make_conninfo(server_url, dbname=name)
    server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def rows(database_url: str) -> Iterator[Callable[..., list[Any]]]:
    """Return a function that runs a statement as superuser and returns its rows."""
    # Each call ends with a session as new, and so without prepared statements.
    with psycopg.connect(database_url, autocommit=True, prepare_threshold=None) as connection:

        def ask(statement: str, *parameters: Any) -> list[Any]:
            try:
                cursor = connection.execute(statement, parameters or None)  # type: ignore[arg-type]
                return cursor.fetchall() if cursor.description else []
            finally:
                connection.execute("discard all")

        yield ask


@pytest.fixture
def end_sessions(rows: Callable[..., list[Any]]) -> Callable[[str], None]:
    """Return a function that ends the sessions of this name in the test's database."""

    def end(name: str) -> None:
        rows(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where application_name = %s and datname = current_database()",
            name,
        )

    return end


@pytest.fixture
def tamper(rows: Callable[..., list[Any]]) -> Callable[[str], list[Any]]:
    """Return a function that runs statements as superuser with triggers disabled."""
    return lambda statements: rows(f"set session_replication_role = replica; {statements}")


@pytest.fixture(scope="session")
def checkout() -> Path:
    return Path(__file__).resolve().parents[1]
