"""Rejections: requests that never reach the ledger, or come back from it without an outcome."""

from typing import Any, ClassVar

from domain.refusals import Refusal


class Rejection(Refusal):
    """The request was rejected."""

    kept = False
    status: ClassVar[int] = 400
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Malformed(Rejection):
    """The request is not one that this API understands."""


class ValidationFailed(Rejection):
    """A part of the request is not valid."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message, errors=[{"pointer": pointer, "message": message}])


class IdempotencyKeyMissing(Rejection):
    """This command needs an idempotency key."""


class PaymentMethodMissing(Rejection):
    """Payments go through a gateway here: `payment_method` must say what pays."""

    status = 422


class PaymentMethodUnexpected(Rejection):
    """No gateway takes payments here: leave `payment_method` out, and vouch for the payment."""

    status = 422


class IdempotencyKeyMalformed(Rejection):
    """An idempotency key is 1 to 255 printable ASCII characters without spaces, sent once."""


class Unauthenticated(Rejection):
    """The request needs a valid bearer token."""

    status = 401

    def __init__(self, detail: str = "", token_given: bool = False) -> None:
        super().__init__(detail)
        # RFC 6750, section 3: no error code for a request that brought no token at all.
        challenge = b'Bearer realm="seatledger"' + (b', error="invalid_token"' if token_given else b"")
        self.headers = ((b"www-authenticate", challenge),)


class Forbidden(Rejection):
    """The caller's roles do not allow this."""

    status = 403

    def __init__(self, required: list[str]) -> None:
        super().__init__(f"Needs one of the roles: {', '.join(required)}.", required_roles=required)
        self.headers = ((b"www-authenticate", b'Bearer realm="seatledger", error="insufficient_scope"'),)


class CrossSite(Rejection):
    """The form was not sent by a page of this console: open the page itself, and send it from there."""

    status = 403


class NotFound(Rejection):
    """There is nothing at this address."""

    status = 404


class MethodNotAllowed(Rejection):
    """This address does not know that method."""

    status = 405

    def __init__(self, known: list[str]) -> None:
        # The router also knows OPTIONS, which the guard lets nobody do.
        allowed = ", ".join(sorted(set(known) - {"OPTIONS"}))
        super().__init__(f"Allowed: {allowed}.")
        self.headers = ((b"allow", allowed.encode("latin-1")),)


class RequestTimeout(Rejection):
    """The body did not arrive in time."""

    status = 408
    headers = ((b"connection", b"close"),)


class ContentTooLarge(Rejection):
    """The body is larger than 64 KiB."""

    status = 413


class UriTooLong(Rejection):
    """The address is longer than this API needs."""

    status = 414


class UnsupportedMediaType(Rejection):
    """Bodies are application/json in UTF-8."""

    status = 415


class InternalError(Rejection):
    """Something went wrong on our side."""

    status = 500


class _TryAgain(Rejection):
    status = 503
    headers: tuple[tuple[bytes, bytes], ...] = ((b"retry-after", b"1"),)


class Unavailable(_TryAgain):
    """The ledger did not answer in time; the outcome is unknown, and the same key is safe to repeat."""


class Overloaded(_TryAgain):
    """Too much is waiting; nothing was done."""


class PaymentInDoubt(_TryAgain):
    """The payment gateway has not answered yet; the same key is safe to repeat, and tells the outcome."""


class PositionNotReached(_TryAgain):
    """The ledger has not reached the position query for."""

    def __init__(self, reached: int) -> None:
        super().__init__(f"It is at {reached}.", position=reached)
        self.headers = (*_TryAgain.headers, (b"ledger-position", str(reached).encode()))


class VerificationTooLong(_TryAgain):
    """The log could not be checked in time: check a part of it, or run `seatledger verify`."""


class NotReady(_TryAgain):
    """The program is running but should get no traffic."""


def all_refusals(base: type[Refusal] = Refusal) -> list[type[Refusal]]:
    """All the ways to say no, the ledger's and ours, that have a code of their own."""
    found: list[Any] = []
    for kind in base.__subclasses__():
        found += [kind] if kind.__doc__ and kind is not Rejection else []
        found += all_refusals(kind)
    return found
