"""Amounts in Stripe's units, which differ from ISO 4217 for some currencies."""

from domain.money import Money
from gateways import GatewayRefused

AMOUNT_MAX = 99_999_999
_MORE = {"IDR": 999_999_999_999}

_TIMES_100 = {"ISK", "UGX"}
"""Currencies without decimals in ISO 4217; Stripe counts hundredths, in whole hundreds."""

_HUNDREDTHS = {"MGA"}
"""Currencies with two decimals in ISO 4217 and none at Stripe."""

_WHOLE_TENS = {"BHD", "JOD", "KWD", "OMR", "TND"}
"""Currencies with three decimals; the last must be 0."""

_NOT_CHARGED = {"IQD", "LYD"}
"""Currencies with three decimals that Stripe does not document; a wrong guess charges ten times too much."""


def in_stripe_units(money: Money) -> int:
    """Convert an amount without rounding. Raises GatewayRefused if it cannot be charged exactly.

    Source: https://docs.stripe.com/currencies: zero-decimal, three-decimal, special cases, maximum amounts.
    """
    amount, currency = money.amount, money.currency
    if currency in _NOT_CHARGED:
        raise GatewayRefused("currency_not_supported")
    if currency in _TIMES_100:
        amount *= 100
    elif currency in _HUNDREDTHS:
        amount, rest = divmod(amount, 100)
        _refuse_if(rest != 0)
    _refuse_if(currency in _WHOLE_TENS and amount % 10 != 0)
    _refuse_if(not 0 < amount <= _MORE.get(currency, AMOUNT_MAX))
    return amount


def _refuse_if(impossible: bool) -> None:
    if impossible:
        raise GatewayRefused("amount_not_supported")
