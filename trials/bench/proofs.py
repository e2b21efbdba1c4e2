"""`python -m trials.bench.proofs [--events 1000000]`: the tree's pace, and the cost of proofs."""

import argparse
import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import psycopg

from audit.proofs.check import check
from audit.proofs.keys import public_pem, signing_key
from audit.proofs.prover import booking_proof, consistency_proof
from audit.proofs.signer import sign_checkpoint
from audit.proofs.tiles import extend, subtree_hashes
from audit.proofs.tree import Peaks, inclusion_path, leaf_hash
from database.connection import connect
from runtime.settings import Settings
from trials.bench.ledgers import fresh_ledger

BOOKINGS = 100_000
LEAVES = 200_000
TRIES = 100

_FILL = f"""
    insert into ledger.events
    select n, ('00000000-0000-4000-8000-' || lpad((n %% {BOOKINGS})::text, 12, '0'))::uuid,
        n / {BOOKINGS} + 1, 'booking.initiated', '{{"n":' || n || '}}', 'somebody', 'initiate_booking', 1,
        'key-' || n, '', '',
        '2030-01-01Z'::timestamptz + n * interval '1 millisecond', sha256(n::text::bytea),
        sha256(n::text::bytea)
    from generate_series(%s::bigint, %s::bigint) as n
"""


def fill(url: str, first: int, last: int) -> None:
    """Insert well-formed events. Their hashes form no chain, which the tree does not read."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILL, (first, last))


async def measure(url: str, data: Path, events: int) -> None:
    key = signing_key(Settings(data=data))
    pem = public_pem(key).encode()
    in_memory()
    async with await connect(url, "bench") as connection:
        began = time.perf_counter()
        while await extend(connection):
            pass
        tell("tree from nothing", began, f"{events / (time.perf_counter() - began):,.0f} events/s")
        began = time.perf_counter()
        first = await sign_checkpoint(connection, key)
        tell("checkpoint", began)
        assert first
        path: Sequence[bytes] = ()
        for _ in range(TRIES):
            index = random.randrange(events)
            began = time.perf_counter()
            path = await subtree_hashes(connection, inclusion_path(index, events))
        tell("one path", began, f"{len(path)} hashes")
        proof = b""
        for _ in range(TRIES):
            booking = UUID(f"00000000-0000-4000-8000-{random.randrange(1, min(events, BOOKINGS)):012}")
            began = time.perf_counter()
            proof = (await booking_proof(connection, booking, first)).encode()
        tell("proof of a booking", began, f"{len(proof):,} bytes")
        began = time.perf_counter()
        tell(f"its check: {check(proof, pem)[-1]}", began)
        await asyncio.to_thread(fill, url, events + 1, events + 777)
        second = await sign_checkpoint(connection, key)
        assert second
        began = time.perf_counter()
        grown = (await consistency_proof(connection, first, second)).encode()
        tell("consistency proof", began, f"{len(grown):,} bytes")
        check(grown, pem)
        cursor = await connection.execute("select pg_total_relation_size('ledger.tiles')")
        print("tiles", await cursor.fetchone(), "bytes")


def in_memory() -> None:
    tree, leaves = Peaks(), [leaf_hash(b"%d" % number) for number in range(LEAVES)]
    began = time.perf_counter()
    for leaf in leaves:
        tree.append(leaf)
    tell("leaves in memory", began, f"{LEAVES / (time.perf_counter() - began):,.0f} a second")


def tell(what: str, began: float, more: str = "") -> None:
    """Run `work` several times and return the result and duration of the last run."""
    print(f"{what}: {(time.perf_counter() - began) * 1e3:,.1f} ms {more}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    with fresh_ledger() as (url, data):
        fill(url, 1, events)
        asyncio.run(measure(url, data, events))


if __name__ == "__main__":
    main()
