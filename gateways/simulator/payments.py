"""What the gateway does: make an intent, capture it, cancel it, pay back, look up."""

import json
import re
import sqlite3
import time

from domain.currencies import CODES
from gateways.simulator.objects import shown_intent, shown_refund
from gateways.simulator.store import Store
from gateways.simulator.wire import Answer, error, listed, metadata, only, refused, require, whole, wrong

AMOUNT_MAX = 999_999_999_999
LIMIT_MAX = 100

METHODS: dict[str, tuple[str, str] | None] = {
    "pm_card_visa": None,
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_authenticationRequired": ("authentication_required", "authentication_required"),
}
"""Test cards by the names that Stripe gave them: code and decline code of those that are declined."""

_QUERY = re.compile(r"metadata\['([^']{1,40})'\]:'([^']{1,500})'")
_FIXED = {
    "confirm": "true",
    "capture_method": "manual",
    "allowed_payment_method_types[0]": "card",
    "error_on_requires_action": "true",
}
_FIXED_NAMES = [name.partition("[")[0] for name in _FIXED]


def create_intent(store: Store, given: dict[str, str]) -> Answer:
    if any(name.startswith("payment_method_types") for name in given):
        message = "payment_method_types: use allowed_payment_method_types"
        raise refused(400, "payment_method_types_no_longer_supported", message)
    only(given, "amount", "currency", "payment_method", "metadata", *_FIXED_NAMES)
    amount = whole("amount", require(given, "amount"), AMOUNT_MAX)
    currency = require(given, "currency")
    if currency != currency.lower() or currency.upper() not in CODES:
        raise wrong("currency", "must be a lower-case ISO 4217 code")
    for name, value in _FIXED.items():
        if require(given, name) != value:
            raise wrong(name, f"this simulator knows {value} only")
    method = require(given, "payment_method")
    if method not in METHODS:
        raise refused(400, "resource_missing", "No such PaymentMethod", param="payment_method")
    return _confirmed(store, amount, currency, method, metadata(given))


def _confirmed(store: Store, amount: int, currency: str, method: str, labels: dict[str, str]) -> Answer:
    decline = METHODS[method]
    if decline is None:
        intent = store.add_intent(amount, currency, method, "requires_capture", labels, None)
        return Answer.of(200, shown_intent(intent))
    kept = json.dumps(decline)
    intent = store.add_intent(amount, currency, method, "requires_payment_method", labels, kept)
    shown = shown_intent(intent)
    return Answer.of(402, {"error": {**shown["last_payment_error"], "payment_intent": shown}})


def show_intent(store: Store, given: dict[str, str], name: str) -> Answer:
    only(given, "client_secret")
    return Answer.of(200, shown_intent(_intent(store, name)))


def capture_intent(store: Store, given: dict[str, str], name: str) -> Answer:
    only(given)
    intent = _intent(store, name)
    if intent["status"] != "requires_capture":
        return _unexpected(intent, "captured")
    return Answer.of(200, shown_intent(store.change_intent(name, "succeeded", intent["amount"])))


def cancel_intent(store: Store, given: dict[str, str], name: str) -> Answer:
    only(given)
    intent = _intent(store, name)
    if intent["status"] not in ("requires_capture", "requires_payment_method"):
        return _unexpected(intent, "canceled")
    return Answer.of(200, shown_intent(store.change_intent(name, "canceled", 0)))


def search_intents(store: Store, given: dict[str, str], lag_seconds: float) -> Answer:
    """Knows one kind of query: `metadata['NAME']:'VALUE'`."""
    only(given, "query", "limit")
    query = _QUERY.fullmatch(require(given, "query"))
    if query is None:
        raise wrong("query", "this simulator knows metadata['NAME']:'VALUE' only")
    limit = whole("limit", given.get("limit", "10"), LIMIT_MAX)
    found = store.search_intents(query[1], query[2], time.time() - lag_seconds, limit + 1)
    rows = [shown_intent(intent) for intent in found[:limit]]
    return listed("/v1/payment_intents/search", rows, len(found) > limit, "search_result")


def create_refund(store: Store, given: dict[str, str]) -> Answer:
    only(given, "payment_intent", "amount", "metadata")
    intent = _intent(store, require(given, "payment_intent"), 400)
    left = intent["received"] - intent["refunded"]
    amount = whole("amount", given["amount"], AMOUNT_MAX) if "amount" in given else left
    if intent["status"] != "succeeded":
        return _unexpected(intent, "refunded")
    if left == 0:
        return error(400, "charge_already_refunded", "The charge has been refunded already")
    if amount > left:
        return error(400, "amount_too_large", f"{left} are left to refund", param="amount")
    return Answer.of(200, shown_refund(store.add_refund(intent["id"], amount, metadata(given))))


def show_refund(store: Store, given: dict[str, str], name: str) -> Answer:
    only(given)
    refund = store.refund(name)
    if refund is None:
        raise refused(404, "resource_missing", "No such refund", param="id")
    return Answer.of(200, shown_refund(refund))


def list_refunds(store: Store, given: dict[str, str]) -> Answer:
    """Newest first; `starting_after` is the last of the page before."""
    only(given, "payment_intent", "limit", "starting_after")
    intent = _intent(store, require(given, "payment_intent"), 400)
    limit = whole("limit", given.get("limit", "10"), LIMIT_MAX)
    found = store.refunds(intent["id"], given.get("starting_after"), limit + 1)
    rows = [shown_refund(refund) for refund in found[:limit]]
    return listed("/v1/refunds", rows, len(found) > limit)


def _intent(store: Store, name: str, status: int = 404) -> sqlite3.Row:
    intent = store.intent(name)
    if intent is None:
        raise refused(status, "resource_missing", "No such payment_intent", param="intent")
    return intent


def _unexpected(intent: sqlite3.Row, what: str) -> Answer:
    message = f"A PaymentIntent that is {intent['status']} cannot be {what}"
    return error(400, "payment_intent_unexpected_state", message, payment_intent=shown_intent(intent))
