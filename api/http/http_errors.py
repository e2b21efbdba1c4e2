"""Errors of requests that do not reach the ledger or have no outcome there."""

from collections.abc import Collection
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from database.readiness import Check
from domain.refusals.base import Refusal

NAMED_MAX = 5
"""Maximum number of errors in the detail of a validation problem."""


def allowed_methods(methods: Collection[str]) -> list[str]:
    """Return the methods of a path with these routes: OPTIONS everywhere, and HEAD where GET is."""
    return sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])})


class Rejection(Refusal):
    """The request was rejected."""

    is_recorded = False
    status: ClassVar[int] = 400
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Malformed(Rejection):
    """The request is malformed.

    Correct its request line or headers.
    """

    states_all = True


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One validation error: a JSON pointer (RFC 6901) into the body, or the name of a parameter."""

    message: str
    pointer: str | UnsetType = UNSET
    parameter: str | UnsetType = UNSET


class ValidationFailed(Rejection):
    """The request has invalid fields or parameters.

    Correct them; `errors` names each one.
    """

    states_all = True
    errors: list[FieldError]

    def __init__(self, *errors: tuple[str, str], of: Literal["pointer", "parameter"] = "pointer") -> None:
        """Each error is a JSON pointer into the body, or the name of a parameter, and a message."""
        listed = [{of: place, "message": message} for place, message in errors]
        # One message can stand alone; several need the names of what is wrong.
        named = [f"{place}: {message}" if place else message for place, message in errors[:NAMED_MAX]]
        super().__init__(errors[0][1] if len(errors) == 1 else "; ".join(named), errors=listed)


def wrong_parameter(name: str, message: str) -> ValidationFailed:
    """Return the error for one query parameter or header."""
    return ValidationFailed((name, message), of="parameter")


class IdempotencyKeyMissing(Rejection):
    """This command requires an idempotency key.

    Send one in the header `x-idempotency-key`: a new one for each payment, the same one to repeat it.
    """


class PaymentMethodMissing(Rejection):
    """This server uses a payment gateway, which needs a payment method.

    Send `payment_method` with the payment.
    """

    status = 422


class PaymentMethodUnexpected(Rejection):
    """This server has no payment gateway.

    Send the payment without `payment_method`.
    """

    status = 422


class IdempotencyKeyMalformed(Rejection):
    """The idempotency key has the wrong form.

    Send 1 to 255 printable ASCII characters without spaces, once.
    """


class LedgerNotFound(Rejection):
    """There is no ledger with this name, or the token does not allow it.

    Check the name, and the claim `ledgers` of the token.
    """

    status = 404


class CarrierNotHere(Rejection):
    """No ledger of this deployment takes flights of this carrier.

    Check the flight number, or ask an operator of the deployment to add the carrier.
    """

    status = 409


class LedgerRetired(Rejection):
    """This ledger is retired.

    Read from it; it takes no more commands.
    """

    status = 409
    ledger: str


class LedgersMixed(Rejection):
    """One request cannot change several ledgers.

    Send one request for each of them.
    """

    status = 409
    ledgers: list[str]


class Unauthenticated(Rejection):
    """This request requires a valid bearer token.

    Send one in the header Authorization; `/docs` says how to get it.
    """

    status = 401

    def __init__(
        self, detail: str = "", token_given: bool = False, reason: str = "no token", subject: str = ""
    ) -> None:
        """`reason` and the `subject` of the token, if its signature is valid, are for the log only."""
        super().__init__(detail)
        self.reason = reason
        self.subject = subject
        # RFC 6750, section 3: no error code if the request has no token.
        challenge = b'Bearer realm="seatledger"' + (b', error="invalid_token"' if token_given else b"")
        self.headers = ((b"www-authenticate", challenge),)


class Forbidden(Rejection):
    """The caller's roles do not allow this.

    Use a token with one of the roles in `required_roles`.
    """

    status = 403
    required_roles: list[str]

    def __init__(self, required: list[str]) -> None:
        super().__init__(
            f"This request requires one of the roles: {', '.join(required)}.", required_roles=required
        )
        self.headers = ((b"www-authenticate", b'Bearer realm="seatledger", error="insufficient_scope"'),)


class CrossSite(Rejection):
    """The form was not sent from this console.

    Open the page and submit the form there.
    """

    status = 403


class NotFound(Rejection):
    """There is no resource at this URL.

    Check the path; `/openapi.json` lists all paths.
    """

    status = 404


class MethodNotAllowed(Rejection):
    """This URL does not support the method.

    Use one of the methods in the header Allow.
    """

    status = 405

    def __init__(self, methods: list[str]) -> None:
        allowed = ", ".join(allowed_methods(methods))
        super().__init__(f"Allowed methods: {allowed}.")
        self.headers = ((b"allow", allowed.encode("latin-1")),)


class RequestTimeout(Rejection):
    """The request body did not arrive in time.

    Send the whole body within ten seconds.
    """

    status = 408
    headers = ((b"connection", b"close"),)


class ContentTooLarge(Rejection):
    """The request body is larger than 64 KiB.

    Send a smaller body.
    """

    status = 413


class UriTooLong(Rejection):
    """The URL is too long.

    Send at most 8192 bytes of path and query.
    """

    status = 414


class UnsupportedMediaType(Rejection):
    """The request body has another type than JSON in UTF-8.

    Send JSON with the header Content-Type: application/json, uncompressed.
    """

    status = 415


# Answers to a caller that uses more than its share. The reporter of limits gets `label`, a metric's label.
class Limited(Rejection):
    status = 429
    label: ClassVar[str]


class TooManyCommands(Limited):
    """The caller has sent too many commands in this minute.

    Wait as long as `Retry-After` says, then repeat the request.
    """

    label = "commands"
    asked: int
    limit: int

    def __init__(
        self, asked: int, limit: int, retry_after: int, fields: tuple[tuple[bytes, bytes], ...]
    ) -> None:
        detail = f"{asked} more would exceed the limit of {limit} commands a minute."
        super().__init__(detail, asked=asked, limit=limit)
        self.headers = ((b"retry-after", b"%d" % retry_after), *fields)


class TooManyStreams(Limited):
    """The caller has too many open event streams.

    Close one, or use one stream for several readers.
    """

    label = "streams"
    limit: int

    def __init__(self, limit: int) -> None:
        super().__init__(f"At most {limit} streams can be open at a time.", limit=limit)
        self.headers = (
            (b"retry-after", b"5"),
            (b"ratelimit-policy", b'"streams";q=%d;qu="concurrent-requests"' % limit),
            (b"ratelimit", b'"streams";r=0'),
        )


class InternalError(Rejection):
    """An internal error occurred.

    Repeat the request with the same key; if it fails again, report its request id, which is in the log.
    """

    status = 500


class _Temporary(Rejection):
    status = 503
    headers: tuple[tuple[bytes, bytes], ...] = ((b"retry-after", b"1"),)


class Unavailable(_Temporary):
    """The ledger did not answer in time and the outcome is unknown.

    Wait as long as `Retry-After` says, then repeat the request with the same key.
    """


class KeysUnavailable(_Temporary):
    """The keys that check tokens could not be fetched yet.

    Wait as long as `Retry-After` says, then repeat the request.
    """


class LedgerUnavailable(_Temporary):
    """One of the ledgers did not answer in time.

    Narrow the query with `ledger`, or send `partial=true`.
    """

    ledger: str

    def __init__(self, name: str) -> None:
        super().__init__(f"The ledger {name} does not answer.", ledger=name)


class LedgerMoving(_Temporary):
    """This ledger is moving to another server.

    It takes commands again in seconds: wait as long as `Retry-After` says, then repeat the request.
    """

    ledger: str


class Overloaded(_Temporary):
    """The server is overloaded and did not process the request.

    Wait as long as `Retry-After` says, then repeat the request with the same key.
    """


class PaymentInDoubt(_Temporary):
    """The payment gateway has not answered yet.

    Repeat the request with the same key to get the outcome.
    """


class PositionNotReached(_Temporary):
    """The ledger has not reached the requested position.

    Wait as long as `Retry-After` says, then repeat the request; or ask for a position that exists.
    """

    position: int

    def __init__(self, reached: int) -> None:
        super().__init__(f"The ledger is at position {reached}.", position=reached)
        self.headers = (*_Temporary.headers, (b"ledger-position", str(reached).encode()))


class VerificationTooLong(_Temporary):
    """The verification took too long.

    Verify a smaller range, or run `seatledger verify`.
    """


class NotReady(_Temporary):
    """The server is running but not ready for requests.

    Wait until all vital checks are ok.
    """

    states_all = True
    checks: list[Check]


def all_refusals(base: type[Refusal] = Refusal) -> list[type[Refusal]]:
    """Return all refusals of the ledger and the API that callers can receive."""
    kinds: list[Any] = []
    for kind in base.__subclasses__():
        kinds += [kind] if kind.__doc__ and kind is not Rejection else []
        kinds += all_refusals(kind)
    return kinds
