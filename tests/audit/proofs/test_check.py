"""The checker trusts only the key; any change of a proof's content fails, and its layout does not count."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.proofs import canonical_json
from audit.proofs.check import EVENT_NAMES, INDENT, STATUS_AFTER, check, leaf
from audit.proofs.checkpoint import key_id, sign
from audit.proofs.keys import public_pem
from audit.proofs.not_proved import NotProved
from audit.proofs.prover import NotProvable, booking_proof, consistency_proof
from audit.proofs.tree import leaf_hash
from database.connection import connect
from domain.booking import Booking
from ledger import log as the_log
from ledger.chain import lines
from ledger.codec import EVENT_TYPES

NOON = "2030-01-01T12:00:00.000000Z"


@pytest.fixture
async def proof(log: list[UUID], sign: Any, database_url: str) -> bytes:
    """Alice's booking: initiated, paid and cancelled, with 5 events."""
    checkpoint = await sign()
    async with await connect(database_url, "test") as connection:
        return (await booking_proof(connection, log[1], checkpoint)).encode()


def content(text: bytes) -> Any:
    """The value of a JSON text, or NotProved where it has none. It shares no code with the checker."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return NotProved


def expect(text: bytes, pem: bytes, proof: bytes, told: list[str]) -> None:
    """A text is proved if and only if its content is that of the genuine proof."""
    if content(text) == content(proof):
        assert check(text, pem) == told
    else:
        with pytest.raises(NotProved):
            check(text, pem)


def edited(proof: bytes, edit: Callable[[Any], None]) -> bytes:
    """A forged proof in canonical form."""
    value = json.loads(proof)
    edit(value)
    return canonical_json.encode(value, INDENT).encode()


async def test_a_proof_lists_the_events_of_the_booking(
    proof: bytes, pem: bytes, log: list[UUID], database_url: str, key: Ed25519PrivateKey
) -> None:
    first, *events, last = check(proof, pem)
    assert first == f"booking {log[1]}"
    assert last.startswith("proved against checkpoint at position 8 of 20")
    assert last.endswith(f"key {key_id(key.public_key())}")
    async with await connect(database_url, "test") as connection:
        recorded = await the_log.read_stream(connection, log[1])
    told = [line.split() for line in events]
    for said, (event, booking) in zip(told, the_log.steps(recorded), strict=True):
        time = f"{event.recorded_at:%Y-%m-%dT%H:%M:%S.%f}Z"
        assert said == [str(event.position), time, event.topic, event.actor, booking.status.value]


async def test_a_leaf_is_what_the_chain_hashes(log: list[UUID], proof: bytes, database_url: str) -> None:
    async with await connect(database_url, "test") as connection:
        recorded = await the_log.read_stream(connection, log[1])
    told = [leaf([event[name] for name in EVENT_NAMES]) for event in json.loads(proof)["events"]]
    assert told == [lines(event) for event in recorded]


async def test_every_byte_of_the_content_counts(proof: bytes, pem: bytes) -> None:
    told = check(proof, pem)
    for place in range(len(proof)):
        for change in (0x01, 0x20, 0x80):
            wrong = bytearray(proof)
            wrong[place] ^= change
            expect(bytes(wrong), pem, proof, told)
        expect(proof[:place], pem, proof, told)
        expect(proof[:place] + b" " + proof[place:], pem, proof, told)


async def test_the_layout_of_a_proof_does_not_count(proof: bytes, pem: bytes) -> None:
    """As `jq .`, `jq -c`, `jq -S`, an editor on Windows and a JSON library write it."""
    value, told = json.loads(proof), check(proof, pem)
    layouts = [
        json.dumps(value, indent=2),
        json.dumps(value, separators=(",", ":")),
        json.dumps(value, indent=2, sort_keys=True),
        proof.decode().replace("\n", "\r\n"),
        proof.decode().replace("booking", "\\u0062ooking"),
    ]
    for text in layouts:
        assert text.encode() != proof
        assert check(text.encode(), pem) == told


async def test_a_proof_with_a_doubled_name_is_rejected(proof: bytes, pem: bytes) -> None:
    """A reader that takes the first value would see another event than the checker."""
    for name in ('"actor": "', '"format": "', '"root": "'):
        doubled = proof.replace(name.encode(), f'{name}other", {name}'.encode(), 1)
        assert content(doubled) == content(proof)
        with pytest.raises(NotProved, match="name twice"):
            check(doubled, pem)


async def test_a_proof_says_that_later_events_are_not_excluded(
    proof: bytes, pem: bytes, key: Ed25519PrivateKey
) -> None:
    for left, shown in ((5, "these 5 events"), (3, "these 3 events"), (1, "this event")):
        cut = edited(proof, lambda p, left=left: p.update(events=p["events"][:left]))
        _, *events, last = check(cut, pem)
        assert len(events) == left
        assert f"the log has {shown}, up to version {left}; later ones are not excluded" in last
        assert last.startswith("proved against checkpoint at position 8 of 20")
        assert last.endswith(f"key {key_id(key.public_key())}")


FORGERIES: list[tuple[str, Callable[[Any], Any]]] = [
    ("is not what the log", lambda p: p["events"][1].update(actor="mallory")),
    ("is not what the log", lambda p: p["events"][0].update(state='{"seats":2}')),
    ("is not what the log", lambda p: p["events"][0].update(recorded_at=p["events"][0]["recorded_at"] - 1)),
    ("is not what the log", lambda p: p["events"][2]["path"].pop()),
    ("is not what the log", lambda p: p["events"][2]["path"].append("00" * 32)),
    ("is not what the log", lambda p: p["events"][0]["path"].reverse()),
    ("is not version 2", lambda p: p["events"].pop(1)),
    ("is not version 1", lambda p: p["events"].reverse()),
    ("must be a list of some", lambda p: p["events"].clear()),
    ("must have", lambda p: p["events"][0].pop("actor")),
    ("must have", lambda p: p["events"][0].update(more="")),
    ("must have", lambda p: p.update(more="")),
    ("past the checkpoint's", lambda p: p["events"][-1].update(position=9)),
    ("one line of text", lambda p: p["events"][0].update(correlation_id="a\nb")),
    ("one line of text", lambda p: p["events"][0].update(actor=["alice"])),
    ("an integer of at least 1", lambda p: p["events"][0].update(ordinal=True)),
    ("an integer of at least 1", lambda p: p["events"][0].update(position=1.0)),
    ("64 hex digits", lambda p: p["events"][0]["path"].append("zz")),
    ("must be a list", lambda p: p["events"][0].update(path="")),
    ("is not version 1", lambda p: p.update(booking_id="another")),
    ("signature", lambda p: p["checkpoint"].update(position=7)),
    ("signature", lambda p: p["checkpoint"].update(root="00" * 32)),
    ("signature", lambda p: p["checkpoint"].update(hash="00" * 32)),
    ("signature", lambda p: p["checkpoint"].update(time=NOON)),
    ("signature", lambda p: p["checkpoint"].update(signature="AAAA")),
    ("signature", lambda p: p["checkpoint"].update(signature="")),
    ("names the key", lambda p: p["checkpoint"].update(key="0" * 16)),
    ("must be UTC", lambda p: p["checkpoint"].update(time="yesterday")),
    ("format", lambda p: p.update(format="seatledger-proof/2")),
]


@pytest.mark.parametrize(("reason", "forge"), FORGERIES)
async def test_a_forged_proof_is_rejected(
    proof: bytes, pem: bytes, reason: str, forge: Callable[[Any], None]
) -> None:
    with pytest.raises(NotProved, match=reason):
        check(edited(proof, forge), pem)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"null\n",
        b"[]\n",
        b"{}\n",
        b"[" * 100_000,
        b"\xff",
        b'"\\ud800"',
        b"NaN",
        b"9" * 5000,
        b" " * (9 * 2**20),
    ],
)
def test_invalid_files_are_rejected(rubbish: bytes, pem: bytes) -> None:
    with pytest.raises(NotProved):
        check(rubbish, pem)


async def test_another_key_under_the_same_id_is_rejected(proof: bytes, key: Ed25519PrivateKey) -> None:
    other = Ed25519PrivateKey.generate()
    with pytest.raises(NotProved, match="names the key"):
        check(proof, public_pem(other).encode())
    position, root = 8, bytes(32)
    forged = sign(other, position, bytes(32), root, NOON)
    own = key_id(key.public_key())

    def put(value: Any) -> None:
        value["checkpoint"].update(signature=forged.signature, key=own)

    with pytest.raises(NotProved, match="signature"):
        check(edited(proof, put), public_pem(key).encode())


async def test_a_signature_has_one_canonical_form(proof: bytes, pem: bytes) -> None:
    """The last letter of base64 has unused bits."""

    def respell(value: Any) -> None:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        signature = value["checkpoint"]["signature"]
        other = letters[letters.index(signature[-3]) + 1]
        value["checkpoint"]["signature"] = signature[:-3] + other + "=="

    with pytest.raises(NotProved, match="signature"):
        check(edited(proof, respell), pem)


async def test_a_key_file_may_contain_earlier_keys(proof: bytes, pem: bytes) -> None:
    older = public_pem(Ed25519PrivateKey.generate()).encode()
    assert check(proof, older + pem) == check(proof, pem)


def test_a_key_file_without_a_valid_key_is_rejected() -> None:
    curve = generate_private_key(SECP256R1()).public_key()
    wrong = curve.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    rubbish = b"-----BEGIN PUBLIC KEY-----\nrubbish\n-----END PUBLIC KEY-----"
    for pem in (b"", b"rubbish", wrong, rubbish):
        with pytest.raises(NotProved, match="key file"):
            check(b"{}\n", pem)


async def test_a_consistency_proof_shows_that_the_log_only_grew(
    log: list[UUID], desk: Any, sign: Any, pem: bytes, database_url: str
) -> None:
    old = await sign()
    await desk.hold(log[0], "erin")
    new = await sign()
    async with await connect(database_url, "test") as connection:
        proof = (await consistency_proof(connection, old, new)).encode()
        with pytest.raises(NotProvable, match="past"):
            await consistency_proof(connection, new, old)
    told = check(proof, pem)
    assert told[0].startswith("nothing up to position 8 has changed")
    assert "its log begins with the log of position 8; later events are not shown" in told[-1]
    for place in range(len(proof)):
        wrong = bytearray(proof)
        wrong[place] ^= 0x01
        expect(bytes(wrong), pem, proof, told)


async def test_a_fork_fails_the_consistency_proof(
    log: list[UUID], desk: Any, sign: Any, key: Ed25519PrivateKey, pem: bytes, database_url: str
) -> None:
    old = await sign()
    await desk.hold(log[0], "erin")
    new = await sign()
    fork = sign_root(key, old.position, bytes(32))
    async with await connect(database_url, "test") as connection:
        proof = (await consistency_proof(connection, fork, new)).encode()
    with pytest.raises(NotProved, match="a fork"):
        check(proof, pem)


def sign_root(key: Ed25519PrivateKey, position: int, root: bytes) -> Any:
    return sign(key, position, bytes(32), root, NOON)


async def test_only_a_booking_has_a_proof(log: list[UUID], sign: Any, database_url: str) -> None:
    checkpoint = await sign()
    async with await connect(database_url, "test") as connection:
        with pytest.raises(NotProvable, match="not a booking"):
            await booking_proof(connection, log[0], checkpoint)
        with pytest.raises(NotProvable, match="no event"):
            await booking_proof(connection, UUID(int=0), checkpoint)


def test_the_table_of_statuses_names_real_events() -> None:
    assert set(STATUS_AFTER) <= set(EVENT_TYPES)
    statuses = {event.TOPIC for event in vars(Booking).values() if hasattr(event, "TOPIC")}
    assert set(STATUS_AFTER) <= statuses


def test_a_name_cannot_control_the_terminal(key: Ed25519PrivateKey, pem: bytes) -> None:
    values = (1, "b", 1, "booking.booked", "{}", "\x1b[2J", "pay", 1, "k", "", "", 1, "")
    event = dict(zip(EVENT_NAMES, values, strict=True))
    checkpoint = sign_root(key, 1, leaf_hash(leaf(values)))
    proof = {
        "format": "seatledger-proof/1",
        "booking_id": "b",
        "events": [{**event, "path": []}],
        "checkpoint": json.loads(checkpoint.line()),
    }
    told = check(canonical_json.encode(proof, INDENT).encode(), pem)
    assert "\x1b" not in "".join(told)
    assert "1970-01-01T00:00:00.000001Z" in told[1]


async def test_an_auditor_can_copy_the_checker(
    proof: bytes, pem: bytes, checkout: Path, tmp_path: Path
) -> None:
    """Five files and `cryptography` suffice, without the rest of the program and its dependencies."""
    taken = tmp_path / "taken" / "audit" / "proofs"
    taken.mkdir(parents=True)
    for name in ("check", "checkpoint", "not_proved", "canonical_json", "tree"):
        shutil.copy(checkout / "audit" / "proofs" / f"{name}.py", taken)
    (tmp_path / "proof.json").write_bytes(proof)
    (tmp_path / "auditor.pub").write_bytes(pem)
    program = (
        "import sys, runpy\n"
        "for name in ('psycopg', 'msgspec', 'loguru', 'eventsourcing', 'domain'): sys.modules[name] = None\n"
        "sys.argv[1:] = ['../proof.json', '../auditor.pub']\n"
        "runpy.run_module('audit.proofs.check', run_name='__main__')\n"
    )
    environment = {"PATH": os.environ["PATH"]}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program],
        cwd=tmp_path / "taken",
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "proved against checkpoint at position 8" in done.stdout
