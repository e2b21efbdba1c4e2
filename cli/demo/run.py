"""The demo: a day's trade of a real timetable over HTTP, every answer checked against the contract."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from cli.demo.audit import count_again, tell_one_history
from cli.demo.client import TokenFor, connect
from cli.demo.lapse import let_holds_lapse
from cli.demo.money import follow_the_money
from cli.demo.notebook import Notebook
from cli.demo.opening import schedule_the_day
from cli.demo.proof import Prove
from cli.demo.refusals import try_what_must_be_refused
from cli.demo.repeats import repeat_old_keys
from cli.demo.report import as_json, print_report
from cli.demo.rush import rush
from cli.demo.stage import Stage
from cli.demo.story import Story
from cli.demo.trade import trade

CUSTOMERS = 400
SEATS_WORTH_A_RUSH = 10


class Verdict(Protocol):
    """What verifying the log answers."""

    @property
    def ok(self) -> bool: ...
    @property
    def checked(self) -> int: ...
    @property
    def first_bad_position(self) -> int | None: ...
    @property
    def reason(self) -> str | None: ...


def run_demo(
    base_url: str, token_for: TokenFor, verify: Callable[[], Verdict], prove: Prove, json: bool
) -> int:
    """Plays the demo against a server with an empty ledger and holds of a few seconds; returns the exit code.

    `token_for(sub, roles)` makes a token, `verify()` checks the whole log, `prove(id)` a booking's
    history as an outsider would. With `json` one JSON object is all
    that is printed on standard output.
    """
    notebook, stage = Notebook(), Stage(silent=json)
    started = time.perf_counter()
    try:
        with stage:
            asyncio.run(_play(base_url, token_for, notebook, stage))
            stage.act("Verifying the log")
            _note(verify(), notebook)
            stage.act("Proving one history to an outsider")
            _note_proof(prove, notebook)
    except Exception as error:  # a report that says how far it got is worth more than a traceback
        notebook.surprises.append(f"the demo stopped: {_reasons(error)}")
    notebook.facts["seconds"] = time.perf_counter() - started
    print(as_json(notebook)) if json else print_report(notebook)
    return 1 if notebook.surprises else 0


async def _play(base_url: str, token_for: TokenFor, notebook: Notebook, stage: Stage) -> None:
    async with connect(base_url, token_for) as server:
        story = Story(
            server=server,
            operator=server.person("operator-olga", "operator"),
            auditor=server.person("auditor-amir", "auditor"),
            customers=[server.person(f"customer-{number:03}", "client") for number in range(CUSTOMERS)],
            notebook=notebook,
            watch=stage,
            day=(datetime.now(UTC) + timedelta(days=1)).date(),
        )
        stage.act("Scheduling a day of departures from New York")
        await schedule_the_day(story)
        tiny = story.smallest_flight(1)
        rushed, lapsing, money = (story.smallest_flight(SEATS_WORTH_A_RUSH, skip) for skip in range(3))
        stage.act("Booking, paying, cancelling")
        await trade(story, quiet_flights={rushed.id, lapsing.id, money.id})
        stage.act(f"A rush on {rushed.name}")
        await rush(story, rushed)
        stage.act(f"Holds on {lapsing.name} run out")
        lapsed = await let_holds_lapse(story, lapsing)
        if lapsed is not None:
            stage.act("Trying what must be refused")
            roomy = max(
                story.flights.values(), key=lambda flight: flight.seats - story.seats_sold()[flight.id]
            )
            await try_what_must_be_refused(story, tiny, roomy, lapsed)
        busiest = max(story.flights.values(), key=lambda flight: story.seats_sold()[flight.id])
        stage.act(f"Late money on {money.name}; {busiest.name} is cancelled")
        await follow_the_money(story, money, busiest)
        stage.act("Repeating old keys")
        await repeat_old_keys(story)
        stage.act("Counting everything again")
        await count_again(story)
        await tell_one_history(story)


def _note(verdict: Verdict, notebook: Notebook) -> None:
    facts: dict[str, Any] = {
        name: getattr(verdict, name) for name in ("ok", "checked", "first_bad_position", "reason")
    }
    notebook.facts["verify"] = facts
    notebook.check(verdict.ok, f"the log verifies: {facts}")
    events = notebook.facts.get("log", {}).get("events", 0)
    notebook.check(verdict.checked >= events, f"all {events} events were verified, not {verdict.checked}")


def _note_proof(prove: Prove, notebook: Notebook) -> None:
    history = notebook.facts.get("history")
    if history is None:
        return
    proof = notebook.facts["proof"] = prove(history["booking"]["id"])
    notebook.check(proof["proved"], f"an outsider can check the history: {proof}")
    notebook.check(proof["forgery_found"], f"a changed letter is found: {proof}")


def _reasons(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(map(_reasons, error.exceptions)))
    return f"{type(error).__name__}: {error}"
