"""Translation of Stripe's answers and errors into charges, refunds and gateway errors."""

from collections.abc import Mapping
from typing import Any

import stripe

from gateways import Charge, ChargeStatus, GatewayInDoubt, GatewayRefund, GatewayRefused

_STATUSES = {
    "requires_capture": ChargeStatus.AUTHORISED,
    "succeeded": ChargeStatus.CAPTURED,
    "canceled": ChargeStatus.RELEASED,
    "requires_payment_method": ChargeStatus.DECLINED,
    "requires_confirmation": ChargeStatus.DECLINED,
    "requires_action": ChargeStatus.DECLINED,
}
"""https://docs.stripe.com/payments/paymentintents/lifecycle; `processing` is not final."""


def as_gateway_error(error: stripe.StripeError) -> GatewayInDoubt | GatewayRefused:
    status = error.http_status or 0
    # An operator can correct the key behind a 401 or 403; then the same call may succeed.
    in_doubt = not 400 <= status < 500 or status in (401, 403, 409, 429)
    # An idempotency key used with other parameters belongs to a call that was executed: look it up.
    unknown_outcome = (stripe.RateLimitError, stripe.IdempotencyError)
    if in_doubt or error.error is None or isinstance(error, unknown_outcome):
        return GatewayInDoubt(f"{type(error).__name__}, HTTP status {status}")
    code = field(error.error, "code") or field(error.error, "type")
    return GatewayRefused(str(code or f"http_{status}"))


def declined_charge(error: stripe.CardError) -> Charge:
    reference = field(field(error.error, "payment_intent"), "id")
    if not reference:
        raise error
    return Charge(str(reference), ChargeStatus.DECLINED, _decline_code(error.error))


def charge_of(intent: Any) -> Charge:
    status_text = text(intent, "status")
    if status_text not in _STATUSES:
        raise GatewayInDoubt(f"the charge is {status_text}")
    status = _STATUSES[status_text]
    code = None
    if status is ChargeStatus.DECLINED:
        code = _decline_code(field(intent, "last_payment_error")) or status_text
    return Charge(text(intent, "id"), status, code)


def _decline_code(error: Any) -> str | None:
    code: str | None = field(error, "decline_code") or field(error, "code")
    return code


def refund_of(refund: Any) -> GatewayRefund:
    status_text = text(refund, "status")
    failed = status_text in ("failed", "canceled")
    code = str(field(refund, "failure_reason") or status_text) if failed else None
    return GatewayRefund(text(refund, "id"), status_text == "succeeded", code)


def is_replay(answer: stripe.StripeObject) -> bool:
    response = getattr(answer, "last_response", None)
    headers: Mapping[str, str] = response.headers if response else {}
    return headers.get("Idempotent-Replayed") == "true"


def rows(page: Any) -> list[Any]:
    rows = field(page, "data")
    if not isinstance(rows, list):
        raise GatewayInDoubt("the answer is not a list")
    return rows


def text(answer: Any, name: str) -> str:
    value = field(answer, name)
    if not isinstance(value, str):
        raise GatewayInDoubt(f"the answer has no {name}")
    return value


def field(answer: Any, name: str) -> Any:
    return getattr(answer, name, None)
