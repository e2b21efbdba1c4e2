"""The module of refusals: a class for each code of a problem."""

from collections.abc import Iterator

from client.generator.api import NOTE, Api


def refusals(api: Api) -> Iterator[str]:
    """Yield the lines of the module of refusals."""
    yield f'"""Refusals: one class for each code of a problem."""\n{NOTE}\n'
    yield "from seatledger_client.errors import Refusal\n"
    names = {code: code.title().replace("-", "") for code in sorted(api.problems)}
    yield f"__all__ = {list(names.values())}"
    for code, name in names.items():
        yield f'\nclass {name}(Refusal):\n    """{api.problems[code]}"""\n\n    CODE = "{code}"\n'
    yield "\nREFUSALS = {kind.CODE: kind for kind in Refusal.__subclasses__()}"
