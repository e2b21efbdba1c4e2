"""Verify over HTTP: in a process of its own, one at a time, and not for ever."""

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

Place = Annotated[int, Meta(ge=1, le=2**53 - 1)]


class VerifyRange(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """Which events: all where neither is given, and then the views as well."""

    first: Place | UnsetType = UNSET
    last: Place | UnsetType = UNSET


class VerificationController(Controller):
    path = "/api/v1/audit"
    tags = ("Audit",)

    @post(
        "/verify",
        status_code=200,
        opt=route(
            AUDITORS,
            "Check chain, positions, versions, commands, seats and views, or a part of the log",
            body=VerifyRange,
            body_required=False,
            response=Verification,
        ),
    )
    async def verify(self, request: ApiRequest) -> ASGIApp:
        part = await request.read(VerifyRange, optional=True)
        if part.first is not UNSET and part.last is not UNSET and part.first > part.last:
            raise ValidationFailed("/to", "Must not be before `from`")
        async with request.ledger.read() as connection:
            reached = await position(connection)
        lock: asyncio.Lock = request.app.state.verifying
        if lock.locked():
            raise Overloaded
        async with lock:
            found = await _verified(request, part)
        return Reply(200, found, [position_header(reached)])


async def _verified(request: ApiRequest, part: VerifyRange) -> bytes:
    """What the other process says. Raises VerificationTooLong."""
    places = (
        [place for place in (part.first or 1, part.last) if place is not UNSET]
        if part != VerifyRange()
        else []
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "audit.verify", *map(str, places)),
        env={**os.environ, "DATABASE_URL": request.ledger.url, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stopping = asyncio.create_task(request.app.state.stopping.wait())
    talking = asyncio.create_task(process.communicate())
    try:
        await asyncio.wait({stopping, talking}, timeout=SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
        if not talking.done():
            raise VerificationTooLong
        said, complaint = talking.result()
    finally:
        stopping.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        talking.cancel()
    if process.returncode != 0:
        logger.bind(error=complaint.decode(errors="replace")[-2000:]).error("verify.failed")
        raise VerificationTooLong
    return said.strip()
