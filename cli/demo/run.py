"""The demo: a day's trade of a real timetable over HTTP, every answer checked against the contract."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from cli.demo.audit import audit_results, read_one_history
from cli.demo.client import TokenFor, connect
from cli.demo.delay import delay_a_flight
from cli.demo.expired_holds import expire_holds
from cli.demo.journeys import depart_overbooked, split_a_family, take_a_round_trip
from cli.demo.notebook import Notebook
from cli.demo.progress import ProgressBar
from cli.demo.proof import Prove
from cli.demo.refunds import refund_late_money
from cli.demo.refusals import attempt_refusals
from cli.demo.repeats import repeat_old_keys
from cli.demo.report import as_json, print_report
from cli.demo.rush import rush
from cli.demo.scheduling import schedule_the_day
from cli.demo.story import Story
from cli.demo.trade import trade

CUSTOMERS = 400
SEATS_WORTH_A_RUSH = 10


class VerificationReport(Protocol):
    """Result of `verify`."""

    @property
    def ok(self) -> bool: ...
    @property
    def checked(self) -> int: ...
    @property
    def first_bad_position(self) -> int | None: ...
    @property
    def reason(self) -> str | None: ...


def run_demo(
    base_url: str, token_for: TokenFor, verify: Callable[[], VerificationReport], prove: Prove, json: bool
) -> int:
    """Run the demo against a server with an empty ledger and holds of a few seconds. Return the exit code.

    `token_for(sub, roles)` makes a token, `verify()` checks the whole log, and `prove(id)` proves a
    booking's history and checks the proof. With `json`, standard output gets one JSON object only.
    """
    notebook, progress = Notebook(), ProgressBar(silent=json)
    started = time.perf_counter()
    try:
        with progress:
            asyncio.run(_play(base_url, token_for, notebook, progress))
            progress.begin_act("Verifying the log")
            _add_verification(verify(), notebook)
            progress.begin_act("Proving one history and checking the proof")
            _add_proof(prove, notebook)
    except Exception as error:  # a partial report helps more than a traceback
        notebook.surprises.append(f"the demo stopped: {_reasons(error)}")
    notebook.facts["seconds"] = time.perf_counter() - started
    print(as_json(notebook)) if json else print_report(notebook)
    return 1 if notebook.surprises else 0


async def _play(base_url: str, token_for: TokenFor, notebook: Notebook, progress: ProgressBar) -> None:
    async with connect(base_url, token_for) as server:
        story = Story(
            server=server,
            operator=server.user("operator-olga", "operator"),
            auditor=server.user("auditor-amir", "auditor"),
            customers=[server.user(f"customer-{number:03}", "client") for number in range(CUSTOMERS)],
            notebook=notebook,
            progress=progress,
            day=(datetime.now(UTC) + timedelta(days=1)).date(),
        )
        progress.begin_act("Scheduling a day of departures from New York")
        await schedule_the_day(story)
        tiny = story.smallest_flight(1)
        quiet = rushed, lapsing, money, outbound, crowded, late = tuple(
            story.smallest_flight(SEATS_WORTH_A_RUSH, skip) for skip in range(6)
        )
        progress.begin_act("Booking, paying, cancelling")
        await trade(story, quiet_flights={flight.id for flight in quiet})
        progress.begin_act(f"A rush on {rushed.name}")
        await rush(story, rushed)
        progress.begin_act(f"Holds on {lapsing.name} expire")
        lapsed = await expire_holds(story, lapsing)
        if lapsed is not None:
            progress.begin_act("Attempting refused commands")
            roomy = max(
                story.flights.values(), key=lambda flight: flight.seats - story.seats_sold()[flight.id]
            )
            await attempt_refusals(story, tiny, roomy, lapsed)
        busiest = max(story.flights.values(), key=lambda flight: story.seats_sold()[flight.id])
        progress.begin_act(f"Late payments on {money.name}; {busiest.name} is cancelled")
        await refund_late_money(story, money, busiest)
        progress.begin_act(f"A round trip on {outbound.name}")
        await take_a_round_trip(story, outbound)
        progress.begin_act(f"A family on {outbound.name} splits")
        await split_a_family(story, outbound)
        progress.begin_act(f"{crowded.name} departs with too many passengers")
        await depart_overbooked(story, crowded)
        progress.begin_act(f"{late.name} is delayed by three hours")
        await delay_a_flight(story, late)
        progress.begin_act("Repeating idempotency keys")
        await repeat_old_keys(story)
        progress.begin_act("Recounting seats, bookings and events")
        await audit_results(story)
        await read_one_history(story)


def _add_verification(report: VerificationReport, notebook: Notebook) -> None:
    facts: dict[str, Any] = {
        name: getattr(report, name) for name in ("ok", "checked", "first_bad_position", "reason")
    }
    notebook.facts["verify"] = facts
    notebook.check(report.ok, f"the log verifies: {facts}")
    events = notebook.facts.get("log", {}).get("events", 0)
    notebook.check(report.checked >= events, f"all {events} events were verified, not {report.checked}")


def _add_proof(prove: Prove, notebook: Notebook) -> None:
    history = notebook.facts.get("history")
    if history is None:
        return
    proof = notebook.facts["proof"] = prove(history["booking"]["id"])
    notebook.check(proof["proved"], f"the proof of the history holds: {proof}")
    notebook.check(proof["forgery_found"], f"a changed letter is refuted: {proof}")


def _reasons(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(map(_reasons, error.exceptions)))
    return f"{type(error).__name__}: {error}"
