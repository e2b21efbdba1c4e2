"""Arguments of a method: for the places in a path, the query and the body."""

import re
from dataclasses import dataclass, field

from client.generator.api import Api, Operation
from client.generator.names import FIRST, SINGULARS, SUBJECTS, python_name, record_name
from client.generator.schemas import Schema, annotation, references, value

PLACE = re.compile(r"\{(\w+)\}")


@dataclass
class Body:
    """Arguments for a body, and the members that they become."""

    positional: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    members: list[str] = field(default_factory=list)


def query_argument(api: Api, parameter: Schema) -> str:
    name, schema = python_name(parameter["name"]), parameter["schema"]
    if schema.get("default") is False:
        return f"{name}: bool = False"
    return f"{name}: {_argument(api, schema, parameter.get('required', False))}"


def body_of(api: Api, operation: Operation) -> Body:
    """Return the arguments for the body, and its members."""
    schema = api.body(operation.schema) or {}
    required, result = schema.get("required", []), Body()
    subject = SUBJECTS.get(operation.name)
    provided: dict[str, str] = {}
    if subject:
        result.positional.append(f"{subject}: records.{subject.title()}")
        record = next(name for name in api.schemas if record_name(name) == subject.title())
        provided = {f"{subject}_id": "id", **{name: name for name in api.schemas[record]["required"]}}
    for name, kind in schema.get("properties", {}).items():
        if name in required and name in provided:
            result.members.append(f'"{name}": {subject}.{provided[name]}')
            continue
        arguments = result.positional if name == FIRST.get(operation.name) else result.named
        arguments.append(f"{python_name(name)}: {_argument(api, kind, name in required)}")
        result.members.append(f'"{name}": {value(name, kind)}')
    return result


def _argument(api: Api, schema: Schema, is_required: bool) -> str:
    """Return type and default of an argument. One that is None is not sent."""
    kind = annotation(schema, in_body=True, prefix="records.")
    if "$ref" in schema and "enum" in api.schemas[next(references(schema))]:
        kind = "str"
    elif "enum" in api.schemas.get(next(references(schema.get("items", {})), ""), {}):
        kind = "Sequence[str]"
    return kind if is_required else f"{kind.removesuffix(' | None')} | None = None"


def path_arguments(path: str) -> dict[str, str]:
    """Return the arguments of the places in a path by their names, an id by that of the thing."""
    places = re.findall(r"([a-z-]+)/(?:\{\w+\}/)*\{(\w+)\}", path) if "{id}" in path else []
    named = {SINGULARS.get(before, before.rstrip("s")): "Id" for before, _ in places}
    return {
        name: f"{name}: {kind}" for name, kind in (named or dict.fromkeys(PLACE.findall(path), "str")).items()
    }


def path_expression(path: str, names: list[str]) -> str:
    return f'path_of("{PLACE.sub("{}", path)}", {", ".join(names)})' if names else f'"{path}"'
