"""A checkpoint saved elsewhere reveals a rewrite of the whole database."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.proofs.checkpoint import Checkpoint, key_id
from audit.proofs.tiles import LogMismatch
from audit.proofs.tree import leaf_hash, root_of
from audit.verify import Verification
from audit.verify.divergence import Divergence
from audit.verify.evidence import Evidence, Keys
from database.connection import connect_sync
from ledger.chain import lines
from ledger.log import EVENTS, RecordedEvent
from tests.audit.proofs.conftest import MANY
from tests.audit.proofs.test_tiles import extended
from tests.audit.verify.test_forged_chains import RELINK
from tests.audit.verify.verified import verify

FORGET = "delete from ledger.checkpoints; delete from ledger.tiles; "
"""A thorough forgery removes all evidence in the database."""

EDIT = """
    update ledger.events set correlation_id = 'forged' where position = 5;
    update ledger.commands set correlation_id = 'forged' where first_position = 5;
"""
SWAP = """
    update ledger.events set position = 100 where position = 3;
    update ledger.events set position = 3 where position = 4;
    update ledger.events set position = 4 where position = 100;
    update ledger.commands set first_position = 7 - first_position, last_position = 7 - last_position
        where first_position in (3, 4);
    update ledger.commands set recorded_at = (select max(recorded_at) from ledger.events);
    update ledger.events set recorded_at = (select max(recorded_at) from ledger.events);
"""
CUT = """
    delete from ledger.events where position > 6;
    delete from ledger.commands where coalesce(first_position, last_position) > 6 or last_position > 6;
    delete from ledger.refunds;
    update ledger.bookings set status = 'booked', cancel_reason = null, payment_status = 'captured',
        version = 3, updated_at = (select max(recorded_at) from ledger.events) where user_id = 'alice';
    update ledger.seats set booked = booked + 1;
"""


@pytest.fixture
async def saved(desk: Any, sign: Any) -> list[Checkpoint]:
    """At positions 4 and 8 of the log that `log` makes."""
    flight = await desk.schedule()
    bookings = [(await desk.hold(flight, user)).subject_id for user in ("alice", "bob", "carol")]
    four = await sign()
    await desk.pay(bookings[0], "alice")
    await desk.cancel(bookings[0], "alice")
    return [four, await sign()]


def found(url: str, saved: list[Checkpoint]) -> Verification:
    result = verify(url, saved=saved)
    assert not result.ok
    return result


async def test_an_untouched_log_fits(saved: list[Checkpoint], database_url: str) -> None:
    assert [checkpoint.position for checkpoint in saved] == [4, 8]
    assert verify(database_url, saved=saved).ok


async def test_an_edited_event_is_found_despite_a_forged_chain(
    saved: list[Checkpoint], tamper: Any, database_url: str
) -> None:
    tamper(FORGET + EDIT + RELINK)
    assert verify(database_url).ok, "from the inside there is nothing to see"
    result = found(database_url, saved)
    assert result.first_bad_position == 5
    assert "saved checkpoint at position 8 does not fit: something from position 5 to 8" in str(result.reason)


async def test_stored_checkpoints_reveal_an_edited_event(
    saved: list[Checkpoint], tamper: Any, database_url: str
) -> None:
    tamper(EDIT + RELINK)
    result = found(database_url, [])
    assert (result.first_bad_position, "kept checkpoint" in str(result.reason)) == (5, True)


async def test_an_edit_before_the_first_checkpoint_is_found(
    saved: list[Checkpoint], tamper: Any, database_url: str
) -> None:
    tamper(FORGET + EDIT.replace("= 5", "= 2") + RELINK)
    result = found(database_url, saved)
    assert (result.first_bad_position, "from position 1 to 4" in str(result.reason)) == (1, True)


async def test_a_swapped_pair_is_found(saved: list[Checkpoint], tamper: Any, database_url: str) -> None:
    tamper(FORGET + SWAP + RELINK)
    result = found(database_url, saved)
    assert (result.first_bad_position, "position 1 to 4" in str(result.reason)) == (1, True), result


async def test_a_tail_cut_off_is_found(saved: list[Checkpoint], tamper: Any, database_url: str) -> None:
    tamper(FORGET + CUT)
    assert verify(database_url).ok, "from the inside there is nothing to see"
    result = found(database_url, saved)
    assert result.first_bad_position == 7
    assert "goes to 8: the tail of the log is gone" in str(result.reason)


async def test_stored_evidence_reveals_a_tail_cut_off(
    saved: list[Checkpoint], tamper: Any, database_url: str
) -> None:
    tamper(CUT)
    result = found(database_url, [])
    assert (result.first_bad_position, "kept checkpoint goes to 8" in str(result.reason)) == (7, True)


async def test_a_fork_is_found(
    saved: list[Checkpoint], tamper: Any, rows: Any, desk: Any, database_url: str
) -> None:
    """Another history from position 7 on, longer than the first."""
    tamper(FORGET + CUT)
    ((flight,),) = rows("select id from ledger.flights")
    for user in ("erin", "frank", "grace"):
        await desk.hold(flight, user)
    assert verify(database_url).ok, "from the inside there is nothing to see"
    result = found(database_url, saved)
    assert (result.first_bad_position, "from position 5 to 8" in str(result.reason)) == (5, True)


async def test_a_forged_checkpoint_of_the_same_position_is_found(
    saved: list[Checkpoint], database_url: str
) -> None:
    two_faced = Checkpoint(8, "00" * 32, saved[1].root, saved[1].time, saved[1].key, saved[1].signature)
    assert found(database_url, [*saved, two_faced]).first_bad_position == 5


async def test_nothing_is_signed_of_another_log(
    saved: list[Checkpoint], sign: Any, tamper: Any, database_url: str
) -> None:
    tamper(EDIT + RELINK)
    with pytest.raises(LogMismatch, match="up to position 8 is not what a checkpoint saw"):
        await sign()
    tamper("delete from ledger.checkpoints where position = 8")
    await sign()  # no process has it
    with pytest.raises(LogMismatch, match="up to position 8"):
        await sign(*saved)


async def test_nothing_is_signed_of_a_shorter_log(
    saved: list[Checkpoint], sign: Any, tamper: Any, rows: Any
) -> None:
    tamper("delete from ledger.events where position > 6")
    with pytest.raises(LogMismatch, match="ends at position 6, but a checkpoint saw position 8"):
        await sign()
    tamper(FORGET)
    with pytest.raises(LogMismatch, match="the tail of the log is gone"):
        await sign(*saved)
    assert rows("select count(*) from ledger.checkpoints") == [(0,)]


async def test_nothing_is_signed_after_a_forged_checkpoint(
    saved: list[Checkpoint], sign: Any, tamper: Any
) -> None:
    tamper("update ledger.checkpoints set time = time + interval '1 hour'")
    with pytest.raises(LogMismatch, match="signature"):
        await sign()


@pytest.fixture
def keys(key: Ed25519PrivateKey) -> Keys:
    return {key_id(key.public_key()): key.public_key()}


CHECKPOINT_EDITS = {
    "position": ["position + 1", "position - 1", "position + 1000"],
    "hash": ["sha256('')"],
    "root": ["sha256('')"],
    "time": ["time + interval '1 microsecond'"],
    "key": ["'0123456789abcdef'"],
    "signature": ["set_byte(signature, 0, get_byte(signature, 0) # 1)"],
}


async def test_an_altered_checkpoint_is_blamed_itself(
    saved: list[Checkpoint], keys: Keys, tamper: Any, rows: Any, database_url: str
) -> None:
    assert verify(database_url, keys=keys).ok
    columns = rows("select attname from pg_attribute where attrelid = 'ledger.checkpoints'::regclass")
    assert {name for (name,) in columns} >= CHECKPOINT_EDITS.keys()
    rows("create table kept as table ledger.checkpoints")
    for column, edits in CHECKPOINT_EDITS.items():
        for edit in edits:
            tamper(f"update ledger.checkpoints set {column} = {edit} where position = 8")
            result = verify(database_url, keys=keys)
            assert (result.first_bad_position, result.ok) == (9, False), result
            assert "checkpoint at position" in str(result.reason)
            assert "altered" in str(result.reason)
            tamper("delete from ledger.checkpoints; insert into ledger.checkpoints table kept")
    assert verify(database_url, keys=keys).ok


async def test_the_log_is_blamed_if_the_signature_holds(
    saved: list[Checkpoint], keys: Keys, tamper: Any, database_url: str
) -> None:
    tamper(EDIT + RELINK)
    result = verify(database_url, keys=keys)
    assert (result.first_bad_position, "is not what it was" in str(result.reason)) == (5, True)
    assert "altered" not in str(result.reason)


async def test_an_altered_checkpoint_does_not_hide_an_altered_event(
    saved: list[Checkpoint], keys: Keys, tamper: Any, database_url: str
) -> None:
    tamper(f"update ledger.checkpoints set root = sha256('') where position = 4; {EDIT} {RELINK}")
    result = verify(database_url, keys=keys)
    assert (result.first_bad_position, "position 1 to 8" in str(result.reason)) == (1, True)


async def test_without_the_key_the_reason_says_that_either_may_be_altered(
    saved: list[Checkpoint], tamper: Any, database_url: str
) -> None:
    tamper("update ledger.checkpoints set root = sha256('') where position = 8")
    result = verify(database_url)
    assert result.first_bad_position == 5
    assert f"needs the public key {saved[0].key}" in str(result.reason)


async def test_the_signer_blames_the_altered_checkpoint(
    saved: list[Checkpoint], sign: Any, tamper: Any
) -> None:
    for edit in ("root = sha256('')", "hash = sha256('')", "position = 1000"):
        tamper(f"update ledger.checkpoints set {edit} where position = 8")
        with pytest.raises(LogMismatch, match="was altered, not the log"):
            await sign()
        tamper("update ledger.checkpoints set position = 8 where position = 1000")


async def test_two_signers_at_once_agree(saved: list[Checkpoint], sign: Any, tamper: Any) -> None:
    tamper("delete from ledger.checkpoints where position = 8")
    made = await asyncio.gather(*(sign() for _ in range(5)))
    assert len(set(made)) == 1


def follow(url: str, saved: Sequence[Checkpoint] = ()) -> None:
    """Evidence alone, over events with hashes that form no chain."""
    with connect_sync(url, "test") as connection:
        found = connection.execute(f"select {EVENTS.names} from ledger.events order by position")
        events = [RecordedEvent(*row) for row in found]
        evidence = Evidence(connection, saved, {})
        for place in range(0, len(events), 100):
            evidence.check([leaf_hash(lines(event)) for event in events[place : place + 100]])
        evidence.check_end(events[-1].position)
        for reason in evidence.altered:
            raise Divergence(events[-1].position + 1, reason)


TILES = [
    ("", None, ""),
    ("update ledger.events set actor = 'm' where position = 300", 300, "the stored tree was built from"),
    (
        "update ledger.tiles set root = sha256('') where index = 1",
        701,
        "stored tile 1 of level 0 was altered: its root",
    ),
    (
        "update ledger.tiles set hashes = overlay(hashes placing sha256('') from 33) where index = 1",
        701,
        "stored tile 1 of level 0 was altered: its root",
    ),
    ("update ledger.tiles set index = 99 where index = 1", 701, "missing, added or moved"),
    ("update ledger.tiles set level = 1 where index = 1", 701, "missing, added or moved"),
    ("delete from ledger.tiles where index = 0", 701, "missing, added or moved"),
    ("delete from ledger.tiles", None, ""),
    ("delete from ledger.events where position > 600; delete from ledger.tiles where index > 2", None, ""),
    ("delete from ledger.events where position > 500", 501, "stored tree goes to 512"),
]


@pytest.mark.parametrize(("change", "position", "reason"), TILES)
async def test_the_stored_tree_names_the_changed_event(
    rows: Any, tamper: Any, database_url: str, change: str, position: int | None, reason: str
) -> None:
    rows(MANY, 1, 700)
    await extended(database_url)
    if change:
        tamper(change)
    if position is None:
        follow(database_url)
        return
    with pytest.raises(Divergence, match=reason) as wrong:
        follow(database_url)
    assert wrong.value.position == position


def stated(events: Sequence[RecordedEvent], position: int, of: int) -> Checkpoint:
    """A checkpoint at a position with the root of the first `of` leaves."""
    root = root_of(leaf_hash(lines(event)) for event in events[:of])
    return Checkpoint(position, events[position - 1].hash.hex(), root.hex(), "", "", "")


def recorded(rows: Any) -> list[RecordedEvent]:
    return [
        RecordedEvent(*row) for row in rows(f"select {EVENTS.names} from ledger.events order by position")
    ]


def forge_tile(rows: Any, tamper: Any, level: int, index: int) -> None:
    """Exchange the second hash of a tile, and its root to match."""
    ((hashes,),) = rows("select hashes from ledger.tiles where level = %s and index = %s", level, index)
    forged = hashes[:32] + bytes(32) + hashes[64:]
    root = root_of(forged[at : at + 32] for at in range(0, len(forged), 32))
    tamper(
        f"update ledger.tiles set hashes = '\\x{forged.hex()}', root = '\\x{root.hex()}'"
        f" where level = {level} and index = {index}"
    )


async def test_a_signed_checkpoint_decides_between_a_forged_tile_and_the_log(
    rows: Any, tamper: Any, database_url: str
) -> None:
    rows(MANY, 1, 700)
    await extended(database_url)
    genuine = recorded(rows)
    forge_tile(rows, tamper, 0, 1)
    with pytest.raises(Divergence, match="no signed checkpoint shows which") as doubt:
        follow(database_url)
    assert doubt.value.position == 258
    for size in (300, 512, 700):
        with pytest.raises(Divergence, match=f"tile 1 of level 0 was altered: .* at position {size}") as tile:
            follow(database_url, [stated(genuine, size, size)])
        assert tile.value.position == 701


async def test_a_signed_checkpoint_blames_an_event_that_the_tree_names(
    rows: Any, tamper: Any, database_url: str
) -> None:
    rows(MANY, 1, 700)
    await extended(database_url)
    genuine = recorded(rows)
    tamper("update ledger.events set actor = 'm' where position = 300")
    with pytest.raises(Divergence, match="does not fit the signed saved checkpoint at position 700") as wrong:
        follow(database_url, [stated(genuine, 200, 200), stated(genuine, 700, 700)])
    assert wrong.value.position == 300


@pytest.mark.parametrize("level", [0, 1, 2, 3])
async def test_the_tiles_around_a_forged_one_show_that_it_was_altered(
    rows: Any, tamper: Any, database_url: str, monkeypatch: pytest.MonkeyPatch, level: int
) -> None:
    """Tiles of 4 give a tree of many levels."""
    monkeypatch.setattr("audit.verify.evidence.WIDTH", 4)
    monkeypatch.setattr("audit.proofs.tiles.WIDTH", 4)
    rows("alter table ledger.tiles drop constraint tiles_hashes_check")
    rows(MANY, 1, 700)
    await extended(database_url)
    follow(database_url)
    forge_tile(rows, tamper, level, 0)
    with pytest.raises(Divergence, match=f"stored tile 0 of level {level} was altered: the tile") as wrong:
        follow(database_url)
    assert wrong.value.position == 701


@pytest.mark.parametrize("width", [4, 256])
async def test_the_root_that_a_checkpoint_states_is_compared_at_any_size(
    rows: Any, database_url: str, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Tiles of 4 give a tree of many levels."""
    monkeypatch.setattr("audit.verify.evidence.WIDTH", width)
    rows(MANY, 1, 700)
    events = recorded(rows)
    sizes = [1, 3, 4, 5, 16, 17, 63, 64, 65, 255, 256, 257, 300, 512, 513, 700]
    follow(database_url, [stated(events, size, size) for size in sizes])
    for size in sizes[1:]:
        with pytest.raises(Divergence, match=f"at position {size} does not fit"):
            follow(database_url, [stated(events, size, size - 1)])
