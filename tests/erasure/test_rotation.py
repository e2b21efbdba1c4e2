"""Rotation of the master key: the old key stays, and an interrupted rotation is finished later."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import cli.erasure
import ledger.master_key
from api.app import create_app
from cli.main import main
from database.connection import connect_sync
from ledger.erasure import erase
from ledger.keyring import Keyring
from ledger.ledger import open_ledger
from ledger.master_key import bind_ledger, read_check, rotate
from ledger.master_key_file import (
    MASTER_KEY_FILE,
    OLD_KEYS_FILE,
    find_keys,
    keep_old_key,
    read_or_create_key,
    with_master_keys,
    write_new_key,
)
from runtime.environment import as_environment, read_settings
from runtime.secret_files import replace_secret
from runtime.settings import Settings, WrongSetting
from tests.api.conftest import running
from tests.erasure.conftest import MASTER_KEY, NAME, SETTINGS, House, opened

OLD, NEW = MASTER_KEY, bytes(32)


class Crash(Exception):
    pass


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with the key of `keyed_url`."""
    write_new_key(tmp_path / MASTER_KEY_FILE, OLD)
    return tmp_path


@pytest.fixture
def alice(keyed_url: str, keyring: Keyring) -> str:
    """The pseudonym of a person in the ledger."""
    person = keyring.new_person(NAME)
    with connect_sync(keyed_url, "test") as connection:
        ledger.master_key._insert(connection, [person])
    return person.person


def names(url: str, settings: Settings) -> set[str | None]:
    """Return the names that the keys at hand reveal."""
    keyring = ledger.master_key.find_keyring([Keyring(key) for key in find_keys(settings)], read_check(url))
    with connect_sync(url, "test") as connection:
        rows = connection.execute(ledger.master_key._PERSONS).fetchall()
    return {keyring.decrypt(ledger.master_key.Person(*row).name_token or "") for row in rows}


@pytest.fixture
def rotating(keyed_url: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setenv("DATABASE_URL", keyed_url)
    return lambda *options: main(["rotate-master-key", "--data", str(data), *options])


def test_the_old_key_stays_until_it_is_destroyed(
    keyed_url: str, data: Path, alice: str, rotating: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rotating() == 0
    assert "--destroy-old" in capsys.readouterr().out
    settings = Settings(data=data)
    new, *old = find_keys(settings)
    assert (new != OLD, old) == (True, [OLD])
    assert (data / OLD_KEYS_FILE).stat().st_mode & 0o777 == 0o600
    assert read_check(keyed_url) == Keyring(new).check
    blocks = data / "blocks"
    blocks.hardlink_to(data / OLD_KEYS_FILE)
    assert rotating("--destroy-old") == 0
    assert set(blocks.read_text()) == {"0"}, "a removed file's blocks keep their content"
    assert "backups from before 20" in capsys.readouterr().out
    assert find_keys(settings) == [new]
    assert names(keyed_url, settings) == {NAME}


def test_a_backup_from_before_the_rotation_opens_and_is_rotated(
    keyed_url: str, data: Path, alice: str, rotating: Any
) -> None:
    with connect_sync(keyed_url, "test") as connection:
        connection.execute("create table backup as table ledger.people")
    assert rotating() == 0
    with connect_sync(keyed_url, "test") as connection:
        connection.execute(
            "update ledger.people p set lookup = b.lookup, wrapped_key = b.wrapped_key from backup b"
            " where b.person = p.person"
        )
        connection.execute(ledger.master_key._REKEY, (Keyring(OLD).check,))
    settings = Settings(data=data)
    assert names(keyed_url, settings) == {NAME}
    bind_ledger(keyed_url, settings)
    assert read_check(keyed_url) == Keyring(find_keys(settings)[0]).check
    assert names(keyed_url, settings) == {NAME}


@pytest.mark.parametrize("step", ["old key kept", "new key kept", "committed"])
def test_a_rotation_interrupted_at_any_step_is_finished_by_the_next_start(
    step: str, keyed_url: str, data: Path, alice: str, rotating: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as crashing:
        if step == "old key kept":
            crashing.setattr("ledger.master_key_file.replace_secret", _crash_at_second(replace_secret))
        if step == "new key kept":
            crashing.setattr(cli.erasure, "keep_old_key", _then_crash(keep_old_key))
        if step == "committed":
            crashing.setattr(cli.erasure, "rotate", _then_crash(rotate))
        with pytest.raises(Crash):
            rotating()
    settings = Settings(data=data)
    assert names(keyed_url, settings) == {NAME}
    bind_ledger(keyed_url, settings)
    assert read_check(keyed_url) == Keyring(find_keys(settings)[0]).check
    assert names(keyed_url, settings) == {NAME}


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _then_crash(work: Callable[..., Any]) -> Callable[..., Any]:
    def crash(*arguments: Any) -> None:
        work(*arguments)
        raise Crash

    return crash


def _crash_at_second(work: Callable[..., Any]) -> Callable[..., Any]:
    calls: list[Any] = []

    def crash(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise Crash
        work(*arguments)

    return crash


@pytest.mark.parametrize("setting", [False, True])
async def test_a_refused_rotation_leaves_no_key_behind(
    setting: bool, house: House, data: Path, rotating: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.flight()
    if setting:
        monkeypatch.setenv("SEATLEDGER_MASTER_KEY", b64encode(OLD).decode())
    before = contents(data)
    assert await asyncio.to_thread(rotating) == 2
    assert contents(data) == before


@pytest.mark.parametrize("name", ["seatledger writer", "seatledger reader"])
def test_a_foreign_session_under_the_name_of_a_program_delays_no_rotation(
    name: str, keyed_url: str, rotating: Any
) -> None:
    with psycopg.connect(keyed_url, autocommit=True) as owner:
        owner.execute("create role mallory login password 'secret' in role seatledger_analyst")
        try:
            with psycopg.connect(keyed_url, user="mallory", password="secret", application_name=name):
                assert rotating() == 0
        finally:
            owner.execute("drop role mallory")


def test_a_rotation_with_another_key_changes_nothing(keyed_url: str, data: Path, rotating: Any) -> None:
    write_new_key(data / MASTER_KEY_FILE, NEW)
    assert rotating() == 2
    assert sorted(file.name for file in data.iterdir()) == [MASTER_KEY_FILE]
    assert rotating("--destroy-old") == 2
    assert read_check(keyed_url) == Keyring(OLD).check


def test_a_key_in_the_settings_is_rotated_by_settings(
    keyed_url: str, tmp_path: Path, alice: str, rotating: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATLEDGER_MASTER_KEY", b64encode(OLD).decode())
    assert rotating() == 0
    new = read_or_create_key(tmp_path / f"{MASTER_KEY_FILE}.new")
    assert read_check(keyed_url) == Keyring(new).check
    monkeypatch.setenv("SEATLEDGER_MASTER_KEY", b64encode(new).decode())
    monkeypatch.setenv("SEATLEDGER_OLD_MASTER_KEYS", b64encode(OLD).decode())
    settings = read_settings()
    assert find_keys(settings)[:2] == [new, OLD]
    assert names(keyed_url, settings) == {NAME}


def test_a_rotation_is_finished_by_a_start_with_both_keys_in_the_settings(
    keyed_url: str, alice: str, tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path, master_key=NEW, old_master_keys=(OLD,))
    bind_ledger(keyed_url, settings)
    assert read_check(keyed_url) == Keyring(NEW).check
    assert names(keyed_url, settings) == {NAME}
    assert list(tmp_path.iterdir()) == []


async def test_a_process_with_both_keys_serves_beside_one_that_has_the_old_key(
    house: House, keyed_url: str, tmp_path: Path
) -> None:
    booking = await house.hold(house.alice, await house.flight())
    settings = Settings(jwt_secret=SETTINGS.jwt_secret, data=tmp_path, master_key=NEW, old_master_keys=(OLD,))
    await asyncio.to_thread(bind_ledger, keyed_url, settings)
    assert read_check(keyed_url) == Keyring(OLD).check, "it waits for the other process"
    app = create_app(settings, lambda: open_ledger(keyed_url, settings))
    async with running(app):
        found = await opened(app).alice.get(f"/api/v1/bookings/{booking['id']}")
        assert found.json()["user_id"] == NAME


def test_all_keys_reach_child_processes(data: Path) -> None:
    keep_old_key(data, OLD, NEW)
    settings = with_master_keys(Settings(data=data))
    again = read_settings({name: text for name, text in as_environment(settings).items() if text})
    assert (again.master_key, again.old_master_keys) == (NEW, (OLD,))


def test_a_ledger_with_a_key_creates_none_where_it_is_missing(keyed_url: str, tmp_path: Path) -> None:
    for settings in (Settings(data=tmp_path), Settings(data=tmp_path, jwt_secret="x" * 32)):
        with pytest.raises(WrongSetting, match="SEATLEDGER_MASTER_KEY"):
            bind_ledger(keyed_url, settings)
    assert list(tmp_path.iterdir()) == []


LOOKING = [
    ["verify"],
    ["history", "BOOKING"],
    ["replay", "BOOKING"],
    ["show", "BOOKING"],
    ["self-audit"],
    ["prove", "BOOKING"],
    ["export", "bookings", "--format", "csv", "--out", "OUT"],
    ["what-if"],
    ["dictionary"],
    ["forget", "--list"],
]


@pytest.mark.parametrize("words", LOOKING, ids=lambda words: words[0])
@pytest.mark.parametrize("key", [None, "wrong"])
async def test_commands_that_only_look_make_nothing_and_say_that_names_are_hidden(
    words: list[str],
    key: str | None,
    house: House,
    keyed_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    booking = await house.hold(house.alice, await house.flight())
    data = tmp_path / "empty"
    data.mkdir()
    monkeypatch.setenv("DATABASE_URL", keyed_url)
    if key:
        monkeypatch.setenv("SEATLEDGER_MASTER_KEY", b64encode(NEW).decode())
    places = {"BOOKING": booking["id"], "OUT": str(tmp_path / "out.csv")}
    command = [places.get(word, word) for word in words]
    code = await asyncio.to_thread(main, [*command, "--data", str(data)])
    assert contents(data) == {}
    said = capsys.readouterr()
    if words[0] == "verify":
        assert "not checked: names and sealed texts" in said.out
        assert ("not the one that sealed them" if key else "there is no master key here") in said.out
        assert code == (3 if key else 0)
    elif words[0] == "prove":
        assert (code, "checkpoint key" in said.err) == (2, True)
    else:
        assert code == 0, said
    if words[0] in ("history", "replay", "show"):
        assert "names are hidden: " in said.err
        assert ("not the one that sealed them" if key else "there is no master key here") in said.err


async def test_a_history_names_forgotten_pseudonyms(
    house: House,
    keyed_url: str,
    keyring: Keyring,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    booking = await house.hold(house.alice, await house.flight())
    await house.post(house.alice, f"/bookings/{booking['id']}/cancel")
    person = await asyncio.to_thread(erase, keyed_url, keyring, NAME, "test")
    monkeypatch.setenv("DATABASE_URL", keyed_url)
    monkeypatch.setenv("SEATLEDGER_MASTER_KEY", b64encode(MASTER_KEY).decode())
    assert await asyncio.to_thread(main, ["history", booking["id"], "--data", str(tmp_path)]) == 0
    assert f"names are hidden: {person}: forgotten" in capsys.readouterr().err
    assert await asyncio.to_thread(main, ["verify", "--names", "--data", str(tmp_path)]) == 0
    assert "not checked" not in capsys.readouterr().out
