"""Amounts as Stripe counts them, which is not always as ISO 4217 does."""

from domain.money import Money
from gateways import GatewayRefused

AMOUNT_MAX = 99_999_999
_MORE = {"IDR": 999_999_999_999}

_TIMES_100 = {"ISK", "UGX"}
"""Without decimals in ISO 4217, yet Stripe counts hundredths, in whole hundreds."""

_HUNDREDTHS = {"MGA"}
"""Two decimals in ISO 4217, none at Stripe."""

_WHOLE_TENS = {"BHD", "JOD", "KWD", "OMR", "TND"}
"""Three decimals, of which the last has to be 0."""

_NOT_CHARGED = {"IQD", "LYD"}
"""Three decimals in ISO 4217, of which Stripe says nothing: ten times too much is not worth the risk."""


def in_stripe_units(money: Money) -> int:
    """Raises GatewayRefused for what cannot be charged exactly: no amount is ever rounded.

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
