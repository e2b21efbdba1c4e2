"""A client for the API of Seatledger, sync and async, that never books or pays twice."""

from seatledger_client import records, refusals
from seatledger_client.client import AsyncClient, Client
from seatledger_client.drivers import AsyncItems, Items
from seatledger_client.errors import (
    InvalidWebhook,
    OutcomeUnknown,
    Refusal,
    SeatledgerError,
    UnexpectedAnswer,
    Unreachable,
)
from seatledger_client.exchange import Page
from seatledger_client.records import *  # noqa: F403
from seatledger_client.refusals import *  # noqa: F403
from seatledger_client.webhooks import WebhookMessage, verify_webhook

__all__ = [
    "AsyncClient",
    "AsyncItems",
    "Client",
    "InvalidWebhook",
    "Items",
    "OutcomeUnknown",
    "Page",
    "Refusal",
    "SeatledgerError",
    "UnexpectedAnswer",
    "Unreachable",
    "WebhookMessage",
    "verify_webhook",
]
__all__ += records.__all__
__all__ += refusals.__all__
