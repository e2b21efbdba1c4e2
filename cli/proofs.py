"""What outsiders need: checkpoints, the public key, proofs, and checking them where there is nothing else."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from analytics.schema import migrate
from audit.proofs import check, prover, signer
from audit.proofs.checkpoint import PEM_BYTES_MAX, Checkpoint, check_signature, key_id, read_public_keys
from audit.proofs.keys import KEY_FILE, public_pem, signing_key
from audit.proofs.publishing import NotTaken, give, last_taken
from audit.proofs.refuted import Refuted
from audit.proofs.saved import last_saved, read_saved
from audit.proofs.tiles import Unfit
from cli.options import DATA, add
from database.connection import Connection, connect
from database.embedded import existing_database
from runtime.setting_values import checkpoint_sink
from runtime.settings import Settings, WrongSetting

Work = Callable[[Connection, Ed25519PrivateKey], Awaitable[str]]


def public_key(settings: Settings) -> int:
    """Print the key that checks what this ledger signs."""
    print(public_pem(signing_key(settings)), end="")
    return 0


def checkpoint(settings: Settings, to: str | None) -> int:
    """Print a checkpoint of the log as it is, and hand it over."""
    to = to and _sink(to)

    async def work(connection: Connection, key: Ed25519PrivateKey) -> str:
        seen = await last_taken(to) if to else None
        made = await _signed_now(settings, connection, key, seen)
        if to:
            await give(to, made)
        return made.line()

    return _run(settings, work)


def prove(
    settings: Settings, booking: str | None, checkpoint: Path | None, since: str | None, until: str | None
) -> int:
    """Print a proof: of a booking's events, or that the log of one checkpoint goes on from another's."""
    if (booking is None) == (since is None) or (since and checkpoint) or (until and not since):
        raise WrongSetting(
            "prove: takes BOOKING [--checkpoint FILE], or --from FILE|POSITION [--to POSITION]"
        )
    booking_id = _booking_id(booking) if booking else None
    # A file is one even if its name is a number.
    file = str(checkpoint.absolute()) if checkpoint else None

    async def work(connection: Connection, key: Ed25519PrivateKey) -> str:
        if booking_id:
            against = await (
                _stated(connection, file, key) if file else _signed_now(settings, connection, key)
            )
            proof = await prover.booking_proof(connection, booking_id, against)
        else:
            old = await _stated(connection, since or "", key)
            new = await (
                _stated(connection, until, key) if until else _signed_now(settings, connection, key, old)
            )
            proof = await prover.consistency_proof(connection, old, new)
        # Whoever gets it will check it: what does not hold is better told here.
        check.check(proof.encode(), public_pem(key).encode())
        return proof

    return _run(settings, work)


def check_proof(proof: Path, key: Path) -> int:
    """0: proved; 1: not; 2: no such file."""
    return check.report(proof, key)


def saved_checkpoints(settings: Settings, against: Path | None, key: Path | None) -> list[Checkpoint]:
    """Those in a file, each with a right signature. Raises WrongSetting, Refuted, OSError."""
    if against is None:
        if key:
            raise WrongSetting("--key: goes with --against")
        return []
    if key is None and settings.checkpoint_key is None and not (settings.data / KEY_FILE).exists():
        raise WrongSetting("--key: required, since there is no key in the data folder")
    pem = _head_of(key) if key else public_pem(signing_key(settings)).encode()
    keys, found = read_public_keys(pem), read_saved(against)
    if not found:
        raise Refuted(f"{against} holds no checkpoint")
    for one in found:
        try:
            check_signature(one, keys)
        except Refuted as refuted:
            raise Refuted(f"{against}, position {one.position}: {refuted}") from None
    return found


def _run(settings: Settings, work: Work) -> int:
    key = signing_key(settings)
    try:
        with existing_database(settings.database_url, settings.data) as url:
            migrate(url)
            print(asyncio.run(_connected(url, key, work)), end="")
    except (Unfit, prover.NotProvable, NotTaken, Refuted) as problem:
        print(f"seatledger: {problem}", file=sys.stderr)
        return 1
    return 0


async def _connected(url: str, key: Ed25519PrivateKey, work: Work) -> str:
    async with await connect(url, "seatledger proofs") as connection:
        return await work(connection, key)


async def _stated(connection: Connection, given: str, key: Ed25519PrivateKey) -> Checkpoint:
    """The checkpoint at a position, or the last in a file, which the log must fit.

    Raises NotProvable, Unfit, Refuted, OSError.
    """
    if given.isascii() and given.isdigit():
        found = await signer.at_position(connection, int(given), key_id(key.public_key()))
        missing = f"no checkpoint was made at position {given}"
    else:
        if not Path(given).exists():  # noqa: ASYNC240 - nobody else is waiting
            raise WrongSetting(f"{given}: must name a file that exists")
        found, missing = last_saved(Path(given)), f"{given} holds no checkpoint"
    if found is None:
        raise prover.NotProvable(missing)
    await signer.require_fit(connection, found, key)
    return found


async def _signed_now(
    settings: Settings, connection: Connection, key: Ed25519PrivateKey, *seen: Checkpoint | None
) -> Checkpoint:
    """A checkpoint of the log, if that goes on from what the sink saw as well. Raises NotProvable, Unfit."""
    taken = await last_taken(settings.checkpoints) if settings.checkpoints else None
    made = await signer.checkpoint_now(connection, key, filter(None, [taken, *seen]))
    if made is None:
        raise prover.NotProvable("the log is empty")
    return made


def _booking_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise WrongSetting("BOOKING: must be the id of a booking") from None


def _sink(text: str) -> str:
    try:
        return checkpoint_sink(text)
    except ValueError as problem:
        raise WrongSetting(f"--to: {problem}") from None


def _head_of(file: Path) -> bytes:
    with file.open("rb") as pem:
        return pem.read(PEM_BYTES_MAX)


def register(commands: Any) -> None:
    add(commands, "public-key", public_key, "print the key that checks what the ledger signs", [DATA])
    signed = add(commands, "checkpoint", checkpoint, "sign what the log says now, and print it", [DATA])
    signed.add_argument("--to", metavar="FILE|URL", help="also append it to a file, or POST it")
    proof = add(
        commands,
        "prove",
        prove,
        "print a proof of a booking's history, or that the log only grew, for check-proof",
        [DATA],
    )
    proof.add_argument("booking", nargs="?", metavar="BOOKING", help="the booking's id")
    proof.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="against the last one saved there (one made now)"
    )
    proof.add_argument(
        "--from", dest="since", metavar="FILE|POSITION", help="that the log goes on from this checkpoint"
    )
    proof.add_argument("--to", dest="until", metavar="FILE|POSITION", help="to this one (one made now)")
    checked = add(
        commands,
        "check-proof",
        check_proof,
        "check a proof with a public key alone: no database, no network, no settings",
        [],
    )
    checked.add_argument("proof", type=Path, metavar="PROOF", help="what `prove` printed")
    checked.add_argument("--key", type=Path, required=True, metavar="PEM", help="the ledger's public key")
