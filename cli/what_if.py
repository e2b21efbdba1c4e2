"""Command `what-if`: replay past demand under another policy."""

import argparse
import json as json_text
import sys
import time
from dataclasses import asdict
from datetime import UTC, date, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from analytics.what_if.demand import Demand, Selection, demand
from analytics.what_if.outcome import HoldOutcomes
from analytics.what_if.replay import Comparison, Policy, compare
from cli.existing_ledger import ledger_url
from cli.options import DATA, JSON, LEDGER, add
from runtime.failures import FAILED
from runtime.settings import Settings, WrongSetting

HOLD_MINUTES_MAX = 7 * 24 * 60

_ABOUT = """\
Replay all requests for seats under another policy, and compare the result with the past.

Every recorded hold, payment and cancellation, accepted or refused, is decided again by the same rules, in the
same order and at the same time. The same log gives the same result. The assumptions, mainly about refused
customers, are listed below the figures and in docs/how-to/what-if.md.

Without --hold-minutes and --overbook, the command replays the actual policy as a control. If the result
differs from the past, the command reports it and exits 1.
"""

_ASSUMED = (
    "A customer with a hold acts as recorded, at the recorded time: pays, returns seats, cancels.",
    "A payment that was too late counts if the hold is still open now. No other late payments are added.",
    "A customer that was refused for lack of seats and gets them now pays as often and as soon as others"
    " ({paid} of {holds} holds), drawn at random from the command's key and time alone.",
    "A repeated request after a refusal counts again, and so does each booking of a refused party.",
    "Seats offered to waiting parties count as requested at the time of the offer, for its duration.",
    "Prices, aircraft and cancelled flights stay the same. All paid customers show up.",
)


def what_if(
    settings: Settings,
    hold_minutes: float | None,
    overbook: Fraction | None,
    flight: UUID | None,
    since: date | None,
    until: date | None,
    json: bool,
) -> int:
    """Compare a policy with the past. Return 1 if the actual policy does not reproduce the past."""
    if flight and (since or until):
        raise WrongSetting("what-if: name one flight, or days")
    policy = Policy(None if hold_minutes is None else timedelta(minutes=hold_minutes), overbook)
    with (
        ledger_url(settings) as url,
        demand(url, Selection(flight, since, until)) as asked,
    ):
        result = compare(asked, policy, timedelta(seconds=settings.capture_seconds), _Meter())
    if flight and not result.flights:
        raise WrongSetting(f"what-if: there is no flight {flight}")
    print(
        json_text.dumps(_facts(asked, policy, result), default=str) if json else _page(asked, policy, result)
    )
    if policy == Policy() and result.now != result.then:
        print("seatledger: the actual policy does not reproduce the past", file=sys.stderr)
        return FAILED
    return 0


class _Meter:
    """Prints progress on standard error, at most one line a second."""

    def __init__(self) -> None:
        self._printed_at = time.monotonic()

    def __call__(self, flights: int, commands: int) -> None:
        if time.monotonic() - self._printed_at >= 1:
            self._printed_at = time.monotonic()
            print(f"what-if: {flights} flights, {commands} commands", file=sys.stderr, flush=True)


def _facts(asked: Demand, policy: Policy, result: Comparison) -> dict[str, Any]:
    return {
        "position": asked.position,
        "ends_at": asked.ends_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "policy": {
            "hold_minutes": policy.hold and policy.hold.total_seconds() / 60,
            "overbook_percent": None if policy.overbook is None else float(policy.overbook * 100),
        },
        "flights": result.flights,
        "commands": result.commands,
        "happened": asdict(result.then),
        "what_if": asdict(result.now),
        "unnamed_refusals": asked.unnamed,
        "assumptions": _assumed(asked),
    }


def _assumed(asked: Demand) -> list[str]:
    return [line.format(paid=asked.habits.paid, holds=asked.habits.holds) for line in _ASSUMED]


_NAMES = {
    "asked": "holds requested",
    "refused": "refused for lack of seats",
    "paid": "paid",
    "expired": "expired",
    "cancelled": "cancelled",
    "open": "still held",
    "seats_sold": "seats sold",
    "flights_over": "flights sold beyond their seats",
    "seats_over": "seats sold beyond them",
}


def _page(asked: Demand, policy: Policy, result: Comparison) -> str:
    hold = "as long as before" if policy.hold is None else f"{policy.hold.total_seconds() / 60:g} minutes"
    share = None if policy.overbook is None else float(policy.overbook * 100)
    overbooking = "as before" if share is None else f"{share:g} % of the seats"
    head = (
        f"What if holds lasted {hold}, and overbooking were {overbooking}?\n"
        f"{result.flights} flights, {result.commands} commands up to position {asked.position}\n"
    )
    figures = [_line("", "happened", "what if", "change")]
    for label, then, now in _rows(result.then, result.now):
        figures.append(_line(label, f"{then:,}", f"{now:,}", f"{now - then:+,}"))
    assumed = [f"- {line}" for line in _assumed(asked)]
    if asked.unnamed:
        assumed.append(f"- {asked.unnamed} refusals of old releases name no flight and are left out.")
    return "\n".join([head, *figures, "\nAssumed:", *assumed])


def _rows(then: HoldOutcomes, now: HoldOutcomes) -> list[tuple[str, int, int]]:
    rows = [(label, getattr(then, name), getattr(now, name)) for name, label in _NAMES.items()]
    revenue = [
        (f"revenue, {currency} minor units", then.revenue.get(currency, 0), now.revenue.get(currency, 0))
        for currency in sorted(then.revenue.keys() | now.revenue.keys())
    ]
    return rows[:7] + revenue + rows[7:]


def _line(label: str, *figures: str) -> str:
    return f"{label:32}" + "".join(f"{figure:>16}" for figure in figures)


def register(commands: Any) -> None:
    command = add(
        commands, "what-if", what_if, "replay past demand under another policy", [DATA, LEDGER, JSON]
    )
    command.description = _ABOUT
    command.add_argument("--hold-minutes", type=_minutes, metavar="N", help="duration of holds (as recorded)")
    command.add_argument(
        "--overbook",
        type=_share,
        default=None,
        metavar="N%",
        help="overbooking of each flight, as a share of its seats (as recorded)",
    )
    command.add_argument("--flight", type=UUID, metavar="ID", help="only this flight (all)")
    for flag, name, which in (("--from", "since", "first"), ("--to", "until", "last")):
        command.add_argument(
            flag, dest=name, type=date.fromisoformat, metavar="DAY", help=f"{which} day of departure"
        )


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 < minutes <= HOLD_MINUTES_MAX:
        raise argparse.ArgumentTypeError(f"more than 0 minutes, and no more than {HOLD_MINUTES_MAX}")
    return minutes


def _share(text: str) -> Fraction:
    try:
        share = Fraction(text.removesuffix("%")) / 100
    except (ValueError, ZeroDivisionError):
        share = Fraction(-1)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("a share from 0% to 100%, like 3%")
    return share
