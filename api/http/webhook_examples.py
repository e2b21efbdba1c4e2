"""Example bodies about webhooks in the OpenAPI document."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from analytics.webhooks.deliveries import Delivery
from analytics.webhooks.endpoints import Webhook
from api.http.queries import Page
from api.resources.webhook_changes import RegisteredWebhook, RotatedSecret
from api.resources.webhooks import NewWebhook, Replay, WebhookChange

_ID = UUID("01932c07-5bb5-7fff-8000-00000000beef")
_BOOKING = UUID("01932c07-5bb1-7bbb-8000-0000000a11ce")
_AT = datetime(2030, 4, 1, 9, 30, tzinfo=UTC)
_URL = "https://hooks.example.com/seatledger"
_TYPES = ["booking.booked", "booking.cancelled"]
_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105 - of the standard's own page

_WEBHOOK = Webhook(_ID, _URL, _TYPES, "thin", "alice", True, None, _AT, _AT, 1, None)
_DELIVERY = Delivery("42", 42, "booking.booked", _BOOKING, "delivered", 2, _AT, None, _AT, 204, "", None, 31)

WEBHOOK_EXAMPLES: dict[Any, Any] = {
    NewWebhook: NewWebhook(_URL, _TYPES),
    RegisteredWebhook: RegisteredWebhook(
        _ID, _URL, _TYPES, "thin", "alice", True, 41, _AT, _AT, 1, None, secret=_SECRET
    ),
    Webhook: _WEBHOOK,
    Page[Webhook]: Page([_WEBHOOK], None),
    WebhookChange: WebhookChange(event_types=_TYPES, enabled=True),
    Replay: Replay(1),
    RotatedSecret: RotatedSecret(_SECRET, datetime(2030, 4, 2, 9, 30, tzinfo=UTC)),
    Delivery: _DELIVERY,
    Page[Delivery]: Page([_DELIVERY], None),
}
