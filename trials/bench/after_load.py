"""Checks after the load, on the loaded ledger: a rush, and kills during bookings.

The rush is the demo's. PostgreSQL is killed first, which the program must survive, then the whole program.
Unanswered requests are repeated with the same key.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from cli.demo.client import DemoCommand, DemoServer, DemoUser, connect
from cli.demo.crowd import work_through
from cli.demo.notebook import Notebook
from cli.demo.progress import ProgressBar
from cli.demo.rush import rush
from cli.demo.story import ScheduledFlight, Story
from cli.demo.timetable import new_york
from trials.bench.report import BenchCheck
from trials.bench.traffic import HOLD_SECONDS, SEATS, SECRET, body_of, flight, token_for
from trials.programs.embedded import Server as Postgres
from trials.programs.program import PROGRAM, Program, environment_without_settings

BUYERS = 64
RUSH_SEATS = 10
FLIGHTS = 40
ENOUGH = 200
"""Number of bookings between two kills."""

PACE_SECONDS_MAX = 60
RESTART_SECONDS_MAX = 120
"""Longer than the crash recovery of PostgreSQL after a kill under load."""

PATIENCE = 10
"""Number of repeats with the same key, about ten seconds each."""


async def checks(data: Path, kills: int, broken: Sequence[str] = PROGRAM) -> list[BenchCheck]:
    """Check the ledger in the data folder. Raises RuntimeError if the program does not start.

    `broken` replaces the program by one that is broken on purpose and must fail.
    """
    own = {
        "SEATLEDGER_DATA": str(data),
        "SEATLEDGER_JWT_SECRET": SECRET,
        "SEATLEDGER_HOLD_SECONDS": HOLD_SECONDS,
    }
    program = Program(environment_without_settings() | own, data / "after-load.log", broken)
    await _started(program)
    try:
        url = f"http://127.0.0.1:{program.port}"
        async with connect(url, token_for) as server:
            return [await _check_rush(server), await _check_kills(server, program, data, kills)]
    finally:
        await program.stop()


async def _started(program: Program) -> None:
    if not await program.restart(RESTART_SECONDS_MAX):
        raise RuntimeError(f"the program did not start within {RESTART_SECONDS_MAX} s")


async def _check_rush(server: DemoServer) -> BenchCheck:
    departure = min((one for one in new_york() if one.seats >= RUSH_SEATS), key=lambda one: one.seats)
    story = Story(
        server=server,
        operator=server.user("operator-0", "operator"),
        auditor=server.user("auditor-0", "auditor"),
        customers=[server.user(f"customer-{number}", "client") for number in range(BUYERS)],
        notebook=Notebook(),
        progress=ProgressBar(silent=True),
        day=(datetime.now(UTC) + timedelta(days=300)).date(),
    )
    made = await DemoCommand(story.operator, "/flights", departure.scheduled(story.day)).send()
    id = body_of(made, 201)["id"]
    story.flights[id] = ScheduledFlight(id, departure)
    await rush(story, story.flights[id])
    facts, surprises = story.notebook.facts["rush"], story.notebook.surprises
    told = f"{facts['sold']} of {facts['seats']} seats sold to {facts['buyers']} buyers at once"
    return BenchCheck("rush", not surprises, "; ".join([told, *surprises]))


class Buyers:
    """Concurrent buyers, with the answers they received and the commands without an answer."""

    def __init__(self, server: DemoServer, flights: list[str]) -> None:
        self._seats = (id for id in flights for _ in range(SEATS))
        self.answered: dict[str, tuple[DemoUser, object]] = {}
        self.doubtful: list[DemoCommand] = []
        self.wrong: list[str] = []
        self.repeated = 0
        self._enough = False
        self._tasks = [
            asyncio.create_task(self._buy(server.user(f"customer-{number}", "client")))
            for number in range(BUYERS)
        ]

    async def go_on(self, count: int) -> None:
        """Wait until `count` more bookings are answered."""
        goal = len(self.answered) + count
        async with asyncio.timeout(PACE_SECONDS_MAX):
            while len(self.answered) < goal:  # noqa: ASYNC110 - an event would slow the buyers down
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Stop the buyers, and repeat all unanswered commands."""
        self._enough = True
        await asyncio.gather(*self._tasks)
        for command in self.doubtful:
            for _ in range(PATIENCE):
                if await self._ask(command):
                    break
            else:
                self.wrong.append(f"never answered: {command.path} {command.key}")

    async def _buy(self, who: DemoUser) -> None:
        while not self._enough and (seat := next(self._seats, None)):
            command = who.booking(seat, 1)
            if not await self._ask(command):
                self.doubtful.append(command)

    async def _ask(self, command: DemoCommand) -> bool:
        """Send the command and return whether it was answered."""
        try:
            answer = await command.send()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        if answer.status in (429, 503):
            return False
        self.repeated += answer.tries > 1 or command in self.doubtful
        if answer.status != 201 or answer.body["id"] in self.answered:
            self.wrong.append(f"answered twice or refused: {answer}")
        else:
            self.answered[answer.body["id"]] = (command.user, answer.body)
        return True


async def _check_kills(server: DemoServer, program: Program, data: Path, kills: int) -> BenchCheck:
    operator = server.user("operator-0", "operator")
    flights = [
        body_of(await operator.post("/flights", flight(number, days=400), key=f"kills-{number}"), 201)["id"]
        for number in range(FLIGHTS)
    ]
    buyers = Buyers(server, flights)
    for _ in range(kills):
        await buyers.go_on(ENOUGH)
        Postgres(data).kill()
        await buyers.go_on(ENOUGH)
        await asyncio.to_thread(program.kill)
        await _started(program)
    await buyers.go_on(ENOUGH)
    await buyers.stop()

    async def read_back(one: tuple[str, tuple[DemoUser, object]]) -> None:
        id, (who, told) = one
        answer = await who.get(f"/bookings/{id}")
        if (answer.status, answer.body) != (200, told):
            buyers.wrong.append(f"booking {id} was answered, but now reads: {str(answer)[:200]}")

    await work_through(buyers.answered.items(), read_back, ProgressBar(silent=True))
    held = sum([body_of(await operator.get(f"/flights/{id}/availability"), 200)["held"] for id in flights])
    if held != len(buyers.answered):
        buyers.wrong.append(f"{held} seats are held for {len(buyers.answered)} answered bookings")
    seen = f"PostgreSQL and program killed {kills} times each; {len(buyers.answered):,} answered bookings"
    repeated = f"{buyers.repeated} repeated with the same key"
    return BenchCheck("kills", not buyers.wrong, "; ".join([seen, repeated, *buyers.wrong[:3]]))
