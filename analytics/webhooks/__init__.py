"""Webhooks: the endpoints, the follower that queues events for them, and the queue of deliveries.

`scheduler.webhooks` sends what is due.
"""

from datetime import timedelta
from typing import Literal

Payload = Literal["thin", "full"]
State = Literal["waiting", "delivered", "parked", "failed"]

WEBHOOKS_MAX = 2_000
"""Webhooks of one ledger."""

PER_USER_MAX = 20
"""Webhooks for the bookings of one user."""

KEPT = timedelta(days=30)
"""Deliveries and answers by idempotency key are kept for this long."""

RETRIED = timedelta(days=3)
"""A delivery that was not taken is repeated for this long, and then parked."""

TEST_TOPIC = "webhook.test"
"""The type of a message that no event caused."""
