"""Commands for proofs: `public-key`, `checkpoint` and `prove`."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.proofs import check, prover, signer
from audit.proofs.checkpoint import Checkpoint, key_id
from audit.proofs.checkpoint_file import read_last_checkpoint
from audit.proofs.heads import sign_heads
from audit.proofs.keys import existing_key, public_pem
from audit.proofs.not_proved import NotProved
from audit.proofs.publishing import NotDelivered, deliver, read_last_delivered
from audit.proofs.tiles import LogMismatch
from cli.existing_ledger import existing_ledger, ledger_names
from cli.options import DATA, LEDGER, add
from database.connection import Connection, connect
from runtime.setting_values import checkpoint_sink
from runtime.settings import Settings, WrongSetting

T = TypeVar("T")
Work = Callable[[Connection, Ed25519PrivateKey], Awaitable[str]]

_REFUSALS = (LogMismatch, prover.NotProvable, NotDelivered, NotProved)


def public_key(settings: Settings) -> int:
    """Print the public key that checks this ledger's signatures."""
    print(public_pem(existing_key(settings)), end="")
    return 0


def checkpoint(settings: Settings, to: str | None, heads: bool) -> int:
    """Sign a checkpoint of the current log, print it, and send it to `to`. `heads` lists all ledgers."""
    if heads:
        if to:
            raise WrongSetting("--to: is for the checkpoint of one ledger, so it cannot be given with --all")
        return _list_heads(settings)
    to = to and _sink(to)

    async def work(connection: Connection, key: Ed25519PrivateKey) -> str:
        earlier = await read_last_delivered(to) if to else None
        new = await _sign_now(settings, connection, key, earlier)
        if to:
            await deliver(to, new)
        return new.line()

    return _run(settings, work)


def _list_heads(settings: Settings) -> int:
    """Sign a checkpoint of each ledger, and print the list of them, signed by the key of `main`."""
    heads, time = dict[str, Checkpoint | None](), ""
    try:
        with ledger_names(settings) as names:
            # `main` comes last, so that its clock says when all heads had been read.
            for name in reversed(names):
                heads[name], time = _head(settings.of_ledger(name))
    except _REFUSALS as error:
        print(f"seatledger: {error}", file=sys.stderr)
        return 1
    print(sign_heads(existing_key(settings), time, {name: heads[name] for name in names}), end="")
    return 0


def _head(settings: Settings) -> tuple[Checkpoint | None, str]:
    """Return a checkpoint of the ledger's log, None if it is empty, and the time after that."""

    async def work(connection: Connection, key: Ed25519PrivateKey) -> tuple[Checkpoint | None, str]:
        return await _try_to_sign(settings, connection, key), await signer.read_time(connection)

    with existing_ledger(settings) as url:
        return asyncio.run(_with_connection(url, existing_key(settings), work))


def prove(
    settings: Settings, booking: str | None, checkpoint: Path | None, since: str | None, until: str | None
) -> int:
    """Print a proof of a booking's events, or that the log of one checkpoint extends the log of another."""
    if (booking is None) == (since is None) or (since and checkpoint) or (until and not since):
        raise WrongSetting(
            "prove: takes BOOKING [--checkpoint FILE], or --from FILE|POSITION [--to POSITION]"
        )
    booking_id = _booking_id(booking) if booking else None
    # An absolute path, so that a file named by a number is not taken for a position.
    file = str(checkpoint.absolute()) if checkpoint else None

    async def work(connection: Connection, key: Ed25519PrivateKey) -> str:
        if booking_id:
            against = await (
                _find_checkpoint(connection, file, key) if file else _sign_now(settings, connection, key)
            )
            proof = await prover.booking_proof(connection, booking_id, against)
        else:
            old = await _find_checkpoint(connection, since or "", key)
            new = await (
                _find_checkpoint(connection, until, key)
                if until
                else _sign_now(settings, connection, key, old)
            )
            proof = await prover.consistency_proof(connection, old, new)
        # Check the proof before it is printed: a wrong one must fail here, not at its reader.
        check.check(proof.encode(), public_pem(key).encode())
        return proof

    return _run(settings, work)


def _run(settings: Settings, work: Work) -> int:
    key = existing_key(settings)
    try:
        with existing_ledger(settings) as url:
            print(asyncio.run(_with_connection(url, key, work)), end="")
    except _REFUSALS as error:
        print(f"seatledger: {error}", file=sys.stderr)
        return 1
    return 0


async def _with_connection(
    url: str, key: Ed25519PrivateKey, work: Callable[[Connection, Ed25519PrivateKey], Awaitable[T]]
) -> T:
    async with await connect(url, "seatledger proofs") as connection:
        return await work(connection, key)


async def _find_checkpoint(connection: Connection, source: str, key: Ed25519PrivateKey) -> Checkpoint:
    """Return the checkpoint at a position, or the last one in a file. The log must fit it.

    Raises NotProvable, LogMismatch, NotProved, OSError.
    """
    if source.isascii() and source.isdigit():
        found = await signer.at_position(connection, int(source), key_id(key.public_key()))
        missing = f"no checkpoint was made at position {source}"
    else:
        if not Path(source).exists():  # noqa: ASYNC240 - nothing else runs in this loop
            raise WrongSetting(f"{source}: must name a file that exists")
        found, missing = read_last_checkpoint(Path(source)), f"{source} holds no checkpoint"
    if found is None:
        raise prover.NotProvable(missing)
    await signer.require_fit(connection, found, key)
    return found


async def _sign_now(
    settings: Settings, connection: Connection, key: Ed25519PrivateKey, *earlier: Checkpoint | None
) -> Checkpoint:
    """Sign the current log, if it extends the checkpoints at the sink. Raises NotProvable, LogMismatch."""
    new = await _try_to_sign(settings, connection, key, *earlier)
    if new is None:
        raise prover.NotProvable("the log is empty")
    return new


async def _try_to_sign(
    settings: Settings, connection: Connection, key: Ed25519PrivateKey, *earlier: Checkpoint | None
) -> Checkpoint | None:
    """Sign the current log like `_sign_now`. Return None if it is empty. Raises LogMismatch."""
    taken = await read_last_delivered(settings.checkpoints) if settings.checkpoints else None
    return await signer.sign_checkpoint(connection, key, filter(None, [taken, *earlier]))


def _booking_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise WrongSetting("BOOKING: must be the id of a booking") from None


def _sink(text: str) -> str:
    try:
        return checkpoint_sink(text)
    except ValueError as error:
        raise WrongSetting(f"--to: {error}") from None


def register(commands: Any) -> None:
    add(
        commands,
        "public-key",
        public_key,
        "print the public key that checks the ledger's signatures",
        [DATA, LEDGER],
    )
    signed = add(
        commands,
        "checkpoint",
        checkpoint,
        "sign a checkpoint of the current log, and print it",
        [DATA, LEDGER],
    )
    signed.add_argument("--to", metavar="FILE|URL", help="also append it to a file, or POST it")
    signed.add_argument(
        "--all",
        dest="heads",
        action="store_true",
        help="sign one of every ledger, and print a signed list of them for check-proof",
    )
    proof = add(
        commands,
        "prove",
        prove,
        "print a proof for check-proof: of a booking's history, or that the log only grew",
        [DATA, LEDGER],
    )
    proof.add_argument("booking", nargs="?", metavar="BOOKING", help="the booking's id")
    proof.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="prove against the last checkpoint in FILE (a new one)",
    )
    proof.add_argument(
        "--from", dest="since", metavar="FILE|POSITION", help="prove that the log extends this checkpoint"
    )
    proof.add_argument(
        "--to", dest="until", metavar="FILE|POSITION", help="newer checkpoint of that proof (a new one)"
    )
