"""Intents and refunds as JSON objects of Stripe's API, with the fields that matter here."""

import json
import sqlite3
from typing import Any


def render_intent(intent: sqlite3.Row) -> dict[str, Any]:
    held = intent["status"] == "requires_capture"
    code, decline_code = json.loads(intent["decline"] or "[null, null]")
    problem = {
        "type": "card_error",
        "code": code,
        "decline_code": decline_code,
        "message": "The card was declined",
    }
    return {
        "id": intent["id"],
        "object": "payment_intent",
        "amount": intent["amount"],
        "amount_capturable": intent["amount"] if held else 0,
        "amount_received": intent["received"],
        "capture_method": "manual",
        "confirmation_method": "automatic",
        "created": int(intent["created"]),
        "currency": intent["currency"],
        "last_payment_error": problem if code else None,
        "livemode": False,
        "metadata": json.loads(intent["labels"]),
        "payment_method": None if code else intent["method"],
        "payment_method_types": ["card"],
        "status": intent["status"],
    }


def render_refund(refund: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": refund["id"],
        "object": "refund",
        "amount": refund["amount"],
        "created": int(refund["created"]),
        "currency": refund["currency"],
        "metadata": json.loads(refund["labels"]),
        "payment_intent": refund["intent"],
        "status": "succeeded",
    }
