"""Checkpoints and proofs over HTTP. Clients get proofs of their own bookings only."""

from pathlib import Path
from typing import Any

import pytest

from audit.proofs.check import check
from audit.proofs.checkpoint import Checkpoint, check_signature, read_checkpoint, read_public_keys
from audit.proofs.keys import public_pem, signing_key
from audit.proofs.signer import sign_checkpoint
from database.connection import connect
from runtime.settings import Settings
from tests.api.conftest import People


@pytest.fixture
def pem(tmp_path: Path) -> bytes:
    return public_pem(signing_key(Settings(data=tmp_path))).encode()


@pytest.fixture
def sign(database_url: str, tmp_path: Path) -> Any:
    async def make() -> Checkpoint | None:
        async with await connect(database_url, "test") as connection:
            return await sign_checkpoint(connection, signing_key(Settings(data=tmp_path)))

    return make


async def test_the_last_checkpoint_can_be_retrieved(people: People, sign: Any, pem: bytes) -> None:
    await people.flight()
    missing = await people.auditor.get("/api/v1/audit/checkpoint")
    assert (missing.status_code, missing.json()["code"]) == (404, "checkpoint-not-found")
    signed = await sign()
    served = read_checkpoint((await people.auditor.get("/api/v1/audit/checkpoint")).json())
    assert served == signed
    check_signature(served, read_public_keys(pem))
    assert (await people.alice.get("/api/v1/audit/checkpoint")).status_code == 403


async def test_the_proof_of_a_booking_verifies(people: People, sign: Any, pem: bytes) -> None:
    booking = await people.booking(await people.flight())
    address = f"/api/v1/bookings/{booking['id']}/proof"
    missing = await people.alice.get(address)
    assert (missing.status_code, missing.json()["code"]) == (404, "checkpoint-not-found")
    await sign()
    for person in (people.alice, people.auditor, people.operator):
        answer = await person.get(address)
        assert answer.status_code == 200
        assert "proved against checkpoint at position 2" in check(answer.content, pem)[-1]
    assert (await people.bob.get(address)).json()["code"] == "booking-not-found"
    assert (await people.analyst.get(address)).status_code == 403


async def test_events_after_the_last_checkpoint_have_no_proof(people: People, sign: Any) -> None:
    flight = await people.flight()
    await sign()
    booking = await people.booking(flight)
    answer = await people.alice.get(f"/api/v1/bookings/{booking['id']}/proof")
    assert (answer.status_code, answer.json()["last_position"]) == (404, 1)
