"""The data folder and its files belong to their owner alone, whatever the umask is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import database.embedded
from gateways.simulator.store import connect
from runtime.data_folder import tighten
from runtime.secret_files import read_or_create


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.iterdir()}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_data_folder_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database.embedded, "wait_for_answer", lambda data, log: "")
    with database.embedded.running_database(None, tmp_path / "server"):
        pass
    read_or_create(tmp_path / "secrets" / "jwt-secret", lambda: "secret")
    assert modes(tmp_path) == {0o700}
    assert modes(tmp_path / "server") | modes(tmp_path / "secrets") == {0o600}


def test_the_simulators_store_is_private(tmp_path: Path) -> None:
    store = connect(tmp_path / "gateway.db")
    store.execute("create table made (number)")
    store.close()
    assert modes(tmp_path) == {0o600}


def test_an_open_data_folder_is_tightened_once_with_a_line(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o755)
    (data / "jwt-secret").touch()
    line = tighten(data)
    assert line
    assert f"{data} was open to other users; its mode is now 700" in line
    assert mode(data) == 0o700
    assert tighten(data) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_the_servers_user_can_still_pass(tmp_path: Path) -> None:
    (tmp_path / "data" / "postgres" / "cluster").mkdir(parents=True)
    assert tighten(tmp_path / "data")
    assert mode(tmp_path / "data") == 0o711


def test_a_folder_that_holds_anything_else_stays_as_it_is(tmp_path: Path) -> None:
    assert tighten(tmp_path / "missing") is None
    empty, shared = tmp_path / "empty", tmp_path / "shared"
    for folder in (empty, shared):
        folder.mkdir(0o755)
    for name in ("jwt-secret", "holiday.jpg"):
        (shared / name).touch()
    assert tighten(empty) is tighten(shared) is None
    assert mode(empty) == mode(shared) == 0o755
