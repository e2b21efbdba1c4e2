"""Parts of an amount: the fare, taxes and fees that add up to it, and their division to the minor unit."""

from collections.abc import Callable, Iterable, Mapping

Parts = dict[str, int]
"""Minor units by code of the part. A dictionary of parts is never changed."""

FARE = "fare"


def times(parts: Mapping[str, int], count: int) -> Parts:
    """Return each part times `count`."""
    return {code: amount * count for code, amount in parts.items()}


def add(all_parts: Iterable[Mapping[str, int]]) -> Parts:
    """Return the sum of several amounts, part by part."""
    total: Parts = {}
    for parts in all_parts:
        for code, amount in parts.items():
            total[code] = total.get(code, 0) + amount
    return total


def divide(parts: Mapping[str, int], amount: int) -> Parts:
    """Return the share of each part in `amount`, which is at most their sum.

    Each share is proportional to its part, rounded down to the minor unit. The remainder goes to the fare; if
    that is already whole, to the next part. So the shares add up to `amount`, and none exceeds its part.
    """
    total = sum(parts.values())
    shares = {code: part * amount // total if total else 0 for code, part in parts.items()}
    remainder = amount - sum(shares.values())
    for code in sorted(parts, key=lambda code: code != FARE):
        more = min(remainder, parts[code] - shares[code])
        shares[code] += more
        remainder -= more
    return shares


def percent(parts: Mapping[str, int], percentage_of: Callable[[str], int]) -> Parts:
    """Return the percentage of each part, from 0 to 100, rounded down to the minor unit.

    Whole minor units that the rounding of several parts leaves over go to the fare, unless nothing of the
    fare is due or all of it.
    """
    hundredths = {code: part * percentage_of(code) for code, part in parts.items()}
    shares = {code: amount // 100 for code, amount in hundredths.items()}
    remainder = sum(hundredths.values()) // 100 - sum(shares.values())
    if shares.get(FARE):
        shares[FARE] += min(remainder, parts[FARE] - shares[FARE])
    return shares
