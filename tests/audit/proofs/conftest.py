"""A ledger with a paid booking, a key, and checkpoints."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.keys import public_pem, signing_key
from audit.proofs.signer import sign_checkpoint
from database.connection import connect
from runtime.settings import Settings
from tests.desk import desk, log, other_desk

__all__ = ["desk", "log", "other_desk"]


@pytest.fixture
def key(tmp_path: Path) -> Ed25519PrivateKey:
    return signing_key(Settings(data=tmp_path / "data"))


@pytest.fixture
def pem(key: Ed25519PrivateKey) -> bytes:
    return public_pem(key).encode()


@pytest.fixture
def sign(database_url: str, key: Ed25519PrivateKey) -> Any:
    """`await sign()` signs a checkpoint now."""

    async def make(*seen: Checkpoint) -> Checkpoint:
        async with await connect(database_url, "test") as connection:
            made = await sign_checkpoint(connection, key, seen)
            assert made
            return made

    return make


MANY = """
    insert into ledger.events
    select n, ('00000000-0000-4000-8000-' || lpad((n %% 100000)::text, 12, '0'))::uuid, n / 100000 + 1,
        'booking.initiated', '{"n":' || n || '}', 'somebody', 'initiate_booking', 1, 'key-' || n, '', '',
        '2030-01-01Z'::timestamptz + n * interval '1 millisecond', sha256(n::text::bytea),
        sha256(n::text::bytea)
    from generate_series(%s::bigint, %s::bigint) as n
"""
"""Events that are valid for the tree, with hashes that form no chain."""
