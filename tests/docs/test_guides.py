"""The guides work as shown, in curl and in Python, one after the other on one server.

A comment at the end of a line of a shell block is a part of the answers, and a comment after `print` in a
Python block is the line that it prints. The tests compare them.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.test_webhooks import BODY, HEADERS, SECRET
from tests.contract.program import REPOSITORY, ProgramUnderTest
from tests.docs.test_readme import blocks
from tests.programs import find_program, needs, program_path

FIRST = "docs/tutorial/first-booking.md"
GUIDES = [f"docs/how-to/{name}.md" for name in ("paying", "retries", "errors", "webhooks", "own-writes")]
EXPECTED = re.compile(r"^(?:.*[^\s#] +|\s+)# (.+)$", re.MULTILINE)
PRINTED = re.compile(r"print\(.*\)  # (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def program() -> Iterator[ProgramUnderTest]:
    yield from _running(ProgramUnderTest(SEATLEDGER_WORKERS="1", SEATLEDGER_WEBHOOK_NETWORKS="127.0.0.0/8"))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ProgramUnderTest]:
    yield from _running(ProgramUnderTest(SEATLEDGER_WORKERS="1", SEATLEDGER_SANDBOX="true"))


def _running(program: ProgramUnderTest) -> Iterator[ProgramUnderTest]:
    try:
        program.start()
        yield program
    finally:
        program.close()


@needs("bash", "curl")
@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_works_as_shown_in_curl(checkout: Path, program: ProgramUnderTest, guide: str) -> None:
    first = [block for block in blocks(checkout / FIRST, "sh") if "$api" in block or "api=" in block]
    shown = "".join(block for block in blocks(checkout / guide, "sh") if "$api" in block)
    run_shell(program, checkout, first, shown, "http://127.0.0.1:8000")


@needs("bash", "curl")
def test_the_sandbox_works_as_shown_in_curl(checkout: Path, sandbox: ProgramUnderTest) -> None:
    first, *rest = [block for block in blocks(checkout / "docs/how-to/testing.md", "sh") if "api" in block]
    variables = "".join(line for line in first.splitlines(keepends=True) if "run.py up" not in line)
    run_shell(sandbox, checkout, [variables], "".join(rest), "http://127.0.0.1:8001")


def run_shell(program: ProgramUnderTest, checkout: Path, first: list[str], shown: str, url: str) -> None:
    """Run the blocks, which name the server by `url`; compare the answers with the comments in `shown`."""
    command = f"{sys.executable} -m cli.main"
    script = "\n".join([*first, "echo; echo BEGIN", shown]).replace("python3 run.py", command)
    ended = subprocess.run(
        [str(find_program("bash")), "-euo", "pipefail", "-c", script.replace(url, program.url)],
        env={**program.environment, "PATH": program_path(), "SEATLEDGER_DATA": str(program.data)},
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    answers = ended.stdout.partition("BEGIN")[2]
    expected = EXPECTED.findall(shown)
    assert len(expected) > 1
    for text in expected:
        assert text in answers, (text, answers)
        answers = answers.partition(text)[2]


@needs("bash", "openssl")
def test_a_signature_is_computed_as_shown_in_a_shell(checkout: Path, tmp_path: Path) -> None:
    """The example is that of the standard, which `tests/client/test_webhooks.py` verifies too."""
    [shown] = [block for block in blocks(checkout / "docs/how-to/webhooks.md", "sh") if "openssl" in block]
    (tmp_path / "body").write_bytes(BODY)
    given = {
        "secret": SECRET,
        "webhook_id": HEADERS["webhook-id"],
        "webhook_timestamp": HEADERS["webhook-timestamp"],
    }
    bash = str(find_program("bash"))
    ended = subprocess.run(
        [bash, "-euo", "pipefail", "-c", shown],
        env={"PATH": program_path(), **given},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 0, ended.stderr
    assert f"v1,{ended.stdout.strip()}" == HEADERS["webhook-signature"]


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_works_as_shown_in_python(checkout: Path, program: ProgramUnderTest, guide: str) -> None:
    run_python(program, checkout / FIRST, checkout / guide)


def test_the_sandbox_works_as_shown_in_python(checkout: Path, sandbox: ProgramUnderTest) -> None:
    run_python(sandbox, checkout / "docs/how-to/testing.md")


def run_python(program: ProgramUnderTest, *pages: Path) -> None:
    """Run the Python of the pages as one program."""
    shown = "".join(block for page in pages for block in blocks(page, "python"))
    tokens = [
        program.run("token", "--sub", subject, "--role", role).stdout.strip()
        for subject, role in (("alice", "client"), ("ops", "operator"))
    ]
    environment = {
        "PYTHONPATH": str(REPOSITORY / "client" / "src"),
        "SEATLEDGER_URL": program.url,
        **dict(zip(("SEATLEDGER_TOKEN", "OPERATOR_TOKEN"), tokens, strict=True)),
    }
    command = [sys.executable, "-c", shown]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    expected = PRINTED.findall(shown)
    assert len(expected) > 1
    assert ended.stdout.splitlines() == expected
