"""The operations, schemas and problems of an OpenAPI document."""

from typing import Any

from client.generator.names import BY_HAND, TEXTS
from client.generator.schemas import Schema, references

PREFIX = "/api/v1"
NOTE = "# Generated from the OpenAPI document by `client/generator`: do not edit."


class Api:
    """One OpenAPI document. `problems` are the titles by code."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.schemas: dict[str, Schema] = document["components"]["schemas"]
        for schema in self.schemas.values():
            # What an event says stays plain JSON, because a log has events of many releases.
            schema.get("properties", {}).get("data", {}).pop("$defs", None)
        examples = document["components"]["examples"]
        self.operations = sorted(
            (
                (method.upper(), path, operation)
                for path, item in document["paths"].items()
                for method, operation in item.items()
                if path.startswith(PREFIX) and operation["operationId"] not in BY_HAND
            ),
            key=lambda one: (one[1], one[0]),
        )
        self.problems = {
            code: examples[example["$ref"].rpartition("/")[2]]["summary"]
            for item in document["paths"].values()
            for operation in item.values()
            for answer in operation["responses"].values()
            for content in answer.get("content", {}).values()
            for code, example in content.get("examples", {}).items()
        }

    def body(self, operation: Schema) -> Schema | None:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        return self.schemas[next(references(content["schema"]))] if content else None

    def used(self) -> tuple[set[str], set[str]]:
        """Return the names of all schemas in answers, and of those inside of bodies."""
        answers, bodies = {"LoggedEvent"}, set()
        for _, _, operation in self.operations:
            answers |= set(references(answer_schema(operation)))
            if body := self.body(operation):
                bodies |= set(references(body))
        return self._closed(answers), self._closed(bodies)

    def _closed(self, names: set[str]) -> set[str]:
        """Add the schemas to which these refer; pages are replaced by their rows."""
        found: set[str] = set()
        while names:
            name = names.pop()
            if name not in found:
                found.add(name)
                names |= set(references(self.schemas[name]))
        return {name for name in found if not name.endswith("Page")} - TEXTS


def answer_schema(operation: Schema) -> Schema:
    answers = operation["responses"]
    content = next(answers[status]["content"] for status in answers if status.startswith("2"))
    schema: Schema = content["application/json"]["schema"]
    return schema
