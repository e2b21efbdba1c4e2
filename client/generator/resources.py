"""The module of resources: a method for each operation."""

from collections.abc import Iterator

from client.generator.api import NOTE, Api, Operation, answer_schema, is_page
from client.generator.arguments import body_of, path_arguments, path_expression, query_argument
from client.generator.names import class_name, method_name, record_name
from client.generator.schemas import paragraphs, references, value


def resources(api: Api) -> Iterator[str]:
    """Yield the lines of the module of resources."""
    yield f'"""Resources: a method for each operation of the API."""\n{NOTE}\n'
    yield "from collections.abc import Sequence\nfrom datetime import date, datetime"
    yield "from typing import Any, Generic\n"
    yield "from seatledger_client import records"
    yield "from seatledger_client.calls import Call, Id, M, Resource, Run, id_of, ids_of"
    yield "from seatledger_client.calls import listing, new_key, operation, path_of\n"
    groups: dict[str, dict[str, str]] = {}
    for operation in api.operations:
        resource, _, name = method_name(operation.name).partition(".")
        methods = groups.setdefault(resource, {})
        name = f"{operation.verb.lower()}_{name}" if name in methods else name
        methods[name] = "\n".join(_method(api, name, operation))
    for resource, methods in sorted(groups.items()):
        yield f'\nclass {class_name(resource)}(Resource[M]):\n    """Operations on {resource}."""\n'
        yield from methods.values()
    yield '\nclass Resources(Generic[M]):\n    """All resources of the API."""\n'
    yield "    def __init__(self, answer: Run, pages: Run) -> None:"
    for resource in sorted(groups):
        kind = class_name(resource)
        yield f"        self.{resource}: {kind}[M] = {kind}(answer, pages)"


def _method(api: Api, name: str, described: Operation) -> Iterator[str]:
    """Yield the lines of one method."""
    _, verb, path, operation = described
    answer = next(references(answer_schema(operation)), None)
    kind, is_list = "None", False
    if answer:
        is_list = is_page(api.schemas[answer])
        row = next(references(api.schemas[answer]["properties"]["data"])) if is_list else answer
        kind = f"records.{record_name(row)}"
    known = {one["name"] for one in operation["parameters"]}
    query = [one for one in operation["parameters"] if one["in"] == "query"]
    places = path_arguments(path)
    body = body_of(api, described)
    named = [*body.named, *(query_argument(api, one) for one in query)]
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
    yield f"    @{'listing' if is_list else 'operation'}"
    yield f"    def {name}({', '.join(arguments).removesuffix(', *')}) -> Call[{kind}]:"
    yield f'        """{paragraphs(operation["summary"])}."""'
    yield f"        return Call({verb!r}, {path_expression(path, list(places))}, {kind},"
    if query:
        members = (f'"{one["name"]}": {value(one["name"], one["schema"])}' for one in query)
        yield f"            query={{{', '.join(members)}}},"
    if "requestBody" in operation:
        yield f"            body={{{', '.join(body.members)}}},"
    yield "            key=key or new_key()," if "x-idempotency-key" in known else ""
    yield "            if_version=if_version," if "If-Match" in known else ""
    yield "        )\n"
