"""Webhooks are accepted only with a signature of the body, the id and a time near now."""

import hmac
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
from seatledger_client import InvalidWebhook, WebhookMessage, verify_webhook

# The example of https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = b'{"email":"test@example.com","username":"test_user"}'
HEADERS = {
    "webhook-id": "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
    "webhook-timestamp": "1649367553",
    "webhook-signature": "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
}
NOW = 1649367553
OTHER = "whsec_" + b64encode(b"another secret of 24 byte").decode()


def test_the_example_of_the_standard_is_accepted() -> None:
    webhook = verify_webhook(BODY, HEADERS, SECRET, now=NOW)
    assert (webhook.id, webhook.timestamp) == (HEADERS["webhook-id"], NOW)
    assert webhook.payload["username"] == "test_user"


@pytest.mark.parametrize(
    ("payload", "is_live"),
    [({"type": "x"}, True), ({"livemode": False}, False), ({"livemode": True}, True), ([1], True)],
)
def test_a_message_of_a_sandbox_is_recognised(payload: Any, is_live: bool) -> None:
    assert WebhookMessage("1", NOW, payload).livemode is is_live


def test_one_of_several_signatures_and_of_several_secrets_is_enough() -> None:
    signatures = "v1a,other v1,AAAA " + HEADERS["webhook-signature"]
    headers = {
        "Webhook-Id": HEADERS["webhook-id"],
        "WEBHOOK-TIMESTAMP": str(NOW),
        "Webhook-Signature": signatures,
    }
    assert verify_webhook(BODY, headers, [OTHER, SECRET], now=NOW).timestamp == NOW


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"webhook-id": "msg_2"}, "no signature"),
        ({"webhook-timestamp": str(NOW + 1)}, "no signature"),
        ({"webhook-timestamp": "-1"}, "no number"),
        ({"webhook-timestamp": "²"}, "no number"),
        ({"webhook-signature": ""}, "no signature"),
        ({"webhook-signature": "v1,é"}, "no signature"),
        ({"webhook-signature": HEADERS["webhook-signature"].replace("v1", "v2")}, "no signature"),
    ],
)
def test_a_changed_header_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidWebhook, match=message):
        verify_webhook(BODY, HEADERS | change, SECRET, now=NOW)


def test_a_missing_header_another_body_and_another_secret_are_refused() -> None:
    with pytest.raises(InvalidWebhook, match="webhook-id"):
        verify_webhook(BODY, {}, SECRET, now=NOW)
    with pytest.raises(InvalidWebhook, match="no signature"):
        verify_webhook(BODY + b" ", HEADERS, SECRET, now=NOW)
    with pytest.raises(InvalidWebhook, match="no signature"):
        verify_webhook(BODY, HEADERS, OTHER, now=NOW)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_old_and_an_early_message_are_refused(seconds: int) -> None:
    assert verify_webhook(BODY, HEADERS, SECRET, now=NOW + seconds - seconds // 301)
    with pytest.raises(InvalidWebhook, match="more than 300 s"):
        verify_webhook(BODY, HEADERS, SECRET, now=NOW + seconds)


@pytest.mark.parametrize("secret", ["C2FVsBQIhrsc", "whsec_", "whsec_?", "whsec_é"])
def test_a_malformed_secret_is_an_error_of_the_caller(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_ and base64"):
        verify_webhook(BODY, HEADERS, secret, now=NOW)


def test_a_signed_body_that_is_no_json_is_refused() -> None:
    key = b"another secret of 24 byte"
    signed = f"m.{NOW}.".encode() + b"{"
    signature = "v1," + b64encode(hmac.digest(key, signed, sha256)).decode()
    headers = {"webhook-id": "m", "webhook-timestamp": str(NOW), "webhook-signature": signature}
    with pytest.raises(InvalidWebhook, match="no JSON"):
        verify_webhook(b"{", headers, OTHER, now=NOW)
