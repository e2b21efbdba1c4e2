"""The checkpoint signer: extends the Merkle tree, signs due checkpoints and publishes them."""

import time

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from loguru import logger

from audit.proofs.not_proved import NotProved
from audit.proofs.publishing import NotDelivered, publish, read_last_delivered
from audit.proofs.signer import SigningStatus, read_status, record_refusal, sign_checkpoint
from audit.proofs.tiles import LogMismatch, extend
from ledger.ledger import Ledger
from ledger.submission import Overloaded, Unavailable
from runtime.tasks import Task

BATCHES_MAX = 16
"""Batches of tiles in one run: 262,144 events. The next run continues."""

REST_SECONDS = 5
REST_SECONDS_MAX = 60
"""Limit of the backoff after a sink rejected a checkpoint."""

_Transient = (psycopg.Error, Unavailable, Overloaded, TimeoutError)
"""Errors that pass. The next run tries again."""


class CheckpointSigner:
    """Signs checkpoints. Any number of schedulers may call `run`: concurrent work is done once."""

    def __init__(self, ledger: Ledger, key: Ed25519PrivateKey | None) -> None:
        self._ledger = ledger
        self._settings = ledger.settings
        self._key = key
        self._logged_refusal: str | None = None
        self._sink_failing = False
        self._rest = REST_SECONDS
        self._resting_until = 0.0
        self.task = Task("checkpoints", "checkpoints.interrupted", "checkpoints.failed", transient=_Transient)

    async def run(self) -> None:
        await self.task.run(self._work)

    async def _work(self) -> None:
        if await self._follow() and self._key and self._settings.checkpoints:
            await self._sign(self._key, self._settings.checkpoints)
            await self._publish(self._settings.checkpoints)

    async def _follow(self) -> bool:
        """Extend the stored tree, and return whether it reaches the head."""
        try:
            for _ in range(BATCHES_MAX):
                async with self._ledger.read() as connection:
                    if not await extend(connection):
                        return True
        except LogMismatch:
            return True  # signing finds the divergence again and reports it
        return False

    async def _sign(self, key: Ed25519PrivateKey, sink: str) -> None:
        async with self._ledger.read() as connection:
            now = await read_status(connection)
        refusal = None
        try:
            seen = await read_last_delivered(sink)
            if not self._is_due(now) and not (seen and seen.position > now.head):
                return
            async with self._ledger.read() as connection:
                made = await sign_checkpoint(connection, key, [seen] if seen else [])
            if made and made.position != now.signed:
                logger.bind(position=made.position).info("checkpoint.signed")
        except (LogMismatch, NotProved) as problem:
            refusal = str(problem)
        except OSError as problem:
            self._back_off(problem)
            return
        await self._note(now, refusal)

    def _is_due(self, now: SigningStatus) -> bool:
        """Return whether a checkpoint is due: by events, by age, or at once on a divergence or a refusal."""
        grown = now.head - now.signed
        return bool(
            not now.fits
            or now.refusal is not None
            or grown >= self._settings.checkpoint_events
            or (grown and (now.age is None or now.age >= self._settings.checkpoint_seconds))
        )

    async def _note(self, now: SigningStatus, refusal: str | None) -> None:
        """Log a changed refusal once in each process, and store it once for readiness."""
        if refusal != now.refusal:
            async with self._ledger.read() as connection:
                await record_refusal(connection, refusal)
        if refusal != self._logged_refusal:
            if refusal is None:
                logger.info("checkpoints.fit_again")
            else:
                logger.bind(reason=refusal).error("checkpoints.refused")
        self._logged_refusal = refusal

    async def _publish(self, sink: str) -> None:
        if time.monotonic() < self._resting_until:
            return
        try:
            given = await publish(self._ledger.read, sink)
        except (NotDelivered, NotProved, OSError) as problem:
            self._back_off(problem)
            return
        if given:
            if self._sink_failing:
                logger.info("checkpoints.taken_again")
            self._sink_failing, self._rest = False, REST_SECONDS

    def _back_off(self, problem: Exception) -> None:
        """Log the first failure, and back off. Nothing is lost: the database keeps all checkpoints."""
        if not self._sink_failing:
            logger.bind(error=str(problem)).error("checkpoints.not_taken")
        self._sink_failing = True
        self._resting_until = time.monotonic() + self._rest
        self._rest = min(2 * self._rest, REST_SECONDS_MAX)
