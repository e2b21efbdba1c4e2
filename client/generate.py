"""The client's records, refusals and resources, made from the OpenAPI document of the program.

It imports neither the program nor the client. `python -m tests.client.test_generated` runs it.
"""

import json
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import fill, indent
from typing import Any

PREFIX = "/api/v1"
WIDTH = 98
NOTE = "# Generated from the OpenAPI document by `client/generate.py`: do not edit."

RECORDS = {
    "Status": "BookingStatus",
    "WaitingRow": "WaitingParty",
    "LoggedEvent": "Event",
    "Price": "Money",
    "RefundAmount": "Money",
}
"""Names of schemas that differ from those of the program. Of other names, only the end `Row` is cut off."""

METHODS = {
    "bookings_initiate": "bookings.create",
    "bookings_initiate_many": "bookings.create_many",
    "itineraries_initiate": "itineraries.create",
    "payments_pay": "bookings.pay",
    "payments_capture": "bookings.capture",
    "payments_void": "bookings.void",
    "payments_pay_itinerary": "itineraries.pay",
    "payments_capture_itinerary": "itineraries.capture",
    "payments_void_itinerary": "itineraries.void",
    "audit_why": "flights.why",
    "audit_proof": "bookings.proof",
}
"""Methods that are not `<tag>.<function>`. `find` is `get` everywhere."""

SUBJECTS = {"payments_pay": "booking", "payments_pay_itinerary": "itinerary"}
"""Operations on a record: it provides those fields of the body that it has."""

FIRST = {"bookings_initiate_many": "items", "itineraries_initiate": "bookings"}
"""Fields that may be given without a name."""

BY_HAND = {"audit_stream"}
"""Operations that `client.py` has."""

SINGULARS = {"itineraries": "itinerary", "waitlist": "party"}
PLACE = re.compile(r"\{(\w+)\}")
Schema = dict[str, Any]


@dataclass
class Body:
    """Arguments for a body, and the members that they become."""

    positional: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    members: list[str] = field(default_factory=list)


class Generator:
    """Writes the modules of one OpenAPI document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.schemas: dict[str, Schema] = document["components"]["schemas"]
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
            code: example["summary"]
            for item in document["paths"].values()
            for operation in item.values()
            for answer in operation["responses"].values()
            for content in answer.get("content", {}).values()
            for code, example in content.get("examples", {}).items()
        }

    def modules(self) -> dict[str, str]:
        """Return the text of each module by its name."""
        return {
            "records.py": "\n".join(self._records()),
            "refusals.py": "\n".join(self._refusals()),
            "resources.py": "\n".join(self._resources()),
        }

    def _records(self) -> Iterator[str]:
        yield f'"""Records: the values in answers and in bodies."""\n{NOTE}\n'
        yield "from __future__ import annotations\n"
        yield "from dataclasses import dataclass, field\nfrom datetime import date, datetime"
        yield "from typing import Any\nfrom uuid import UUID\n"
        yield "from seatledger_client.calls import Id, new_key"
        yield "from seatledger_client.record import OpenEnum, Record\n"
        answers, bodies = self._used()
        used = sorted(answers | bodies)
        yield f"__all__ = {sorted({record_name(name) for name in used})}"
        for name in sorted(used, key=lambda name: ("enum" not in self.schemas[name], record_name(name))):
            if record_name(name) not in (other for other in used if other != name):
                yield from self._record(name, in_body=name not in answers)

    def _used(self) -> tuple[set[str], set[str]]:
        """Return the names of all schemas in answers, and of those inside of bodies."""
        answers, bodies = {"LoggedEvent"}, set()
        for _, _, operation in self.operations:
            answers |= set(references(answer_schema(operation)))
            if body := self._body(operation):
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
        return {name for name in found if not name.startswith("Page_")}

    def _record(self, schema_name: str, in_body: bool) -> Iterator[str]:
        schema, title = self.schemas[schema_name], record_name(schema_name)
        if "enum" in schema:
            yield f"\nclass {title}(OpenEnum):"
        else:
            yield f"\n@dataclass(frozen=True)\nclass {title}(Record):"
        if text := paragraphs(schema.get("description", "")):
            end = "\n" if "\n" in text else ""
            yield indent(f'"""{text}{end}"""\n', "    ")
        for value in schema.get("enum", ()):
            yield f'    {re.sub("[^A-Z0-9]", "_", value.upper())} = "{value}"'
        properties, required = schema.get("properties", {}), schema.get("required", [])
        for name in sorted(properties, key=lambda name: name not in required or name == "key"):
            kind = annotation(properties[name], in_body)
            default = "" if name in required else default_of(properties[name])
            if in_body and name == "key":
                default = " = field(default_factory=new_key)"
            if default == " = None" and "None" not in kind:
                kind += " | None"
            yield f"    {name}: {kind}{default}"
        if not properties and "enum" not in schema:
            yield "    pass"

    def _refusals(self) -> Iterator[str]:
        yield f'"""Refusals: one class for each code of a problem."""\n{NOTE}\n'
        yield "from seatledger_client.errors import Refusal\n"
        names = {code: code.title().replace("-", "") for code in sorted(self.problems)}
        yield f"__all__ = {list(names.values())}"
        for code, name in names.items():
            yield f'\nclass {name}(Refusal):\n    """{self.problems[code]}"""\n\n    CODE = "{code}"\n'
        yield "\nREFUSALS = {kind.CODE: kind for kind in Refusal.__subclasses__()}"

    def _resources(self) -> Iterator[str]:
        yield f'"""Resources: a method for each operation of the API."""\n{NOTE}\n'
        yield "from collections.abc import Sequence\nfrom datetime import date, datetime"
        yield "from typing import Any, Generic\n"
        yield "from seatledger_client import records"
        yield "from seatledger_client.calls import Call, Id, M, Resource, Run, id_of, ids_of"
        yield "from seatledger_client.calls import listing, new_key, operation, path_of\n"
        groups: dict[str, list[str]] = {}
        for method, path, operation in self.operations:
            resource, _, name = method_name(operation["operationId"]).partition(".")
            groups.setdefault(resource, []).append("\n".join(self._method(name, method, path, operation)))
        for resource, methods in sorted(groups.items()):
            yield f'\nclass {class_name(resource)}(Resource[M]):\n    """Operations on {resource}."""\n'
            yield from methods
        yield '\nclass Resources(Generic[M]):\n    """All resources of the API."""\n'
        yield "    def __init__(self, answer: Run, pages: Run) -> None:"
        for resource in sorted(groups):
            kind = class_name(resource)
            yield f"        self.{resource}: {kind}[M] = {kind}(answer, pages)"

    def _method(self, name: str, method: str, path: str, operation: Schema) -> Iterator[str]:
        """Yield the lines of one method."""
        (answer,) = references(answer_schema(operation))
        is_page = answer.startswith("Page_")
        row = next(references(self.schemas[answer]["properties"]["data"])) if is_page else answer
        kind = f"records.{record_name(row)}"
        known = {one["name"] for one in operation["parameters"]}
        query = [one for one in operation["parameters"] if one["in"] == "query"]
        places = path_arguments(path)
        body = self._body_arguments(operation)
        named = [*body.named, *map(self._query_argument, query)]
        named += ["if_version: int | None = None"] if "If-Match" in known else []
        named += ["key: str | None = None"] if "x-idempotency-key" in known else []
        # Arguments without a default come first.
        arguments = [
            "self",
            *places.values(),
            *body.positional,
            "*",
            *sorted(named, key=lambda one: "=" in one),
        ]
        yield f"    @{'listing' if is_page else 'operation'}"
        yield f"    def {name}({', '.join(arguments).removesuffix(', *')}) -> Call[{kind}]:"
        yield f'        """{paragraphs(operation["summary"])}."""'
        yield f"        return Call({method!r}, {path_expression(path, list(places))}, {kind},"
        if query:
            members = (f'"{one["name"]}": {value(one["name"], one["schema"])}' for one in query)
            yield f"            query={{{', '.join(members)}}},"
        if "requestBody" in operation:
            yield f"            body={{{', '.join(body.members)}}},"
        yield "            key=key or new_key()," if "x-idempotency-key" in known else ""
        yield "            if_version=if_version," if "If-Match" in known else ""
        yield "        )\n"

    def _query_argument(self, parameter: Schema) -> str:
        name, schema = python_name(parameter["name"]), parameter["schema"]
        if schema.get("default") is False:
            return f"{name}: bool = False"
        return f"{name}: {self._argument(schema, parameter.get('required', False))}"

    def _body_arguments(self, operation: Schema) -> Body:
        """Return the arguments for the body, and its members."""
        id, schema = operation["operationId"], self._body(operation) or {}
        required, result = schema.get("required", []), Body()
        subject = SUBJECTS.get(id)
        provided: dict[str, str] = {}
        if subject:
            result.positional.append(f"{subject}: records.{subject.title()}")
            record = next(name for name in self.schemas if record_name(name) == subject.title())
            provided = {f"{subject}_id": "id", **{name: name for name in self.schemas[record]["required"]}}
        for name, kind in schema.get("properties", {}).items():
            if name in required and name in provided:
                result.members.append(f'"{name}": {subject}.{provided[name]}')
                continue
            arguments = result.positional if name == FIRST.get(id) else result.named
            arguments.append(f"{python_name(name)}: {self._argument(kind, name in required)}")
            result.members.append(f'"{name}": {value(name, kind)}')
        return result

    def _argument(self, schema: Schema, is_required: bool) -> str:
        """Return type and default of an argument. One that is None is not sent."""
        kind = annotation(schema, in_body=True, prefix="records.")
        if "$ref" in schema and "enum" in self.schemas[next(references(schema))]:
            kind = "str"
        return kind if is_required else f"{kind.removesuffix(' | None')} | None = None"

    def _body(self, operation: Schema) -> Schema | None:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        return self.schemas[next(references(content["schema"]))] if content else None


def record_name(schema: str) -> str:
    return RECORDS.get(schema, schema.removesuffix("Row"))


def method_name(operation: str) -> str:
    tag, _, name = operation.partition("_")
    return METHODS.get(operation, f"{tag}.{'get' if name == 'find' else name}")


def class_name(resource: str) -> str:
    return resource.title().replace("_", "")


def path_arguments(path: str) -> dict[str, str]:
    """Return the arguments of the places in a path by their names, an id by that of the thing."""
    places = re.findall(r"([a-z-]+)/(?:\{\w+\}/)*\{(\w+)\}", path) if "{id}" in path else []
    named = {SINGULARS.get(before, before.rstrip("s")): "Id" for before, _ in places}
    return {
        name: f"{name}: {kind}" for name, kind in (named or dict.fromkeys(PLACE.findall(path), "str")).items()
    }


def path_expression(path: str, names: list[str]) -> str:
    return f'path_of("{PLACE.sub("{}", path)}", {", ".join(names)})' if names else f'"{path}"'


def python_name(name: str) -> str:
    return name + "_" if keyword.iskeyword(name) else name


def answer_schema(operation: Schema) -> Schema:
    answers = operation["responses"]
    content = next(answers[status]["content"] for status in answers if status.startswith("2"))
    schema: Schema = content["application/json"]["schema"]
    return schema


def references(schema: Any) -> Iterator[str]:
    """Yield the names of the schemas to which a schema refers itself."""
    yield from re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(schema))


def annotation(schema: Schema, in_body: bool, prefix: str = "") -> str:
    """Return the type of a value."""
    if "$ref" in schema:
        return prefix + record_name(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        kinds = dict.fromkeys(annotation(one, in_body, prefix) for one in schema["anyOf"])
        return " | ".join(sorted(kinds, key=lambda kind: kind == "None"))
    if schema.get("type") == "array":
        kind = annotation(schema["items"], in_body, prefix)
        return f"Sequence[{kind}]" if prefix else f"list[{kind}]"
    formats = {"uuid": "Id" if in_body else "UUID", "date-time": "datetime", "date": "date"}
    if schema.get("format") in formats:
        return str(formats[schema["format"]])
    kinds = {"integer": "int", "boolean": "bool", "string": "str", "null": "None", "number": "float"}
    return kinds.get(schema.get("type", "string" if "enum" in schema else ""), "Any")


def value(name: str, schema: Schema) -> str:
    """Return the expression that converts an argument for the body or the query."""
    name = python_name(name)
    if schema.get("format") == "uuid":
        return f"id_of({name})"
    if schema.get("items", {}).get("format") == "uuid":
        return f"ids_of({name})"
    return name


def default_of(schema: Schema) -> str:
    default = schema.get("default")
    return " = field(default_factory=list)" if default == [] else f" = {default!r}"


def paragraphs(text: str) -> str:
    """Return the paragraphs of a description, of lines that fit into a docstring."""
    whole = (" ".join(one.split()).replace('"', "'") for one in text.strip().split("\n\n"))
    # The place of a secret is nothing to callers.
    whole = (re.sub(r", with a token as `\w+` \(see `[\w.]+`\)", "", one) for one in whole)
    return "\n\n".join(fill(one, WIDTH) for one in whole)
