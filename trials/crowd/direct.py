"""Calls to a ledger in the same process: the command that a request to the API would become."""

from collections.abc import Callable

import msgspec

from api.http.commands import render
from domain.caller import SYSTEM, Role
from domain.caller import Caller as Account
from domain.commands.base import Command
from domain.handlers import HANDLERS
from ledger.ledger import Ledger
from ledger.submission import Answer, Overloaded, Submission, Unavailable
from trials.checker.calls import Call, now

UNKNOWN = 503
"""The status of a call with an unknown outcome."""

_COMMANDS: dict[str, type[Command]] = {command.OPERATION: command for command in HANDLERS}
_SUBJECTS = {
    "bookings": "booking_id",
    "flights": "flight_id",
    "itineraries": "itinerary_id",
    "refunds": "refund_id",
    "waitlist": "waiting_id",
}


class LedgerLine:
    """Submits commands, and records each attempt. Reads get no answer."""

    def __init__(self, ledger: Ledger, record: Callable[[Call], None]) -> None:
        self._ledger = ledger
        self._record = record

    async def send(self, call: Call) -> Call:
        if not call.is_command:
            return call
        sent_at = now()
        try:
            call = answered(call, await self._ledger.submit(submission_of(call)))
        except (Unavailable, Overloaded):
            call = msgspec.structs.replace(call, status=UNKNOWN)
        call = msgspec.structs.replace(call, sent_at=sent_at, ended_at=now())
        self._record(call)
        return call


def submission_of(call: Call, correlation_id: str = "") -> Submission:
    """Return the submission of a command. Its answer is rendered as the API renders it."""
    fields = msgspec.json.decode(call.body)
    _, plural, *rest = call.path.split("/")
    if len(rest) == 2:
        fields[_SUBJECTS[plural]] = rest[0]
    account = SYSTEM if call.who == SYSTEM.subject else Account(call.who, frozenset({Role(call.role)}))
    return Submission(
        msgspec.convert(fields, _COMMANDS[call.operation]),
        account,
        render,
        key=call.key,
        expected_versions=None if call.version is None else (call.version,),
        correlation_id=correlation_id,
    )


def answered(call: Call, answer: Answer) -> Call:
    """Return the call with the answer."""
    return msgspec.structs.replace(
        call,
        status=answer.status,
        text=answer.body.decode(),
        position=answer.position,
        replayed=answer.replayed,
    )
