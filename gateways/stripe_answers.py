"""What Stripe's answers and errors mean in the words of the protocol."""

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
"""https://docs.stripe.com/payments/paymentintents/lifecycle; `processing` is no answer yet."""


def judged(problem: stripe.StripeError) -> GatewayInDoubt | GatewayRefused:
    status = problem.http_status or 0
    # 401 and 403 are for the operator to put right; the call may well succeed after that.
    doubtful = not 400 <= status < 500 or status in (401, 403, 409, 429)
    # A key that stands for another request stands for a call of ours that was carried out: look it up.
    unsure = (stripe.RateLimitError, stripe.IdempotencyError)
    if doubtful or problem.error is None or isinstance(problem, unsure):
        return GatewayInDoubt(f"{type(problem).__name__}, HTTP status {status}")
    code = field(problem.error, "code") or field(problem.error, "type")
    return GatewayRefused(str(code or f"http_{status}"))


def declined_charge(problem: stripe.CardError) -> Charge:
    reference = field(field(problem.error, "payment_intent"), "id")
    if not reference:
        raise problem
    return Charge(str(reference), ChargeStatus.DECLINED, _decline_code(problem.error))


def charge_of(intent: Any) -> Charge:
    said = text(intent, "status")
    if said not in _STATUSES:
        raise GatewayInDoubt(f"the charge is {said}")
    status = _STATUSES[said]
    code = None
    if status is ChargeStatus.DECLINED:
        code = _decline_code(field(intent, "last_payment_error")) or said
    return Charge(text(intent, "id"), status, code)


def _decline_code(error: Any) -> str | None:
    code: str | None = field(error, "decline_code") or field(error, "code")
    return code


def repayment_of(refund: Any) -> GatewayRefund:
    said = text(refund, "status")
    failed = said in ("failed", "canceled")
    code = str(field(refund, "failure_reason") or said) if failed else None
    return GatewayRefund(text(refund, "id"), said == "succeeded", code)


def replayed(answer: stripe.StripeObject) -> bool:
    response = getattr(answer, "last_response", None)
    headers: Mapping[str, str] = response.headers if response else {}
    return headers.get("Idempotent-Replayed") == "true"


def rows(page: Any) -> list[Any]:
    rows = field(page, "data")
    if not isinstance(rows, list):
        raise GatewayInDoubt("the answer is no list")
    return rows


def text(answer: Any, name: str) -> str:
    value = field(answer, name)
    if not isinstance(value, str):
        raise GatewayInDoubt(f"the answer has no {name}")
    return value


def field(answer: Any, name: str) -> Any:
    return getattr(answer, name, None)
