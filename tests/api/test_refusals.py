"""Refusals say what is wrong and what to do, and declare the facts that they have."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.http.http_errors import all_refusals
from api.http.openapi_problems import facts_of, is_sometimes
from domain.refusals.base import Refusal

ROOT = Path(__file__).parents[2]
KINDS = {kind.__name__: kind for kind in all_refusals()}
OWN_CONSTRUCTORS = {name for name, kind in KINDS.items() if "__init__" in vars(kind)}


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_a_refusal_has_a_title_and_an_advice(kind: type[Refusal]) -> None:
    assert kind.title.endswith(".")
    assert kind.advice.endswith("."), "The docstring needs a second paragraph: what the caller can do next"
    assert kind.advice != kind.title


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_a_detail_never_repeats_the_title(kind: type[Refusal]) -> None:
    plain, detailed = (kind.__new__(kind) for _ in range(2))
    Refusal.__init__(plain)
    Refusal.__init__(detailed, "It is at version 3.")
    assert plain.detail == kind.advice
    assert kind.title not in plain.detail
    assert detailed.detail.startswith("It is at version 3.")


def refusals_made() -> Iterator[tuple[str, str, set[str | None]]]:
    """Yield the place, the kind and the facts of each refusal that the program makes."""
    packages = ("domain", "ledger", "gateways", "api")
    for path in sorted(file for package in packages for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            made = node.exc if isinstance(node, ast.Raise) else node
            if isinstance(made, ast.Name) and isinstance(node, ast.Raise) and made.id in KINDS:
                yield f"{path}:{node.lineno}", made.id, set()
            if isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id in KINDS:
                yield f"{path}:{made.lineno}", made.func.id, {one.arg for one in made.keywords}


def test_every_refusal_is_made_with_the_facts_that_it_declares() -> None:
    made = [one for one in refusals_made() if one[1] not in OWN_CONSTRUCTORS]
    assert len(made) > 60
    for place, name, facts in made:
        declared = facts_of(KINDS[name])
        required = {fact for fact, hint in declared.items() if not is_sometimes(hint)}
        assert facts - {None} <= declared.keys(), f"{place}: {name} does not declare all of these"
        assert None in facts or required <= facts, f"{place}: {name} lacks {required - facts}"
