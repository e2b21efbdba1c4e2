"""The demo's notebook: what was seen, what was expected, and every surprise."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cli.demo.client import Answer

DETAIL_CHARACTERS_MAX = 300


@dataclass
class Notebook:
    """Counts by name, facts for the report, and a sentence for each time the server did not do as it must."""

    counts: Counter[str] = field(default_factory=Counter)
    facts: dict[str, Any] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)
    checks: int = 0

    def check(self, holds: bool, claim: str) -> bool:
        """Notes a surprise unless the claim holds; says whether it does."""
        self.checks += 1
        if not holds:
            self.surprises.append(f"not so: {claim}"[:DETAIL_CHARACTERS_MAX])
        return holds

    def expect(self, answer: Answer, status: int, code: str | None = None, /, **facts: Any) -> bool:
        """Checks an answer's status, and for a refusal its code, its media type and some of its facts."""
        body = answer.body if isinstance(answer.body, dict) else {}
        as_expected = (
            answer.status == status
            and (code is None or body.get("code") == code)
            and (status < 400 or answer.media_type == "application/problem+json")
            and all(body.get(name) == value for name, value in facts.items())
        )
        wanted = " ".join([str(status), code or "", *(f"{name}={value}" for name, value in facts.items())])
        return self.check(as_expected, f"{wanted.strip()} expected, and got {answer}")
