"""Answers to calls about webhooks by idempotency key, so that a repeated call changes nothing."""

from hashlib import sha256
from typing import LiteralString, NamedTuple

from database.connection import Connection
from domain.refusals.requests import IdempotencyKeyReused
from ledger.keyring import Keyring


class KeyedCall(NamedTuple):
    """A call with an idempotency key. `body` is the decoded body, encoded again."""

    caller: str
    operation: str
    key: str
    body: bytes


class KeptAnswer(NamedTuple):
    status: int
    body: bytes


class KeptAnswers:
    """The answers of a ledger over one connection. Bodies may hold a secret, so they are sealed."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring

    async def find(self, call: KeyedCall) -> KeptAnswer | None:
        """Return the first answer; None, and a place for it, for a new key. Runs within a transaction.

        A call waits here for another one with the same key. Raises IdempotencyKeyReused for another body.
        """
        place = self._place(call)
        fingerprint = sha256(call.body).digest()
        if (await self._connection.execute(_TAKE, (*place, fingerprint))).rowcount:
            return None
        row = await (await self._connection.execute(_FIND, place)).fetchone()
        assert row is not None
        kept, status, sealed = row
        if kept != fingerprint:
            raise IdempotencyKeyReused
        return KeptAnswer(status, self._keyring.unseal(sealed, _context(call)).encode())

    async def keep(self, call: KeyedCall, answer: KeptAnswer) -> None:
        sealed = self._keyring.seal(answer.body.decode(), _context(call))
        await self._connection.execute(_KEEP, (answer.status, sealed, *self._place(call)))

    def _place(self, call: KeyedCall) -> tuple[bytes, str, str]:
        return self._keyring.lookup_hash(call.caller), call.operation, call.key


def _context(call: KeyedCall) -> str:
    return f"webhook answer {call.operation} {call.key}"


_TAKE: LiteralString = """
    insert into webhook_outcomes (caller, operation, key, fingerprint, status, sealed_body)
    values (%s, %s, %s, %s, 0, '') on conflict do nothing
"""
_FIND: LiteralString = """
    select fingerprint, status, sealed_body from webhook_outcomes
    where caller = %s and operation = %s and key = %s
"""
_KEEP: LiteralString = """
    update webhook_outcomes set status = %s, sealed_body = %s
    where caller = %s and operation = %s and key = %s
"""
