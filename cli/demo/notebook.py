"""The demo's notebook: counts, facts, and every answer that differed from the contract."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cli.demo.client import DemoResponse

DETAIL_CHARACTERS_MAX = 300


@dataclass
class Notebook:
    """Counts by name, facts for the report, and a sentence for each failed check."""

    counts: Counter[str] = field(default_factory=Counter)
    facts: dict[str, Any] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)
    checks: int = 0

    def check(self, holds: bool, claim: str) -> bool:
        """Record a surprise unless the claim holds. Return whether it holds."""
        self.checks += 1
        if not holds:
            self.surprises.append(f"failed: {claim}"[:DETAIL_CHARACTERS_MAX])
        return holds

    def expect(self, answer: DemoResponse, status: int, code: str | None = None, /, **facts: Any) -> bool:
        """Check the status of an answer, the code and media type of a refusal, and some fields."""
        body = answer.body if isinstance(answer.body, dict) else {}
        as_expected = (
            answer.status == status
            and (code is None or body.get("code") == code)
            and (status < 400 or answer.media_type == "application/problem+json")
            and all(body.get(name) == value for name, value in facts.items())
        )
        expected = " ".join([str(status), code or "", *(f"{name}={value}" for name, value in facts.items())])
        return self.check(as_expected, f"expected {expected.strip()}, got {answer}")
