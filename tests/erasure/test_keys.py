"""Master keys: checks at start, access to the keys, rotation, and logs older than pseudonyms."""

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any

import psycopg
import pytest

import audit.verify
from api.app import create_app
from cli.main import main
from database.connection import connect_sync
from ledger.erasure import erase
from ledger.keyring import Keyring
from ledger.ledger import SecretsMissing, open_ledger
from ledger.master_key import _insert, key_ledger, rotate
from ledger.master_key_file import MASTER_KEY_FILE, load_master_key, read_or_create_key
from ledger.people import OtherMasterKey
from runtime.settings import Settings, WrongSetting
from tests.api.conftest import client, running, token
from tests.audit.verify.test_forged_chains import RELINK
from tests.audit.verify.verified import verify
from tests.erasure.conftest import MASTER_KEY, NAME, SECRET, SETTINGS, House, opened

OTHER = Keyring(bytes(32))


async def test_another_master_key_decrypts_nothing_and_stops_the_start(keyed_url: str) -> None:
    with pytest.raises(WrongSetting, match="SEATLEDGER_MASTER_KEY"):
        key_ledger(keyed_url, OTHER)
    for master_key in (None, bytes(32)):
        with pytest.raises(OtherMasterKey):
            async with open_ledger(keyed_url, Settings(master_key=master_key)):
                pass


async def test_emptied_secrets_are_made_anew_for_the_same_master_key_only(
    house: House, keyed_url: str, keyring: Keyring
) -> None:
    await house.hold(house.alice, await house.flight())
    with psycopg.connect(keyed_url, autocommit=True) as connection:
        people = connection.execute("select * from ledger.people order by 1").fetchall()
        assert people
        connection.execute("truncate ledger.secrets")
        with pytest.raises(SecretsMissing):
            async with open_ledger(keyed_url, SETTINGS):
                pass
        with pytest.raises(WrongSetting, match="sealed by another master key"):
            key_ledger(keyed_url, OTHER)
        assert key_ledger(keyed_url, keyring) == 0
        async with open_ledger(keyed_url, SETTINGS):
            pass
        assert connection.execute("select * from ledger.people order by 1").fetchall() == people


def test_a_start_with_another_master_key_is_one_line(
    keyed_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", keyed_url)
    assert main(["up", "--data", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "SEATLEDGER_MASTER_KEY: names in this database are sealed by another master key" in line
    monkeypatch.setenv("SEATLEDGER_MASTER_KEY", "swordfish")
    assert main(["verify"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "32 bytes in base64" in line
    assert "swordfish" not in line


@pytest.mark.parametrize("role", ["seatledger_auditor", "seatledger_analyst"])
@pytest.mark.parametrize("column", ["*", "person", "wrapped_key"])
def test_a_reader_of_the_log_may_not_read_the_keys(keyed_url: str, role: str, column: str) -> None:
    with psycopg.connect(keyed_url) as connection:
        connection.execute(f"set role {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"select {column} from ledger.people")


@pytest.mark.parametrize(
    "change", ["delete from ledger.people", "update ledger.forgotten set forgotten_by = ''"]
)
def test_the_writer_can_neither_delete_people_nor_rewrite_erasures(keyed_url: str, change: str) -> None:
    with psycopg.connect(keyed_url) as connection:
        connection.execute("set role seatledger_writer")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(change)


async def test_rotation_is_refused_while_programs_run(house: House, keyed_url: str, keyring: Keyring) -> None:
    await house.flight()
    with pytest.raises(WrongSetting, match="stop API and scheduler first"):
        rotate(keyed_url, keyring, OTHER)


@pytest.mark.parametrize("end", ["forget", "rotate"])
def test_deleted_keys_do_not_stay_in_the_files_of_the_table(
    keyed_url: str, keyring: Keyring, end: str
) -> None:
    people = [keyring.new_person(name) for name in (NAME, "bob", "carol")]

    def on_disk() -> list[bool]:
        with psycopg.connect(keyed_url, autocommit=True) as rows:
            rows.execute("checkpoint")
            files = b"".join(file for (file,) in rows.execute(FILES).fetchall())
        return [value in files for value in (people[0].lookup, str(people[0].wrapped_key).encode())]

    with connect_sync(keyed_url, "test") as rows:
        _insert(rows, people)
    assert on_disk() == [True, True]
    if end == "forget":
        erase(keyed_url, keyring, NAME, "test")
    else:
        rotate(keyed_url, keyring, OTHER)
    assert on_disk() == [False, False]


FILES = """
    select pg_read_binary_file(pg_relation_filepath(oid)) from pg_class where oid = 'ledger.people'::regclass
        or oid in (select indexrelid from pg_index where indrelid = 'ledger.people'::regclass)
"""


async def test_a_running_program_stops_sealing_after_a_rotation(
    house: House, keyed_url: str, rows: Any
) -> None:
    """Rotation requires that no program is connected, but one that lost its connections may return."""
    flight = await house.flight()
    people = rows("select count(*) from ledger.people")
    rows("update ledger.secrets set value = %s", OTHER.check)
    body = {"flight_id": flight["id"], "user_id": NAME, "seats": 1}
    assert (await house.alice.post("/api/v1/bookings", json=body)).status_code == 503
    assert rows("select count(*) from ledger.people") == people
    rows("update ledger.secrets set value = %s", Keyring(MASTER_KEY).check)
    await house.hold(house.alice, flight)


async def test_another_master_key_shows_the_log_unchanged(
    house: House,
    keyed_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    booking = await house.hold(house.alice, await house.flight())
    monkeypatch.setenv("DATABASE_URL", keyed_url)
    for key, named in ((MASTER_KEY, True), (bytes(32), False)):
        monkeypatch.setenv("SEATLEDGER_MASTER_KEY", b64encode(key).decode())
        history = ["history", booking["id"], "--data", str(tmp_path)]
        assert await asyncio.to_thread(main, history) == 0
        told = capsys.readouterr().out
        assert (NAME in told, "by psn_" in told, "sealed:v1:" in told) == (named, not named, False)


def test_guesses_of_names_need_the_master_key(keyring: Keyring) -> None:
    assert keyring.lookup_hash(NAME) == Keyring(MASTER_KEY).lookup_hash(NAME) != OTHER.lookup_hash(NAME)


async def test_rotated_keys_open_what_the_old_ones_did(keyed_url: str, keyring: Keyring) -> None:
    settings = Settings(jwt_secret=SECRET, master_key=bytes(32))
    app = create_app(SETTINGS, lambda: open_ledger(keyed_url, SETTINGS))
    async with running(app):
        house = opened(app)
        booking = await house.hold(house.alice, await house.flight())
        await house.post(house.alice, f"/bookings/{booking['id']}/cancel", {"reason": "a word"})
        history = (await house.alice.get(f"/api/v1/bookings/{booking['id']}/history")).text
    assert rotate(keyed_url, keyring, OTHER) == 2
    assert verify(keyed_url, keyring=OTHER).ok
    with pytest.raises(WrongSetting):
        key_ledger(keyed_url, keyring)
    app = create_app(settings, lambda: open_ledger(keyed_url, settings))
    async with running(app):
        house = opened(app)
        assert (await house.alice.get(f"/api/v1/bookings/{booking['id']}/history")).text == history
        assert "a word" in history


async def test_a_log_older_than_pseudonyms_continues(database_url: str, keyring: Keyring) -> None:
    clear = Settings(jwt_secret=SECRET)
    app = create_app(clear, lambda: open_ledger(database_url, clear))
    async with running(app):
        house = opened(app)
        flight = await house.flight()
        booking = await house.hold(house.alice, flight)
        first = await house.pay(house.alice, booking, "pay-1")
        path, why, key = (
            f"/api/v1/bookings/{booking['id']}/cancel",
            {"reason": "ill"},
            {"x-idempotency-key": "c"},
        )
        cancelled = await house.alice.post(path, json=why, headers=key)
        # Some callers had no accepted command, and some had no command.
        await house.hold(house.operator, flight, "only booked for", seats=8)
        wish = {"user_id": "only waits", "seats": 9}
        await house.post(house.operator, f"/flights/{flight['id']}/waitlist", wish)
        stranger = client(app, token("only refused", "client"))
        too_many = {"flight_id": flight["id"], "user_id": "only refused", "seats": 9}
        assert (await stranger.post("/api/v1/bookings", json=too_many, headers=key)).status_code == 409
    assert key_ledger(database_url, keyring) == 5
    assert key_ledger(database_url, keyring) == 0
    app = create_app(SETTINGS, lambda: open_ledger(database_url, SETTINGS))
    async with running(app):
        house = opened(app)
        assert (await house.pay(house.alice, booking, "pay-1")).content == first.content
        assert (await house.alice.post(path, json=why, headers=key)).content == cancelled.content
        address = f"/api/v1/bookings/{booking['id']}"
        assert (await house.alice.get(address)).json()["user_id"] == NAME
        again = await house.hold(house.alice, flight)
        await house.post(house.alice, f"/bookings/{again['id']}/cancel", {"reason": "sealed now"})
        (refund,) = (await house.auditor.get("/api/v1/refunds")).json()["data"]
        await house.post(house.operator, f"/refunds/{refund['id']}/settle")

        assert erase(database_url, keyring, NAME, "test") == NAME

        for told in (address, f"{address}/history", "/api/v1/bookings", "/api/v1/refunds", "/api/v1/events"):
            answer = (await house.auditor.get(told)).text
            assert "forgotten" in answer
            assert NAME not in answer
            assert "sealed now" not in answer
        assert NAME in (await house.auditor.get("/api/v1/events?sealed=true")).text
        for subject in (NAME, "forgotten"):
            caller = client(house.app, token(subject, "client"))
            assert (await caller.get(address)).status_code == 404
        new = await house.hold(house.alice, flight)
        assert (await house.alice.get(f"/api/v1/bookings/{new['id']}")).json()["user_id"] == NAME
    assert verify(database_url, keyring=keyring).ok


TAMPERED = {
    "without a person": "delete from ledger.people where lookup = %(alice)s",
    "no erasure is recorded": "update ledger.people set lookup = null, wrapped_key = null,"
    " sealed_name = null, forgotten_at = now() where lookup = %(alice)s",
    "is found by another name": "update ledger.people set lookup = sha256('x') where lookup = %(alice)s",
    "sealed text does not decrypt": "update ledger.people p set wrapped_key = %(key)s, sealed_name = %(name)s"
    " where lookup = %(alice)s",
}


@pytest.mark.parametrize("who", ["only booked for", "only waits"])
async def test_verify_finds_missing_people(
    house: House, keyed_url: str, keyring: Keyring, tamper: Any, who: str
) -> None:
    flight = await house.flight(seats=2)
    await house.hold(house.operator, flight, "only booked for", seats=2)
    wish = {"user_id": "only waits", "seats": 1}
    await house.post(house.operator, f"/flights/{flight['id']}/waitlist", wish)
    tamper(f"delete from ledger.people where lookup = '\\x{keyring.lookup_hash(who).hex()}'")
    found = verify(keyed_url, keyring=keyring)
    assert (found.first_bad_position, "without a person" in str(found.reason)) == (
        2 if who == "only booked for" else 3,
        True,
    )


@pytest.mark.parametrize("text", ["void", "reference"])
async def test_verify_decrypts_every_sealed_text(
    house: House, keyed_url: str, keyring: Keyring, rows: Any, text: str
) -> None:
    booking = await house.hold(house.alice, await house.flight())
    capture = "manual" if text == "void" else "automatic"
    await house.pay(house.alice, booking, "pay-1", capture=capture)
    if text == "void":
        await house.post(house.operator, f"/bookings/{booking['id']}/void", {"reason": "a word"})
    else:
        await house.post(house.alice, f"/bookings/{booking['id']}/cancel")
        (refund,) = (await house.auditor.get("/api/v1/refunds")).json()["data"]
        await house.post(house.operator, f"/refunds/{refund['id']}/settle", {"reference": "a word"})
    assert verify(keyed_url, keyring=keyring).ok
    alice = keyring.lookup_hash(NAME)
    ((person,),) = rows("select person from ledger.people where lookup = %s", alice)
    other = keyring.new_person(NAME, person)
    change = "update ledger.people set wrapped_key = %s, sealed_name = %s where person = %s"
    rows(change, other.wrapped_key, other.sealed_name, person)
    assert "sealed text does not decrypt" in str(verify(keyed_url, keyring=keyring).reason)


async def test_processes_share_the_people_and_miss_none(
    house: House, keyed_url: str, keyring: Keyring, rows: Any
) -> None:
    flight = await house.flight(seats=9)
    for guest in (guests := [f"guest {number}" for number in range(6)]):
        booking = await house.hold(house.operator, flight, guest)
        await house.post(house.operator, f"/bookings/{booking['id']}/cancel", {"reason": "a word"})
    assert audit.verify.verify(keyed_url, workers=2, keyring=keyring).ok
    known = "select person, lookup, wrapped_key, sealed_name from ledger.people where lookup = %s"
    change = "update ledger.people set lookup = %s, wrapped_key = %s, sealed_name = %s where person = %s"
    for guest in guests:
        ((person, *before),) = rows(known, keyring.lookup_hash(guest))
        other = keyring.new_person(guest, person)
        rows(change, b"found by nobody", *before[1:], person)
        assert "found by another name" in str(verify(keyed_url, keyring=keyring).reason)
        rows(change, other.lookup, other.wrapped_key, other.sealed_name, person)
        assert "text does not decrypt" in str(verify(keyed_url, keyring=keyring).reason)
        rows(change, *before, person)
    assert verify(keyed_url, keyring=keyring).ok
    for guest in guests:
        ((person, lookup, *_),) = rows(known, keyring.lookup_hash(guest))
        other = keyring.new_person(guest, person)
        rows(change, lookup, other.wrapped_key, other.sealed_name, person)
    assert verify(keyed_url, keyring=keyring).first_bad_position == 3, "the first of six that do not open"


async def test_a_state_that_is_not_json_is_a_result_and_not_an_error(
    house: House, keyed_url: str, keyring: Keyring, tamper: Any
) -> None:
    booking = await house.hold(house.alice, await house.flight())
    await house.post(house.alice, f"/bookings/{booking['id']}/cancel", {"reason": "a word"})
    tamper(f"update ledger.events set state = 'x' || state where position = 3; {RELINK}")
    found = verify(keyed_url, keyring=keyring)
    assert (found.first_bad_position, "does not follow in its stream" in str(found.reason)) == (3, True)


@pytest.mark.parametrize("reason", TAMPERED)
async def test_verify_finds_changes_of_people(
    house: House, keyed_url: str, keyring: Keyring, reason: str
) -> None:
    booking = await house.hold(house.alice, await house.flight())
    await house.post(house.alice, f"/bookings/{booking['id']}/cancel", {"reason": "a word"})
    assert verify(keyed_url, keyring=keyring).ok
    with psycopg.connect(keyed_url) as rows:
        alice = keyring.lookup_hash(NAME)
        ((person,),) = rows.execute("select person from ledger.people where lookup = %s", (alice,)).fetchall()
        other = keyring.new_person(NAME, person)
        rows.execute("set session_replication_role = replica")
        values: dict[str, Any] = {"alice": alice, "key": other.wrapped_key, "name": other.sealed_name}
        rows.execute(TAMPERED[reason], values)
    assert reason in str(verify(keyed_url, keyring=keyring).reason)


def test_the_command_line_erases_and_lists(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    data = ["--data", str(tmp_path)]
    assert main(["migrate", *data]) == 0
    assert (tmp_path / MASTER_KEY_FILE).stat().st_mode & 0o777 == 0o600
    keyring = Keyring(read_or_create_key(tmp_path / MASTER_KEY_FILE))
    person = keyring.new_person(NAME)
    with psycopg.connect(database_url) as rows:
        rows.execute(
            "insert into ledger.people values (%s, %s, %s, %s)",
            (person.person, person.lookup, person.wrapped_key, person.sealed_name),
        )
    capsys.readouterr()
    assert main(["forget", *data]) == 2
    assert main(["forget", "nobody", *data]) == 1
    assert "no person of that name" in capsys.readouterr().err
    before = (tmp_path / MASTER_KEY_FILE).read_text()
    assert main(["rotate-master-key", *data]) == 0
    assert (tmp_path / MASTER_KEY_FILE).read_text() != before
    assert main(["forget", NAME, *data]) == 0
    capsys.readouterr()
    assert main(["forget", "--list", *data]) == 0
    assert capsys.readouterr().out == f"{person.person}\n"
    (tmp_path / "list").write_text(f"{person.person}\n")
    assert main(["forget", "--again", str(tmp_path / "list"), *data]) == 0
    assert capsys.readouterr().out == "forgotten again: 0\n"


def test_hosts_that_share_the_secret_of_tokens_make_the_same_key(tmp_path):
    def made(host, secret):
        return load_master_key(Settings(data=tmp_path / host, jwt_secret=secret))

    shared = "a secret of tokens that is long enough, and shared"
    assert made("one", shared) == made("two", shared)
    assert made("one", None) == made("two", None), "it is kept"
    assert (
        len({made("one", shared), made("three", shared + "?"), made("four", None), made("five", None)}) == 4
    )
