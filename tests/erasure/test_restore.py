"""After a restore from a real backup, the list of erased persons erases them again."""

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.schema import migrate
from api.app import create_app
from audit.proofs.keys import signing_key
from audit.proofs.signer import sign_checkpoint
from audit.verify import verify
from cli.main import main
from database.connection import connect
from ledger.erasure import erase, read_erased
from ledger.keyring import Keyring
from ledger.ledger import open_ledger
from runtime.settings import Settings
from tests.api.conftest import running
from tests.erasure.conftest import MASTER_KEY, NAME, SETTINGS, House, opened, search_of
from tests.erasure.test_erasure import WROTE, a_life, everything
from trials.programs.postgres import Ground, NoPrograms, Server, drill_ground


@pytest.fixture
def ground() -> Iterator[Ground]:
    try:
        with drill_ground() as ground:
            yield ground
    except NoPrograms as missing:
        pytest.skip(str(missing))


@pytest.fixture
def original(ground: Ground) -> Server:
    return ground.new_server("original")


@pytest.fixture
def database_url(original: Server) -> str:
    """A server of the test's own, for a base backup."""
    migrate(original.url)
    return original.url


async def test_the_list_erases_persons_restored_by_a_backup(
    house: House,
    ground: Ground,
    original: Server,
    keyring: Keyring,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command(url: str, *words: str) -> str:
        monkeypatch.setenv("DATABASE_URL", url)
        assert main(["forget", *words, "--data", str(tmp_path)]) == 0
        return capsys.readouterr().out

    monkeypatch.setenv("SEATLEDGER_MASTER_KEY", b64encode(MASTER_KEY).decode())
    booking = await a_life(house)
    async with await connect(original.url, "test") as connection:
        await sign_checkpoint(connection, signing_key(Settings(data=tmp_path)))
    restored = await asyncio.to_thread(ground.copy_of, original, "restored")
    person = erase(original.url, keyring, NAME, "test")
    list_of_them = tmp_path / "forgotten.txt"
    list_of_them.write_text(await asyncio.to_thread(command, original.url, "--list"))
    await asyncio.to_thread(restored.start)
    places, lookup = search_of(restored.url), keyring.lookup_hash(NAME).hex()
    assert places(lookup) == [f"ledger.people: {lookup}"]
    app = create_app(SETTINGS, lambda: open_ledger(restored.url, SETTINGS))
    async with running(app):
        before = await everything(opened(app), booking, NAME)
        assert NAME in before[f"/bookings/{booking['id']}"]
        assert WROTE in before["/refunds"]

        again = await asyncio.to_thread(command, restored.url, "--again", str(list_of_them))

        assert again == "forgotten again: 1\n"
        after = await everything(opened(app), booking, person)
    assert [address for address, text in after.items() if NAME in text or WROTE in text] == []
    assert places(NAME, "Liddell", WROTE, "Dinah", lookup) == []
    assert read_erased(restored.url) == [person]
    assert verify(restored.url, keyring=keyring).ok
    again = await asyncio.to_thread(command, restored.url, "--again", str(list_of_them))
    assert again == "forgotten again: 0\n"
