"""Refusals for the account, the key, the version or the record that a request names."""

from domain.refusals.base import NothingFound, Refusal, Sometimes


class StaleVersion(Refusal):
    """The current version differs from the version in the request.

    Read it again, and send the command with the present `ETag` if it still makes sense.
    """

    is_recorded = False
    expected: Sometimes[int]
    version: int


class VersionNotFound(NothingFound):
    """There is no such version yet.

    Ask for `version` or an earlier one.
    """

    version: int


class CommandNotFound(NothingFound):
    """No outcome is recorded under this actor, operation and key.

    Check all three. If they are right, the command never arrived: send it, with the same key.
    """


class CheckpointNotFound(NothingFound):
    """No such checkpoint has been signed yet.

    Wait for the next checkpoint, and ask again.
    """

    last_position: Sometimes[int]


class IdempotencyKeyReused(Refusal):
    """The idempotency key was already used with a different request.

    Use a new key for each command, and the same key only to repeat the same command.
    """

    is_recorded = False


class BulkKeysMixed(Refusal):
    """Some keys of the atomic bulk are known and others are new.

    Repeat the first request unchanged, or use new keys for all items.
    """

    is_recorded = False
    known_keys: list[str]


class NotYourAccount(Refusal):
    """The caller may act only for its own account.

    Send the `sub` of the token as `user_id`, or use a token of an operator.
    """

    is_recorded = False
