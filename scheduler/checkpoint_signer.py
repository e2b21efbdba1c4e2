"""The notary: lets the tree follow the log, signs checkpoints when they are due, and sees them out."""

import time

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from loguru import logger

from audit.proofs.publishing import NotTaken, last_taken, publish
from audit.proofs.refuted import Refuted
from audit.proofs.signer import Standing, checkpoint_now, note_refusal, standing
from audit.proofs.tiles import Unfit, extend
from ledger.ledger import Ledger
from ledger.submission import Overloaded, Unavailable

BATCHES_MAX = 16
"""Batches of tiles at one pulse, 262,144 events; the next one goes on."""

REST_SECONDS = 5
REST_SECONDS_MAX = 60
"""A sink that does not take checkpoints is asked again after a while, each time a longer one."""

_Passing = (psycopg.Error, Unavailable, Overloaded, TimeoutError)
"""The pulse tells of it, and the next one tries again."""


class CheckpointSigner:
    """`run` is called at each pulse. Any number of schedulers may do so: what two do at once is done once."""

    def __init__(self, ledger: Ledger, key: Ed25519PrivateKey | None) -> None:
        self._ledger = ledger
        self._settings = ledger.settings
        self._key = key
        self._told_refusal: str | None = None
        self._told_sink = False
        self._rest = REST_SECONDS
        self._resting_until = 0.0

    async def run(self) -> None:
        try:
            if await self._follow() and self._key and self._settings.checkpoints:
                await self._sign(self._key, self._settings.checkpoints)
                await self._publish(self._settings.checkpoints)
        except _Passing:
            return
        except Exception:
            logger.exception("checkpoints.failed")

    async def _follow(self) -> bool:
        """Does the stored tree reach the head?"""
        try:
            for _ in range(BATCHES_MAX):
                async with self._ledger.read() as connection:
                    if not await extend(connection):
                        return True
        except Unfit:
            return True  # signing finds it again, and tells
        return False

    async def _sign(self, key: Ed25519PrivateKey, sink: str) -> None:
        async with self._ledger.read() as connection:
            now = await standing(connection)
        if not self._is_due(now):
            return
        refusal = None
        try:
            seen = await last_taken(sink)
            async with self._ledger.read() as connection:
                made = await checkpoint_now(connection, key, [seen] if seen else [])
            if made and made.position != now.signed:
                logger.bind(position=made.position).info("checkpoint.signed")
        except (Unfit, Refuted) as problem:
            refusal = str(problem)
        except OSError as problem:
            self._complain(problem)
            return
        await self._note(now, refusal)

    def _is_due(self, now: Standing) -> bool:
        """After so many events or so long; at once where the log is not what it was, or was refused."""
        grown = now.head - now.signed
        return bool(
            not now.fits
            or now.refusal is not None
            or grown >= self._settings.checkpoint_events
            or (grown and (now.age is None or now.age >= self._settings.checkpoint_seconds))
        )

    async def _note(self, now: Standing, refusal: str | None) -> None:
        """Turns are told once by each process, and kept for readiness once by all of them."""
        if refusal != now.refusal:
            async with self._ledger.read() as connection:
                await note_refusal(connection, refusal)
        if refusal != self._told_refusal:
            if refusal is None:
                logger.info("checkpoints.fit_again")
            else:
                logger.bind(reason=refusal).error("checkpoints.refused")
        self._told_refusal = refusal

    async def _publish(self, sink: str) -> None:
        if time.monotonic() < self._resting_until:
            return
        try:
            given = await publish(self._ledger.read, sink)
        except (NotTaken, Refuted, OSError) as problem:
            self._complain(problem)
            return
        if given:
            if self._told_sink:
                logger.info("checkpoints.taken_again")
            self._told_sink, self._rest = False, REST_SECONDS

    def _complain(self, problem: Exception) -> None:
        """Once, until it works again. Nothing is lost: checkpoints are kept in the database."""
        if not self._told_sink:
            logger.bind(error=str(problem)).error("checkpoints.not_taken")
        self._told_sink = True
        self._resting_until = time.monotonic() + self._rest
        self._rest = min(2 * self._rest, REST_SECONDS_MAX)
