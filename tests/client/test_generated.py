"""The client's generated modules are those of the present API. `python -m` this module writes them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from api.app import create_app
from api.http.openapi import document
from client.generator import generate
from runtime.settings import Settings

PACKAGE = Path(__file__).parents[2] / "client" / "src" / "seatledger_client"


def generated() -> dict[str, str]:
    """Return the text of each generated module by its name."""
    app = create_app(Settings(jwt_secret="a secret of more than thirty-two bytes"), _open_no_ledger)
    modules = generate(json.loads(document(app)))
    return {name: _formatted(name, text) for name, text in modules.items()}


def _open_no_ledger() -> None:
    raise AssertionError("the document needs no ledger")


def _formatted(name: str, text: str) -> str:
    path = str(PACKAGE / name)
    for command in (("check", "--fix-only", "--select", "I,F401"), ("format",)):
        ruff = [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", path, "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


@pytest.fixture(scope="module")
def modules() -> dict[str, str]:
    return generated()


@pytest.mark.parametrize("name", ["records.py", "refusals.py", "resources.py"])
def test_the_client_has_every_operation_record_and_refusal_of_the_api(
    modules: dict[str, str], name: str
) -> None:
    assert (PACKAGE / name).read_text() == modules[name], "run python -m tests.client.test_generated"


if __name__ == "__main__":
    for name, text in generated().items():
        (PACKAGE / name).write_text(text)
