"""Commands that touch all bookings of a flight: each has a block of its own, for which others wait."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import UUID

from domain.commands.base import Command
from domain.commands.bookings import InitiateBooking
from domain.commands.fields import FLIGHT_SEATS_MAX, Price
from domain.commands.flights import CancelFlight, MoveAllBookings, RetimeFlight, ScheduleFlight
from ledger.ledger import Ledger
from ledger.submission import Answer
from trials.bench.direct_client import OPERATOR, client, submit
from trials.bench.tables import ResultTable

SECONDS_MAX = 0.5
HOURS = timedelta(hours=1)


async def measure(ledger: Ledger, number: int) -> dict[str, float]:
    """Fill a flight with bookings of one seat; return the seconds to retime, move and cancel all of them."""
    departs = datetime.now(UTC) + timedelta(days=30 + number)
    source, target = [await _schedule(ledger, f"ZZ{n}", departs) for n in (1, 2)]
    users = [f"customer-{n}" for n in range(FLIGHT_SEATS_MAX)]
    await submit(ledger, [(InitiateBooking(source, user, 1), client(user)) for user in users])
    later = departs + 3 * HOURS
    return {
        "retime": await _seconds(ledger, RetimeFlight(source, later, later + 8 * HOURS, "a late aircraft")),
        "move all": await _seconds(ledger, MoveAllBookings(source, (target,))),
        "cancel": await _seconds(ledger, CancelFlight(target, "fog")),
    }


def table(rounds: Sequence[dict[str, float]]) -> ResultTable:
    rows = [(name, f"{median(one[name] for one in rounds):.3f}") for name in rounds[0]]
    return ResultTable(f"Commands on {FLIGHT_SEATS_MAX:,} bookings", ("command", "s"), rows)


async def _schedule(ledger: Ledger, number: str, departs: datetime) -> UUID:
    price = Price(450_00, "GBP")
    flight = ScheduleFlight(number, "LHR", "JFK", departs, departs + 8 * HOURS, FLIGHT_SEATS_MAX, price)
    answer = await _do(ledger, flight)
    assert answer.subject_id is not None
    return answer.subject_id


async def _seconds(ledger: Ledger, command: Command) -> float:
    began = time.perf_counter()
    await _do(ledger, command)
    return time.perf_counter() - began


async def _do(ledger: Ledger, command: Command) -> Answer:
    (answer,) = await submit(ledger, [(command, OPERATOR)])
    assert answer.status in (200, 201), answer
    return answer
