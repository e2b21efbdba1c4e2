"""The operations, schemas and problems of an OpenAPI document."""

from typing import Any, NamedTuple

from client.generator.names import BY_HAND, TEXTS, problem_name
from client.generator.schemas import Schema, references

PREFIX = "/api/v1"
NOTE = "# Generated from the OpenAPI document by `client/generator`: do not edit."


class Operation(NamedTuple):
    """One operation. `name` is method and path, without the prefix of all paths."""

    name: str
    verb: str
    path: str
    schema: Schema


class Api:
    """One OpenAPI document. `problems` are the titles by code."""

    def __init__(self, document: dict[str, Any]) -> None:
        components = document["components"]
        self.schemas: dict[str, Schema] = components["schemas"]
        for schema in self.schemas.values():
            # What an event says stays plain JSON, because a log has events of many releases.
            schema.get("properties", {}).get("data", {}).pop("$defs", None)
        self.operations = sorted(
            Operation(f"{verb.upper()} {path.removeprefix(PREFIX)}", verb.upper(), path, schema)
            for path, item in document["paths"].items()
            for verb, schema in item.items()
            if path.startswith(PREFIX)
        )
        self.operations = [one for one in self.operations if one.name not in BY_HAND]
        problems = [
            _resolve(example, components)["value"]
            for item in document["paths"].values()
            for operation in item.values()
            for answer in operation["responses"].values()
            for content in answer.get("content", {}).values()
            for example in content.get("examples", {}).values()
        ]
        self.problems = {one["code"]: one["title"] for one in problems if "code" in one}

    def body(self, operation: Schema) -> Schema | None:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        return self.schemas[next(references(content["schema"]))] if content else None

    def facts(self, problem: str) -> Schema:
        """Return the schemas of the facts of a problem, by name; none if the document does not say."""
        properties = self.schemas.get(f"{problem}Problem", {}).get("properties", {})
        common = self.schemas["ValidationFailedProblem"]["properties"] if properties else {}
        return {name: kind for name, kind in properties.items() if name not in common}

    def used(self) -> tuple[set[str], set[str]]:
        """Return the names of all schemas in answers, and of those inside of bodies."""
        answers, bodies = {"LoggedEvent", "FieldError"}, set()
        for operation in self.operations:
            answers |= set(references(answer_schema(operation.schema)))
            if body := self.body(operation.schema):
                bodies |= set(references(body))
        for code in self.problems:
            answers |= set(references(self.facts(problem_name(code))))
        return self._closed(answers), self._closed(bodies)

    def _closed(self, names: set[str]) -> set[str]:
        """Add the schemas to which these refer; pages are replaced by their rows."""
        found: set[str] = set()
        while names:
            name = names.pop()
            if name not in found | TEXTS:
                found.add(name)
                names |= set(references(self.schemas[name]))
        return {name for name in found if not is_page(self.schemas[name])}


def answer_schema(operation: Schema) -> Schema:
    """Return the schema of the success; an empty one if it has no body."""
    answers = operation["responses"]
    content = next(answers[status].get("content", {}) for status in answers if status.startswith("2"))
    schema: Schema = content.get("application/json", {}).get("schema", {})
    return schema


def is_page(schema: Schema) -> bool:
    return "next_cursor" in schema.get("properties", {})


def _resolve(example: Schema, components: Schema) -> Schema:
    name = example.get("$ref", "").rpartition("/")[2]
    resolved: Schema = components["examples"][name] if name else example
    return resolved
