"""The gateway that the settings name, if any."""

from gateways import Gateway
from runtime.settings import Settings, WrongSetting

SIMULATOR_KEY = "sk_test_simulator"
"""What the simulator takes for its key when none is set: it moves no money."""


def open_gateway(settings: Settings) -> Gateway | None:
    """To be closed by the caller. Raises WrongSetting."""
    check_gateway(settings)
    if settings.gateway is None:
        return None
    # Here, because Stripe's library takes a while to import and most programs need none.
    from gateways.stripe import URL, StripeGateway

    return StripeGateway(
        gateway_key(settings),
        url=settings.gateway_url or URL,
        name=settings.gateway,
        seconds=settings.gateway_seconds,
    )


def check_gateway(settings: Settings) -> None:
    """Once, before workers start that could only fail one by one. Raises WrongSetting."""
    if settings.gateway == "simulator" and settings.gateway_url is None:
        raise WrongSetting("SEATLEDGER_GATEWAY_URL: required for a simulator that `up` did not start")


def gateway_key(settings: Settings) -> str:
    """Raises WrongSetting."""
    if settings.gateway_key:
        return settings.gateway_key
    if settings.gateway == "stripe":
        raise WrongSetting("SEATLEDGER_GATEWAY_KEY: required when SEATLEDGER_GATEWAY is stripe")
    return SIMULATOR_KEY
