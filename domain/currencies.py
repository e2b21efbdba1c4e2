"""Currencies: the current ISO 4217 list, and withdrawn codes, which stored amounts may still have."""

from datetime import date
from typing import NamedTuple

import iso4217

LISTED_ON: date = iso4217.__published__
"""Day of the list that the package holds."""

_FUNDS = {
    entry.findtext("Ccy", "")
    for entry in iso4217.raw_xml.iter("CcyNtry")
    if entry.find("CcyNm[@IsFund]") is not None
} | {"UYW", "XAD"}
"""Funds and units of account; the list marks all but the last two."""

_CURRENT: dict[str, int] = {
    entry.code: entry.exponent
    for entry in iso4217.Currency
    if entry.exponent is not None and entry.code not in _FUNDS
}

CODES = frozenset(_CURRENT)
"""Codes that a new price may have: the list without funds, precious metals and test codes."""


class Withdrawn(NamedTuple):
    """The day from which a code is no longer on the list, and its number of decimal digits."""

    on: date
    digits: int


WITHDRAWN = {"BGN": Withdrawn(date(2026, 1, 1), 2)}
"""Codes that an earlier release accepted and that left the list. Never remove a row: logs keep them."""

KNOWN = CODES | WITHDRAWN.keys()

_DIGITS = {code: withdrawn.digits for code, withdrawn in WITHDRAWN.items()} | _CURRENT


def minor_digits(currency: str) -> int:
    """Return the number of decimal digits of the currency by ISO 4217; 2 for a code that is not known."""
    return _DIGITS.get(currency, 2)


def require_current(currency: str) -> None:
    """Check that a new price may have this currency. Raises ValueError, which says why not."""
    if currency in CODES:
        return
    if withdrawn := WITHDRAWN.get(currency):
        raise ValueError(f"{currency} was withdrawn on {withdrawn.on}; use a current ISO 4217 currency code")
    raise ValueError("Unknown ISO 4217 currency code")
