"""Schemas and examples of refusals in the OpenAPI document, derived from their classes."""

from typing import Any, ClassVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from api.http.openapi_schemas import REFERENCE, Schema, Schemas
from api.http.problem_examples import EXAMPLE_FACTS, OTHER_EXAMPLES, REQUEST_ID
from api.http.problems import Problem, problem, status_of
from domain.commands.bookings import RefundAmount
from domain.flight import FlightStatus
from domain.refusals.base import Refusal
from domain.waiting import WaitingStatus

_LATER = {"FlightStatus": FlightStatus, "RefundAmount": RefundAmount, "WaitingStatus": WaitingStatus}
"""Types that the modules of refusals name only, because the modules of these types import them."""


def facts_of(kind: type[Refusal]) -> dict[str, Any]:
    """Return the types of the facts: the annotations of a refusal that have no value."""
    hints = get_type_hints(kind, localns=_LATER, include_extras=True)
    owned = {name: hint for name, hint in hints.items() if get_origin(hint) is not ClassVar}
    return {name: hint for name, hint in owned.items() if not _has_value(kind, name)}


def _has_value(kind: type[Refusal], name: str) -> bool:
    return any(name in vars(owner) for owner in kind.__mro__)


def is_sometimes(hint: Any) -> bool:
    """Return whether some refusals of the kind lack this fact."""
    return UnsetType in get_args(hint)


def problem_schema(schemas: Schemas, kinds: list[type[Refusal]]) -> Schema:
    """Return the schema of an answer that is one of these refusals; `code` says which."""
    names = {kind.code: _add_schema(schemas, kind) for kind in kinds}
    references = {code: REFERENCE + name for code, name in names.items()}
    if len(references) == 1:
        return {"$ref": next(iter(references.values()))}
    return {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "code", "mapping": references},
    }


def _add_schema(schemas: Schemas, kind: type[Refusal]) -> str:
    name = f"{kind.__name__}Problem"
    if name in schemas.components:
        return name
    fields = [
        (fact, hint, UNSET) if is_sometimes(hint) else (fact, hint) for fact, hint in facts_of(kind).items()
    ]
    struct = msgspec.defstruct(name, fields, bases=(Problem,), kw_only=True)
    struct.__doc__ = f"{kind.title}\n\n{kind.advice}"
    schemas.of(struct)
    properties = schemas.components[name]["properties"]
    properties["type"] = {"type": "string", "const": f"/problems/{kind.code}"}
    properties["code"] = {"type": "string", "const": kind.code}
    properties["status"] = {"type": "integer", "const": status_of(kind)}
    return name


def problem_example(kind: type[Refusal], path: str) -> dict[str, Any]:
    """Return an example of this refusal with all its facts, about an itinerary if the path is of one."""
    names = [name for name in facts_of(kind) if name != "why"]
    of_itinerary = "itinerar" in path
    # A payment is of a booking or of an itinerary.
    if {"booking_id", "itinerary_id"} <= set(names) and is_sometimes(facts_of(kind)["booking_id"]):
        names.remove("booking_id" if of_itinerary else "itinerary_id")
    refusal: Any = kind.__new__(kind)
    Refusal.__init__(refusal, **{name: _example_fact(kind, name) for name in names})
    refusal.refused_at = 42
    instance = f"/api/v1/{'itineraries' if of_itinerary else 'bookings'}"
    return {"summary": kind.title, "value": msgspec.json.decode(problem(refusal, instance, REQUEST_ID)[1])}


def _example_fact(kind: type[Refusal], name: str) -> Any:
    other = OTHER_EXAMPLES.get((kind.__name__, name))
    return EXAMPLE_FACTS[name] if other is None else other
