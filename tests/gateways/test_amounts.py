"""Conversion of ISO 4217 minor units to Stripe's units: exact or refused."""

import pytest

from domain.currencies import CODES
from domain.money import Money
from gateways import GatewayRefused
from gateways.stripe_amounts import in_stripe_units


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        (1, "USD", 1),
        (99_999_999, "INR", 99_999_999),
        (500, "JPY", 500),
        (5, "ISK", 500),
        (999_999, "UGX", 99_999_900),
        (1200, "MGA", 12),
        (5120, "KWD", 5120),
        (999_999_999_999, "IDR", 999_999_999_999),
    ],
)
def test_converted(amount: int, currency: str, units: int) -> None:
    assert in_stripe_units(Money(amount, currency)) == units


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        *[(5124, currency) for currency in ("BHD", "JOD", "KWD", "OMR", "TND")],
        (100_000_000, "USD"),
        (1_000_000, "ISK"),
        (1_000_000_000_000, "IDR"),
        (1250, "MGA"),
        (0, "EUR"),
    ],
)
def test_refused(amount: int, currency: str) -> None:
    with pytest.raises(GatewayRefused, match="amount_not_supported"):
        in_stripe_units(Money(amount, currency))


@pytest.mark.parametrize("currency", ["IQD", "LYD"])
def test_currencies_that_stripe_does_not_name(currency: str) -> None:
    with pytest.raises(GatewayRefused, match="currency_not_supported"):
        in_stripe_units(Money(1000, currency))


def test_every_other_currency_goes_as_it_is() -> None:
    special = {"ISK", "UGX", "MGA", "IQD", "LYD"}
    assert {in_stripe_units(Money(1000, currency)) for currency in CODES - special} == {1000}
