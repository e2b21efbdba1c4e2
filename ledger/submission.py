"""Submissions to the ledger, and the answers to them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from domain.caller import SYSTEM, Caller
from domain.commands.base import Command
from domain.commands.flights import CancelFlight, DepartFlight, MoveAllBookings, RetimeFlight
from domain.personal import name_fields, text_fields
from domain.refusals.base import Refusal
from domain.working_set import Result
from ledger.ids import new_id

CommandKey = tuple[str, str, str]
"""Actor, operation, idempotency key. Together they identify a command."""


Decision = Result | Refusal
Render = Callable[["Submission", Decision], tuple[int, bytes]]
"""Renders a decision as the status and JSON body that are stored with it."""


@dataclass(slots=True)
class Submission:
    """A command with its caller and context.

    `key` is the caller's idempotency key. A key is generated if there is none, so that a repeated block finds
    the commands that are already committed. `older_key` is the same key as an older release recorded it.
    `render` belongs to the API or program that submits, because the stored answer is the one that the caller
    gets. `instance` names the request (the URL path for HTTP). A `dry_run` is decided and answered, but not
    written. `names` are the caller's and the customer's; the ledger itself has no name.
    """

    command: Command
    caller: Caller
    render: Render
    key: str = field(default_factory=lambda: str(new_id()))
    older_key: str = ""
    expected_versions: tuple[int, ...] | None = None
    correlation_id: str = ""
    traceparent: str = ""
    instance: str = ""
    dry_run: bool = False
    operation: str = field(init=False)
    original: tuple[Command, Caller] = field(init=False)
    names: list[str] = field(init=False)
    older_fingerprint: bytes = field(init=False, default=b"")
    _fingerprint: bytes = field(init=False, default=b"")

    def __post_init__(self) -> None:
        self.operation = self.command.OPERATION
        self.original = self.command, self.caller
        self.names = _names(self.command, self.caller)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the command, which reveals another command under the same key."""
        self._fingerprint = self._fingerprint or hashlib.sha256(_encode_command(self.command)).digest()
        return self._fingerprint

    @property
    def texts(self) -> dict[str, str]:
        """The personal texts in the command, by field."""
        command, _ = self.original
        texts = {name: getattr(command, name) for name in text_fields(type(command))}
        return {name: text for name, text in texts.items() if text is not None}

    def pseudonymise(
        self,
        persons: Mapping[str, str],
        seal: Callable[[str], str] | None,
        seal_passenger: Callable[[str], str] | None = None,
    ) -> None:
        """Replace names by pseudonyms and seal the free text, before the decision and the fingerprint.

        This starts from the original command, so that a repeated block gets the same result.
        `older_fingerprint` is the fingerprint with clear text, as older releases stored it.
        """
        if not persons:
            return
        command, caller = self.original
        self.caller = Caller(persons[caller.subject], caller.roles)
        if names := {name: persons[getattr(command, name)] for name in name_fields(type(command))}:
            command = msgspec.structs.replace(command, **names)
        if seal and (texts := self.texts):
            self.older_fingerprint = hashlib.sha256(_encode_command(command)).digest()
            sealed = {name: seal(text) for name, text in texts.items()}
            command = msgspec.structs.replace(command, **sealed)
        if seal_passenger:
            command = command.seal_passengers(seal_passenger)
        self.command, self._fingerprint = command, b""

    @property
    def needs_own_block(self) -> bool:
        """True for dry runs, which are not written, and for commands that touch many bookings."""
        return self.dry_run or isinstance(self.command, _LARGE)

    @property
    def command_key(self) -> CommandKey:
        return self.caller.subject, self.operation, self.key


class Answer(msgspec.Struct, frozen=True):
    """The outcome of a command, after COMMIT.

    `position` is the position of the command's last event, or the head of the log for a refusal. `subject_id`
    and `version` name the changed aggregate (None and 0 for a refusal). `replayed` is True if the outcome was
    recorded by an earlier submission with the same key. `refusal` is set if this submission was refused.
    """

    status: int
    body: bytes
    position: int
    subject_id: UUID | None = None
    version: int = 0
    replayed: bool = False
    refusal: type[Refusal] | None = None


class Unavailable(Exception):
    """The deadline passed and the outcome is unknown. It is safe to repeat the command with the same key."""


class Overloaded(Exception):
    """The queue is full. Nothing was done; try again later."""


_LARGE = CancelFlight | DepartFlight | RetimeFlight | MoveAllBookings
"""Commands that touch many bookings."""

_encode = msgspec.json.Encoder().encode
_encode_command = msgspec.json.Encoder(order="deterministic").encode
"""Equal commands have one fingerprint, in whatever order the request lists the parts of a price."""


def render_plain(submission: Submission, decision: Decision) -> tuple[int, bytes]:
    """Render a decision without HTTP, for the scheduler and for commands of the ledger itself."""
    if isinstance(decision, Refusal):
        return 409, _encode({"code": decision.code, **decision.facts})
    return 200, _encode({"id": decision.id, "version": decision.version})


def _names(command: Command, caller: Caller) -> list[str]:
    if caller is SYSTEM:
        return []
    return [caller.subject, *(getattr(command, name) for name in name_fields(type(command)))]
