"""The real program on a drill's servers, with a crowd of callers."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from cli.tokens import sign_token
from trials.checker.calls import Records
from trials.crowd.crowd import Crowd
from trials.crowd.http import connect
from trials.crowd.sale import Plan
from trials.programs.ledgers import CARRIERS, TWO, create_ledgers
from trials.programs.postgres import Ground
from trials.programs.program import Program, environment_without_settings

ANSWER_SECONDS_MAX = 7
HOLD_SECONDS = 2
PLAN = Plan(hold_seconds=HOLD_SECONDS, think_seconds=0.05, carriers=CARRIERS)


@asynccontextmanager
async def program_with_callers(ground: Ground, url: str) -> AsyncIterator[tuple[Crowd, Records]]:
    """Run the program with two ledgers on both servers' addresses, and a crowd that calls both."""
    await asyncio.to_thread(create_ledgers, url, ground.folder, TWO)
    key = secrets.token_urlsafe(48)
    environment = {
        **environment_without_settings(),
        "DATABASE_URL": url,
        "SEATLEDGER_DATA": str(ground.folder),
        "SEATLEDGER_JWT_SECRET": key,
        "SEATLEDGER_HOLD_SECONDS": str(HOLD_SECONDS),
        "SEATLEDGER_CAPTURE_SECONDS": str(HOLD_SECONDS),
        "SEATLEDGER_OFFER_SECONDS": str(HOLD_SECONDS),
        "SEATLEDGER_SWEEP_CRON": "*/2 * * * * *",
    }
    program = Program(environment, ground.folder / "program.log")
    records = Records(ground.folder / "calls.jsonl")
    try:
        if not await program.start():
            raise ChildProcessError((ground.folder / "program.log").read_text()[-3000:])
        address = f"http://127.0.0.1:{program.port}"
        async with (
            connect(
                address, records.add, lambda who, roles: sign_token(key, who, roles, 600), ANSWER_SECONDS_MAX
            ) as line,
            Crowd(line.send, Random(), PLAN) as crowd,
        ):
            await crowd.open()
            yield crowd, records
            await crowd.close(0)
    finally:
        program.kill()
        records.close()
