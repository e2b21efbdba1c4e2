"""What goes into the ledger and what comes out: a submission, and its answer."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from domain.caller import SYSTEM, Caller
from domain.commands import CancelBooking, CancelFlight, Command, SettleRefund, VoidPayment
from domain.refusals import Refusal
from domain.working_set import Subject
from ledger.ids import new_id

CommandKey = tuple[str, str, str]
"""Actor, operation, idempotency key: what may happen only once."""


Decision = Subject | Refusal
Render = Callable[["Submission", Decision], tuple[int, bytes]]
"""Turns a decision into the answer that is stored with it: a status and a JSON body."""


@dataclass(slots=True)
class Submission:
    """One command on its way to the log.

    `key` is the caller's idempotency key, or one made here: every command has one, so that a block that has
    to be run again finds what it has already committed. `render` is the door's, because the stored answer is
    the one the caller sees. `instance` names the request (the URL path for HTTP). A
    `dry_run` is decided and answered, and nothing of it is written.
    """

    command: Command
    caller: Caller
    render: Render
    key: str = field(default_factory=lambda: str(new_id()))
    expected_version: int | None = None
    correlation_id: str = ""
    traceparent: str = ""
    instance: str = ""
    dry_run: bool = False
    operation: str = field(init=False)
    original: tuple[Command, Caller] = field(init=False)
    older_fingerprint: bytes = field(init=False, default=b"")
    _fingerprint: bytes = field(init=False, default=b"")

    def __post_init__(self) -> None:
        self.operation = self.command.OPERATION
        self.original = self.command, self.caller

    @property
    def fingerprint(self) -> bytes:
        """What tells the command from others under the same key."""
        self._fingerprint = self._fingerprint or hashlib.sha256(_encode(self.command)).digest()
        return self._fingerprint

    @property
    def names(self) -> list[str]:
        """Whom it names: the caller and whom it is for. The ledger itself is nobody."""
        command, caller = self.original
        if caller is SYSTEM:
            return []
        user_id = getattr(command, "user_id", None)
        return [caller.subject] if user_id is None else [caller.subject, user_id]

    def pseudonymise(self, persons: Mapping[str, str], seal: Callable[[str], str] | None) -> None:
        """Say it by pseudonyms, and free text sealed: so it is decided, and so its fingerprint is taken.

        From what was asked, so that a block may do it again. `older_fingerprint` is what was taken of it
        before texts were sealed.
        """
        if not persons:
            return
        command, caller = self.original
        self.caller = Caller(persons[caller.subject], caller.roles)
        if hasattr(command, "user_id"):
            command = msgspec.structs.replace(command, user_id=persons[command.user_id])
        name = TEXTS.get(type(command))
        text = getattr(command, name) if name else None
        if name and text is not None and seal:
            self.older_fingerprint = hashlib.sha256(_encode(command)).digest()
            command = msgspec.structs.replace(command, **{name: seal(text)})
        self.command, self._fingerprint = command, b""

    @property
    def stands_alone(self) -> bool:
        """Must it have a block of its own: to be rolled back, or because it touches a thousand bookings?"""
        return self.dry_run or isinstance(self.command, CancelFlight)

    @property
    def command_key(self) -> CommandKey:
        return self.caller.subject, self.operation, self.key


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to, after COMMIT.

    `position` is that of the command's last event, or of the log's head for a refusal; `subject_id` and
    `version` name the aggregate it changed (None and 0 for a refusal). `replayed`: the first outcome again.
    """

    status: int
    body: bytes
    position: int
    subject_id: UUID | None = None
    version: int = 0
    replayed: bool = False


TEXTS: dict[type[Command], str] = {CancelBooking: "reason", VoidPayment: "reason", SettleRefund: "reference"}
"""What people write about a booking. Why a flight is cancelled is about nobody, and stands in clear."""


class Unavailable(Exception):
    """The ledger could not answer in time; the outcome is unknown, repeating with the same key is safe."""


class Overloaded(Exception):
    """The queue is full; nothing was done, try again later."""


_encode = msgspec.json.Encoder().encode


def render_plain(submission: Submission, decision: Decision) -> tuple[int, bytes]:
    """Render for callers that are no HTTP clients: the scheduler, and holds that a block expires itself."""
    if isinstance(decision, Refusal):
        return 409, _encode({"code": decision.code, **decision.facts})
    return 200, _encode({"id": decision.id, "version": decision.version})
