"""Calls: descriptions of requests, and the decorators that make methods of them, sync or async."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload
from urllib.parse import quote
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from seatledger_client.drivers import AsyncItems, Items

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class HasId(Protocol):
    """A record with an id, such as a flight."""

    @property
    def id(self) -> UUID: ...


Id = UUID | str | HasId
"""An id, or a record that has one."""


@overload
def id_of(value: Id) -> str: ...
@overload
def id_of(value: None) -> None: ...
def id_of(value: Id | None) -> str | None:
    """Return the id as text."""
    if value is None:
        return None
    return str(value if isinstance(value, (UUID, str)) else value.id)


def ids_of(values: Iterable[Id] | None) -> list[str] | None:
    return None if values is None else [id_of(value) for value in values]


def new_key() -> str:
    """Return a new idempotency key."""
    return str(uuid4())


@dataclass(frozen=True)
class Call(Generic[T_co]):
    """One request. `kind` is the type of the answer. A command has a key, which all attempts share."""

    method: str
    path: str
    kind: Any
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    key: str | None = None
    if_version: int | None = None

    def is_command(self) -> bool:
        return self.key is not None


def path_of(template: str, *values: Id) -> str:
    """Fill the places `{}` of a path."""
    return template.format(*(quote(id_of(value), safe="") for value in values))


class Sync:
    """Marks resources of which a call returns the answer."""


class Async:
    """Marks resources of which a call returns an awaitable."""


M = TypeVar("M", Sync, Async)


Run = Callable[[Call[Any]], Any]
"""Carries out a call, in the way of its client."""


class Resource(Generic[M]):
    """Operations on one kind of thing."""

    def __init__(self, answer: Run, pages: Run) -> None:
        self._answer = answer
        self._pages = pages


class operation(Generic[P, T]):
    """Make a method of a function that describes a call: it returns the answer, or an awaitable of it."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self.describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, resource: Resource[Sync], owner: Any) -> Callable[P, T]: ...
    @overload
    def __get__(self, resource: Resource[Async], owner: Any) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, resource: None, owner: Any) -> Callable[Concatenate[Any, P], Call[T]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: Any) -> Any:
        if resource is None:
            return self.describe
        return partial(_run, resource._answer, self.describe, resource)


class listing(Generic[P, T]):
    """Make a method of a function that describes the call of a page: it returns an iterable of all rows."""

    def __init__(self, describe: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self.describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, resource: Resource[Sync], owner: Any) -> "Callable[P, Items[T]]": ...
    @overload
    def __get__(self, resource: Resource[Async], owner: Any) -> "Callable[P, AsyncItems[T]]": ...
    @overload
    def __get__(self, resource: None, owner: Any) -> Callable[Concatenate[Any, P], Call[T]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: Any) -> Any:
        if resource is None:
            return self.describe
        return partial(_run, resource._pages, self.describe, resource)


def _run(
    run: Callable[[Call[Any]], Any], describe: Callable[..., Call[Any]], *values: Any, **named: Any
) -> Any:
    return run(describe(*values, **named))
