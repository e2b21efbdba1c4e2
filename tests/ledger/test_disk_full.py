"""A full data disk: commands fail in time, queries go on, and the writer recovers once there is space."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from api.readiness import check_readiness
from audit.verify import verify
from ledger.ledger import open_ledger
from ledger.submission import Answer, Unavailable
from runtime.settings import Settings
from tests.desk import Desk
from tests.programs import find_program

DISK = "48m"


@pytest.fixture
def disk(server_url: str) -> Iterator[Path]:
    """Mount a small disk that the server's account can write to."""
    mount, umount = find_program("mount"), find_program("umount")
    if os.geteuid() != 0 or not mount or not umount:
        pytest.skip("mounting a small disk takes root, mount and umount")
    with psycopg.connect(server_url) as connection:
        row = connection.execute("show data_directory").fetchone()
    assert row
    owner = Path(row[0]).stat()
    folder = Path(f"/mnt/seatledger-test-{os.getpid()}")
    folder.mkdir()
    options = f"size={DISK},uid={owner.st_uid},gid={owner.st_gid},mode=0700"
    mounted = subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"no small disk here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run([umount, folder], check=True)
    folder.rmdir()


@pytest.fixture
def small_database_url(server_url: str, template: str, disk: Path) -> Iterator[str]:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create tablespace small location {}").format(str(disk)))
        connection.execute(
            sql.SQL("create database small template {} tablespace small").format(sql.Identifier(template))
        )
        yield make_conninfo(server_url, dbname="small")
        connection.execute("drop database small with (force)")
        connection.execute("drop tablespace small")


async def test_a_full_disk_loses_nothing_and_the_writer_recovers(small_database_url: str, disk: Path) -> None:
    async with open_ledger(small_database_url, Settings(deadline_seconds=1)) as ledger:
        desk = Desk(ledger)
        flight = await desk.schedule(seats=1000)
        first = await desk.hold(flight, "alice")
        filler = disk / "filler"
        _fill(filler)
        held = 1 + await _hold_until_there_is_no_room(desk, flight)
        async with ledger.read() as connection:
            cursor = await connection.execute("select count(*) from ledger.bookings")
            assert await cursor.fetchone() == (held,)
        filler.unlink()
        assert (await _hold_at_last(desk, flight, "bob")).status == 200
        assert (await desk.pay(first.subject_id, "alice")).status == 200
        assert (await check_readiness(ledger)).ok
    assert verify(small_database_url).ok


async def _hold_until_there_is_no_room(desk: Desk, flight: UUID) -> int:
    """Return the number of holds that succeed before the ledger becomes unavailable."""
    for held in range(900):
        try:
            answer = await desk.hold(flight, "x" * 255, key="k" * 200 + str(held))
        except Unavailable:
            return held
        assert answer.status == 200
    raise AssertionError("the disk never filled up")


async def _hold_at_last(desk: Desk, flight: UUID, user: str) -> Answer:
    """Repeat a command with the same key, because the writer may still be in its backoff."""
    for _ in range(9):
        with suppress(Unavailable):
            return await desk.hold(flight, user, key="once more")
    return await desk.hold(flight, user, key="once more")


def _fill(filler: Path) -> None:
    """Fill the disk to the last byte."""
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            while True:
                try:
                    if file.write(bytes(size)) < size:
                        break
                except OSError:
                    break
