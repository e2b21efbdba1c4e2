"""Schemas of what events hold, in the OpenAPI document: `EventData`, by type of event."""

import dataclasses
from typing import Any, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from api.http.openapi_schemas import REFERENCE, Schema, Schemas
from ledger.codec import EVENT_TYPES, state_fields

_ABOUT = """The `data` of each type of event, by type. Open: a later release may add types and fields.

An event of an earlier release may lack the fields that are optional here.
"""


def add_event_schemas(schemas: Schemas) -> None:
    """Add a schema for the data of each type of event, and refer to them from the events in answers."""
    properties = {topic: _data_schema(schemas, topic, kind) for topic, kind in EVENT_TYPES.items()}
    schemas.components["EventData"] = {"type": "object", "description": _ABOUT, "properties": properties}
    for name in ("LoggedEvent", "BookingHistoryEvent", "ItineraryHistoryEvent"):
        schemas.components[name]["properties"]["data"] = {
            "type": "object",
            "description": "What the event says. `EventData` has the fields of each `type`.",
            "$defs": {"by_type": {"$ref": f"{REFERENCE}EventData"}},
        }


def _data_schema(schemas: Schemas, topic: str, kind: type[Any]) -> Schema:
    name = "".join(part.title() for part in topic.replace(".", "_").split("_")) + "Data"
    hints = get_type_hints(kind, include_extras=True)
    fields: list[Any] = []
    for field in state_fields(kind):
        hint = hints[field.name]
        required = field.default is dataclasses.MISSING
        fields.append((field.name, hint) if required else (field.name, hint | UnsetType, UNSET))
    struct = msgspec.defstruct(name, fields, kw_only=True)
    # A dataclass without a docstring has its signature as one.
    about = (kind.__doc__ or "").partition("\n")[0]
    struct.__doc__ = f"`{topic}`" if about.startswith(f"{kind.__name__}(") else f"`{topic}`: {about}"
    return schemas.of(struct)
