"""Base classes of refusals."""

import re
from inspect import cleandoc
from typing import Any, ClassVar, TypeAlias, TypeVar

from msgspec import UnsetType

T = TypeVar("T")
Sometimes: TypeAlias = T | UnsetType
"""A fact that not every refusal of its kind has, such as one that earlier releases did not record."""


class Refusal(Exception):
    """The ledger refused the command.

    The docstring of each kind is shown to callers: its first line is the title, the rest is the advice, and
    the detail ends with the advice. Its annotations without a value are its facts.
    """

    code: ClassVar[str] = "refusal"
    title: ClassVar[str] = ""
    advice: ClassVar[str] = ""
    """What the caller can do next."""
    states_all: ClassVar[bool] = False
    """True if a detail of its own already says what to do, so that the advice is not added to it."""
    is_recorded: ClassVar[bool] = True
    """True if the refusal is the final outcome under its key; False if the same key can be used again."""
    refused_at: int = 0
    """Position of the log that the ledger refused at; 0 for a refusal that it did not make."""

    def __init_subclass__(cls) -> None:
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        cls.title, _, rest = cleandoc(cls.__doc__ or "").partition("\n")
        cls.advice = " ".join(rest.split())

    def __init__(self, detail: str = "", /, **facts: Any) -> None:
        parts = [detail] if detail and self.states_all else [detail, self.advice]
        self.detail = " ".join(filter(None, parts)) or self.title
        super().__init__(self.detail)
        self.facts = facts
        vars(self).update(facts)


# The command names something that does not exist, at least for its caller. Such a refusal is not recorded:
# nothing was decided about anything, and a client could fill the disk with records about invented ids.
class NothingFound(Refusal):
    is_recorded = False
