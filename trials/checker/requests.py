"""Requests as plain data, and the codes of answers to them."""

from dataclasses import dataclass
from typing import Any

import msgspec

from trials.checker.calls import Call
from trials.checker.log import LEDGER, Outcome

ACCEPTED = "accepted"


NOT_FOUND = frozenset(
    {
        "booking-not-found",
        "flight-not-found",
        "itinerary-not-found",
        "refund-not-found",
        "waiting-party-not-found",
    }
)


NOT_RECORDED = NOT_FOUND | {
    "hold-not-due",
    "idempotency-key-reused",
    "not-your-account",
    "stale-version",
    "waiting-not-over",
}
"""Refusals that leave no record: the same key may be used again."""


_UUID_CHARACTERS = 36


@dataclass(frozen=True, slots=True)
class Request:
    """One command as plain data. `subject` is the id in its path; `version` the one of If-Match."""

    operation: str
    actor: str
    role: str
    subject: str
    body: str
    version: int | None

    @classmethod
    def of(cls, call: Call) -> "Request":
        subject = f"{call.path}//".split("/")[2]
        return cls(call.operation, call.who, call.role, subject, call.body, call.version)

    @classmethod
    def own(cls, outcome: Outcome) -> "Request":
        """The ledger's own command: its key begins with the id of its subject."""
        subject = outcome.key[:_UUID_CHARACTERS]
        return cls(outcome.operation, LEDGER, "operator", subject, "", None)

    @property
    def fields(self) -> dict[str, Any]:
        return msgspec.json.decode(self.body) if self.body else {}

    def id_of(self, name: str) -> str:
        """Return the id with this name in the body, or else the one in the path."""
        return str(self.fields.get(name, self.subject))

    def may_act_for(self, user: str) -> bool:
        return self.role == "operator" or self.actor == user


def code_of(body: str) -> str | None:
    """Return the code of a refusal, None for any other body."""
    if '"code"' not in body:
        return None
    decoded = msgspec.json.decode(body)
    return decoded.get("code") if isinstance(decoded, dict) else None
