"""Validation of bodies against the schemas of the OpenAPI document."""

from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

Validator = jsonschema_rs.Draft202012Validator


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Validator:
    """Return the validator of a schema that may refer to components of the document."""
    components = {"schemas": document["components"]["schemas"]}
    return Validator({**schema, "components": components}, validate_formats=True)


def validate(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Raise jsonschema_rs.ValidationError unless the value fits the schema."""
    validator(document, schema).validate(value)


class DocumentedProblems:
    """The schemas of all problems of a program, by code."""

    def __init__(self, document: bytes) -> None:
        self._document = msgspec.json.decode(document)
        schemas = self._document["components"]["schemas"]
        self._names = {
            schema["properties"]["code"]["const"]: name
            for name, schema in schemas.items()
            if name.endswith("Problem") and "const" in schema["properties"]["code"]
        }
        self._validator = cache(self._make_validator)

    def check(self, problem: dict[str, Any]) -> None:
        """Fail unless the document describes this problem: its code, and all its members."""
        name = self._names[problem["code"]]
        described = self._document["components"]["schemas"][name]["properties"]
        assert problem.keys() <= described.keys(), problem.keys() - described.keys()
        self._validator(name).validate(problem)

    def _make_validator(self, name: str) -> Validator:
        return validator(self._document, {"$ref": f"#/components/schemas/{name}"})
