"""The module of refusals: a class for each code of a problem."""

from collections.abc import Iterator

from client.generator.api import NOTE, Api
from client.generator.names import problem_name
from client.generator.schemas import annotation, paragraphs


def refusals(api: Api) -> Iterator[str]:
    """Yield the lines of the module of refusals."""
    yield f'"""Refusals: one class for each code of a problem."""\n{NOTE}\n'
    yield "from datetime import date, datetime\nfrom typing import Any\nfrom uuid import UUID\n"
    yield "from seatledger_client import records\nfrom seatledger_client.errors import Refusal\n"
    names = {code: problem_name(code) for code in sorted(api.problems)}
    yield f"__all__ = {list(names.values())}"
    for code, name in names.items():
        yield f'\nclass {name}(Refusal):\n    """{paragraphs(api.problems[code])}"""\n\n    CODE = "{code}"\n'
        for fact, schema in api.facts(name).items():
            kind = annotation(schema, in_body=False, prefix="records.")
            yield f"    {fact}: {kind}".replace("Sequence", "list")
    yield "\nREFUSALS = {kind.CODE: kind for kind in Refusal.__subclasses__()}"
