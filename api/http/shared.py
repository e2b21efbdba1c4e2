"""What all requests to one application share."""

import asyncio
from collections.abc import Callable
from typing import cast

from litestar import Litestar

from api.http.bodies import BODY_SECONDS_MAX
from api.http.caller_limits import CallerLimits
from api.http.served_ledgers import ServedLedgers
from api.http.tokens import Tokens
from domain.airports import Airports
from gateways.payment_processor import PaymentProcessor
from ledger.ledger import Ledger
from runtime.settings import Settings
from runtime.timers import Timers


class Shared:
    """Parts of the application that requests use. Litestar's state would cost three calls for each use."""

    limits: CallerLimits
    ledgers: ServedLedgers
    processor_of: Callable[[Ledger], PaymentProcessor | None]
    """Returns the payment processor of a ledger, or None if no payment gateway is configured."""

    # The application sets those above when it starts.

    def __init__(self, settings: Settings) -> None:
        """Raises WrongSetting."""
        self.tokens = Tokens(settings)
        self.airports = Airports(settings.private_airports)
        self.body_timers = Timers(BODY_SECONDS_MAX)
        self.registry_read = asyncio.Event()
        self.stopping = asyncio.Event()
        self.verifying = asyncio.Lock()


def shared_by(app: Litestar) -> Shared:
    """Return what the requests to this application share."""
    return cast(Shared, app.state.shared)
