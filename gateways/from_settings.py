"""The payment gateway that the settings select."""

from gateways import Gateway
from runtime.settings import Settings, WrongSetting

SIMULATOR_KEY = "sk_test_simulator"
"""Default key of the simulator, which moves no money."""


def open_gateway(settings: Settings) -> Gateway | None:
    """Open the selected gateway, None if there is none. The caller closes it. Raises WrongSetting."""
    check_gateway(settings)
    if settings.gateway is None:
        return None
    # Imported here because Stripe's library imports slowly and most programs do not need it.
    from gateways.stripe import URL, StripeGateway

    return StripeGateway(
        gateway_key(settings),
        url=settings.gateway_url or URL,
        name=settings.gateway,
        seconds=settings.gateway_seconds,
    )


def check_gateway(settings: Settings) -> None:
    """Raise WrongSetting if the gateway cannot be opened, before any worker process starts."""
    if settings.gateway == "simulator" and settings.gateway_url is None:
        raise WrongSetting("SEATLEDGER_GATEWAY_URL: required for a simulator that `up` did not start")


def gateway_key(settings: Settings) -> str:
    """Return the key of the selected gateway. Raises WrongSetting."""
    if settings.gateway_key:
        return settings.gateway_key
    if settings.gateway == "stripe":
        raise WrongSetting("SEATLEDGER_GATEWAY_KEY: required when SEATLEDGER_GATEWAY is stripe")
    return SIMULATOR_KEY
