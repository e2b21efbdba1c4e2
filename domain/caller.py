"""Callers: a subject and its roles."""

from enum import Enum
from typing import Any, NamedTuple, Protocol

import msgspec

from domain.refusals.requests import StaleVersion


class Role(Enum):
    CLIENT = "client"
    AUDITOR = "auditor"
    ANALYST = "analyst"
    OPERATOR = "operator"

    # Enum's own function is in Python, and every request compares sets of roles several times.
    __hash__ = object.__hash__


class Caller(msgspec.Struct, frozen=True):
    """An authenticated account. An operator acts for any account, other roles only for their own.

    `ledgers` are the names of the ledgers that it may use; none means all.
    """

    subject: str
    roles: frozenset[Role] = frozenset()
    ledgers: frozenset[str] = frozenset()

    @property
    def has_no_limits(self) -> bool:
        """True for operators: the limits per caller do not apply to them."""
        return Role.OPERATOR in self.roles

    def may_act_for(self, user_id: str) -> bool:
        return user_id == self.subject or Role.OPERATOR in self.roles

    def may_read(self, user_id: str | None) -> bool:
        """Return whether the caller may read data of this user; None stands for an erased user."""
        own = user_id is not None and user_id == self.subject
        return own or not self.roles.isdisjoint({Role.OPERATOR, Role.AUDITOR})


class Versioned(Protocol):
    @property
    def version(self) -> int: ...


class CommandContext(NamedTuple):
    """The caller of a command, and the versions of the subject that it accepts (None: any version)."""

    caller: Caller
    expected_versions: tuple[int, ...] | None = None

    def require_version(self, subject: Versioned) -> None:
        """Raises StaleVersion unless one of the expected versions (from If-Match) is the current one."""
        expected, version = self.expected_versions, subject.version
        if expected is not None and version not in expected:
            # A single version is stated as such.
            facts = {"expected": expected[0]} if len(expected) == 1 else {}
            raise StaleVersion(f"It is at version {version}.", **facts, version=version)


SYSTEM = Caller("seatledger", frozenset({Role.OPERATOR}))
"""Caller of the commands that the ledger submits itself."""


def as_subject(name: Any) -> str:
    """Return the name if an access token may have it as subject. Raises ValueError."""
    if not (isinstance(name, str) and 1 <= len(name) <= 255 and name.isprintable()):
        raise ValueError("must be 1 to 255 printable characters")
    if name == SYSTEM.subject:
        raise ValueError("this name is reserved for the ledger itself")
    return name
