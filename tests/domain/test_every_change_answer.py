"""The table of docs/reference/schedule-changes.md: the answers to changes and moves in each state."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from domain.commands.base import Command
from domain.commands.bookings import AcceptChange, CancelBooking, MoveBooking
from domain.commands.flights import RetimeFlight
from domain.refusals.base import Refusal
from tests.domain.conftest import BA117
from tests.domain.scenario import ALICE, OPERATOR, Scenario
from tests.domain.test_every_answer import PATHS, _take

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "schedule-changes.md"
HOUR = timedelta(hours=1)

Make = Callable[[UUID, UUID, Scenario], Command]


def retime(by: timedelta) -> Make:
    def make(_: UUID, flight_id: UUID, scenario: Scenario) -> Command:
        flight = scenario.flights[flight_id]
        departs = max(flight.departs_at, scenario.now) + by
        return RetimeFlight(flight_id, departs, departs + 8 * HOUR, "fog")

    return make


def move(booking_id: UUID, _: UUID, scenario: Scenario) -> Command:
    times = {"departs_at": scenario.now + 4 * HOUR, "arrives_at": scenario.now + 12 * HOUR}
    other = scenario.when(msgspec.structs.replace(BA117, number=f"BA{len(scenario.flights)}", **times))
    return MoveBooking(booking_id, other.id)


COMMANDS: dict[str, Make] = {
    "accept": lambda id, *_: AcceptChange(id),
    "client cancels": lambda id, *_: CancelBooking(id),
    "retime": retime(2 * HOUR),
    "move": move,
}
STATES = {
    **PATHS,
    "booked, change open": ("pay", "retime"),
    "change accepted": ("pay", "retime", "accept"),
    "moved": ("pay", "move"),
}
"""Steps that take a new hold into each state: those of payments.md, and those after a change of times."""


def table_rows() -> Iterator[tuple[str, str, str]]:
    """Generate state, command and result of each cell."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    start = next(number for number, line in enumerate(lines) if line.startswith("| state "))
    head, _, *rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[start:]]
    for state, *answers in rows:
        for command, answer in zip(head[1:], answers, strict=True):
            yield state, command, answer


def answer_to(command: str, scenario: Scenario, booking_id: UUID, flight_id: UUID) -> str:
    """Give the command; return a refusal's code, or the status and whether a change is open or money owed."""
    make = COMMANDS[command]
    verdict = scenario.when(
        make(booking_id, flight_id, scenario), OPERATOR if command in ("retime", "move") else ALICE
    )
    if isinstance(verdict, Refusal):
        return verdict.code
    booking = scenario.bookings[booking_id]
    owed = " + refund" if "booking.refund_due" in scenario.events else ""
    return booking.status.value + owed + (", asked" if booking.schedule_change else "")


@pytest.mark.parametrize(("state", "command", "answer"), list(table_rows()))
def test_every_state_has_an_answer_to_a_change(
    scenario: Scenario, alices: UUID, flight_id: UUID, state: str, command: str, answer: str
) -> None:
    for step in STATES[state]:
        if step in COMMANDS:
            answer_to(step, scenario, alices, flight_id)
        else:
            _take(step, scenario, alices, flight_id)
    assert answer_to(command, scenario, alices, flight_id) == answer


def test_the_table_is_complete() -> None:
    cells = {(state, command) for state, command, _ in table_rows()}
    assert cells == {(state, command) for state in STATES for command in COMMANDS}
