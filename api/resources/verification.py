"""Verification route. Verification runs in its own process, one at a time, with a time limit."""

import asyncio
import contextlib
import os
import sys
from typing import Annotated

import msgspec
from litestar import Controller, post
from litestar.types import ASGIApp
from loguru import logger
from msgspec import UNSET, Meta, UnsetType

from api.http.http_errors import Overloaded, ValidationFailed, VerificationTooLong
from api.http.replies import Reply, position_header
from api.http.request import ApiRequest
from api.http.routes import AUDITORS, route
from audit.verify import Verification
from database.head import position

SECONDS_MAX = 60

LogPosition = Annotated[int, Meta(ge=1, le=2**53 - 1)]


class VerifyRange(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """Range of positions to verify. Default: the whole log and the views."""

    first: LogPosition | UnsetType = UNSET
    last: LogPosition | UnsetType = UNSET


class VerificationController(Controller):
    path = "/api/v1/audit"
    tags = ("Audit",)

    @post(
        "/verify",
        opt=route(
            AUDITORS,
            "Verify the hash chain, positions, versions, commands, seats and views",
            body=VerifyRange,
            one_ledger=True,
            body_required=False,
            response=Verification,
        ),
    )
    async def verify_log(self, request: ApiRequest) -> ASGIApp:
        bounds = await request.read(VerifyRange, optional=True)
        if bounds.first is not UNSET and bounds.last is not UNSET and bounds.first > bounds.last:
            raise ValidationFailed(("/to", "Must not be before `from`"))
        async with request.ledger.read() as connection:
            reached = await position(connection)
        lock: asyncio.Lock = request.shared.verifying
        if lock.locked():
            raise Overloaded
        async with lock:
            result = await _verify(request, bounds)
        return Reply(200, result, [position_header(reached)])


async def _verify(request: ApiRequest, bounds: VerifyRange) -> bytes:
    """Run `audit.verify` and return its JSON output. Raises VerificationTooLong."""
    positions = (
        [position for position in (bounds.first or 1, bounds.last) if position is not UNSET]
        if bounds != VerifyRange()
        else []
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "audit.verify", *map(str, positions)),
        env={**os.environ, "DATABASE_URL": request.ledger.url, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stopping = asyncio.create_task(request.shared.stopping.wait())
    output = asyncio.create_task(process.communicate())
    try:
        await asyncio.wait({stopping, output}, timeout=SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
        if not output.done():
            raise VerificationTooLong
        stdout, stderr = output.result()
    finally:
        stopping.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        output.cancel()
    if process.returncode != 0:
        logger.bind(error=stderr.decode(errors="replace")[-2000:]).error("verify.failed")
        raise VerificationTooLong
    return stdout.strip()
