"""Prices in the checker's fold: parts that add up, and what a booking that ends gives back of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trials.checker.flights import Row, instant
from trials.checker.log import Event

ENDS = ("booking.cancelled", "booking.seats_reduced")
"""Events by which a paid booking gives up seats."""


def whole(money: Row) -> Row:
    """Return the money without its parts."""
    return {"amount": money["amount"], "currency": money["currency"]}


def adds_up(money: Row) -> bool:
    return "parts" not in money or sum(money["parts"].values()) == money["amount"]


def times(money: Row, count: int) -> Row:
    return _of(money, {code: amount * count for code, amount in _parts(money).items()})


def total(amounts: Sequence[Row]) -> Row:
    """Return the sum of amounts, with parts if all of them have parts."""
    if not all("parts" in one for one in amounts):
        return {"amount": sum(one["amount"] for one in amounts), "currency": amounts[0]["currency"]}
    codes = {code: None for one in amounts for code in one["parts"]}
    return _of(amounts[0], {code: sum(one["parts"].get(code, 0) for one in amounts) for code in codes})


def settles(payment: Row, cost: Row) -> bool:
    """Return whether the payment has the amount and currency of the cost, and its parts or none."""
    same_parts = payment.get("parts") in (None, cost.get("parts"))
    return whole(payment) == whole(cost) and same_parts


def given_up(event: Event, cost: Row) -> Row:
    """Return the price of the seats that this event gives up of a booking at this cost."""
    if event.topic == "booking.cancelled":
        return cost
    kept = _parts(event.state["total_cost"])
    return _of(cost, {code: amount - kept.get(code, 0) for code, amount in _parts(cost).items()})


def due(event: Event, cost: Row, policy: Row | None, answer_before: str | None) -> Row:
    """Return the refund that this event makes due for a paid booking at this cost.

    Before `answer_before` its customer may withdraw because the flight has other times.
    """
    given = given_up(event, cost)
    if event.topic == "booking.cancelled":
        if (stated := event.state.get("refund")) is not None:
            return _divided(cost, stated["amount"])
        if event.state["reason"] != "requested":
            return cost
    may_withdraw = answer_before is not None and event.recorded_at < instant(answer_before)
    return given if policy is None or may_withdraw else _by_policy(given, policy, event.recorded_at)


def _by_policy(given: Row, policy: Row, at: datetime) -> Row:
    until = policy.get("refundable_until")
    is_over = until is not None and instant(until) <= at
    percentages = policy.get("percentages_after" if is_over else "percentages")
    if percentages is None:
        percentages = {} if is_over else dict.fromkeys(("fare", "tax:*", "fee:*"), 100)
    parts = _parts(given)
    exact = {code: amount * _percentage(percentages, code) for code, amount in parts.items()}
    back = {code: hundredths // 100 for code, hundredths in exact.items()}
    if back.get("fare"):
        left = sum(exact.values()) // 100 - sum(back.values())
        back["fare"] = min(back["fare"] + left, parts["fare"])
    return _of(given, back)


def _percentage(percentages: dict[str, int], code: str) -> int:
    kind, colon, _ = code.partition(":")
    for pattern in (code, f"{kind}{colon}*"):
        if pattern in percentages:
            return percentages[pattern]
    return 0


def _divided(money: Row, amount: int) -> Row:
    """Return the share of so many minor units, each part rounded down, what is left over with the fare."""
    parts, total = _parts(money), max(money["amount"], 1)
    shares = {code: part * amount // total for code, part in parts.items()}
    left = amount - sum(shares.values())
    for code in ("fare", *shares):
        more = min(left, parts.get(code, 0) - shares.get(code, 0))
        shares[code] = shares.get(code, 0) + more
        left -= more
    return _of(money, shares)


def _parts(money: Row) -> dict[str, int]:
    """Return the parts; a price without parts is all fare."""
    parts: dict[str, int] = money.get("parts") or {"fare": money["amount"]}
    return parts


def _of(money: Row, parts: dict[str, Any]) -> Row:
    """Return these parts as money like the given one, with parts only if that has some."""
    made: Row = {"amount": sum(parts.values()), "currency": money["currency"]}
    return made | {"parts": parts} if "parts" in money else made
