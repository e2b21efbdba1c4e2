"""Operations of the gateway: create, capture, cancel and search intents; create and list refunds."""

import json
import re
import sqlite3
import time

from domain.currencies import CODES
from gateways.simulator.objects import render_intent, render_refund
from gateways.simulator.store import Store
from gateways.simulator.wire_format import (
    StripeResponse,
    error,
    invalid,
    list_response,
    metadata,
    refusal,
    reject_unknown,
    require,
    whole_number,
)

AMOUNT_MAX = 999_999_999_999
LIMIT_MAX = 100

METHODS: dict[str, tuple[str, str] | None] = {
    "pm_card_visa": None,
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_authenticationRequired": ("authentication_required", "authentication_required"),
}
"""Stripe's test cards: None, or code and decline code of a card that is declined."""

_QUERY = re.compile(r"metadata\['([^']{1,40})'\]:'([^']{1,500})'")
_FIXED = {
    "confirm": "true",
    "capture_method": "manual",
    "allowed_payment_method_types[0]": "card",
    "error_on_requires_action": "true",
}
_FIXED_NAMES = [name.partition("[")[0] for name in _FIXED]


def create_intent(store: Store, form: dict[str, str]) -> StripeResponse:
    if any(name.startswith("payment_method_types") for name in form):
        message = "payment_method_types: use allowed_payment_method_types"
        raise refusal(400, "payment_method_types_no_longer_supported", message)
    reject_unknown(form, "amount", "currency", "payment_method", "metadata", *_FIXED_NAMES)
    amount = whole_number("amount", require(form, "amount"), AMOUNT_MAX)
    currency = require(form, "currency")
    if currency != currency.lower() or currency.upper() not in CODES:
        raise invalid("currency", "must be a lower-case ISO 4217 code")
    for name, value in _FIXED.items():
        if require(form, name) != value:
            raise invalid(name, f"this simulator knows {value} only")
    method = require(form, "payment_method")
    if method not in METHODS:
        raise refusal(400, "resource_missing", "No such PaymentMethod", param="payment_method")
    return _confirm(store, amount, currency, method, metadata(form))


def _confirm(store: Store, amount: int, currency: str, method: str, labels: dict[str, str]) -> StripeResponse:
    decline = METHODS[method]
    if decline is None:
        intent = store.add_intent(amount, currency, method, "requires_capture", labels, None)
        return StripeResponse.of(200, render_intent(intent))
    kept = json.dumps(decline)
    intent = store.add_intent(amount, currency, method, "requires_payment_method", labels, kept)
    rendered = render_intent(intent)
    return StripeResponse.of(402, {"error": {**rendered["last_payment_error"], "payment_intent": rendered}})


def retrieve_intent(store: Store, form: dict[str, str], name: str) -> StripeResponse:
    reject_unknown(form, "client_secret")
    return StripeResponse.of(200, render_intent(_intent(store, name)))


def capture_intent(store: Store, form: dict[str, str], name: str) -> StripeResponse:
    reject_unknown(form)
    intent = _intent(store, name)
    if intent["status"] != "requires_capture":
        return _unexpected(intent, "captured")
    return StripeResponse.of(200, render_intent(store.change_intent(name, "succeeded", intent["amount"])))


def cancel_intent(store: Store, form: dict[str, str], name: str) -> StripeResponse:
    reject_unknown(form)
    intent = _intent(store, name)
    if intent["status"] not in ("requires_capture", "requires_payment_method"):
        return _unexpected(intent, "canceled")
    return StripeResponse.of(200, render_intent(store.change_intent(name, "canceled", 0)))


def search_intents(store: Store, form: dict[str, str], lag_seconds: float) -> StripeResponse:
    """Search by one label. The only supported query is `metadata['NAME']:'VALUE'`."""
    reject_unknown(form, "query", "limit")
    query = _QUERY.fullmatch(require(form, "query"))
    if query is None:
        raise invalid("query", "this simulator knows metadata['NAME']:'VALUE' only")
    limit = whole_number("limit", form.get("limit", "10"), LIMIT_MAX)
    found = store.search_intents(query[1], query[2], time.time() - lag_seconds, limit + 1)
    rows = [render_intent(intent) for intent in found[:limit]]
    return list_response("/v1/payment_intents/search", rows, len(found) > limit, "search_result")


def create_refund(store: Store, form: dict[str, str]) -> StripeResponse:
    reject_unknown(form, "payment_intent", "amount", "metadata")
    intent = _intent(store, require(form, "payment_intent"), 400)
    left = intent["received"] - intent["refunded"]
    amount = whole_number("amount", form["amount"], AMOUNT_MAX) if "amount" in form else left
    if intent["status"] != "succeeded":
        return _unexpected(intent, "refunded")
    if left == 0:
        return error(400, "charge_already_refunded", "The charge has been refunded already")
    if amount > left:
        return error(400, "amount_too_large", f"{left} are left to refund", param="amount")
    return StripeResponse.of(200, render_refund(store.add_refund(intent["id"], amount, metadata(form))))


def retrieve_refund(store: Store, form: dict[str, str], name: str) -> StripeResponse:
    reject_unknown(form)
    refund = store.refund(name)
    if refund is None:
        raise refusal(404, "resource_missing", "No such refund", param="id")
    return StripeResponse.of(200, render_refund(refund))


def list_refunds(store: Store, form: dict[str, str]) -> StripeResponse:
    """List refunds of a charge, newest first. `starting_after` is the last refund of the previous page."""
    reject_unknown(form, "payment_intent", "limit", "starting_after")
    intent = _intent(store, require(form, "payment_intent"), 400)
    limit = whole_number("limit", form.get("limit", "10"), LIMIT_MAX)
    found = store.refunds(intent["id"], form.get("starting_after"), limit + 1)
    rows = [render_refund(refund) for refund in found[:limit]]
    return list_response("/v1/refunds", rows, len(found) > limit)


def _intent(store: Store, name: str, status: int = 404) -> sqlite3.Row:
    intent = store.intent(name)
    if intent is None:
        raise refusal(status, "resource_missing", "No such payment_intent", param="intent")
    return intent


def _unexpected(intent: sqlite3.Row, what: str) -> StripeResponse:
    message = f"A PaymentIntent that is {intent['status']} cannot be {what}"
    return error(400, "payment_intent_unexpected_state", message, payment_intent=render_intent(intent))
