"""`seatledger gateway`, alone and as a part of `up`."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.gateways.program import KEY, ROOT, Program
from tests.waiting import wait_until
from trials.programs.ports import free_port

COMMAND = [sys.executable, "-m", "cli.main"]


def environment(**given: str) -> dict[str, str]:
    clean = {n: v for n, v in os.environ.items() if n != "DATABASE_URL" and not n.startswith("SEATLEDGER_")}
    return clean | {"PYTHONPATH": str(ROOT)} | given


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_despite_waiting_requests(mortal: Program, number: int) -> None:
    mortal.switch(slow={"chance": 1, "seconds": 60})
    host, port = mortal.url.removeprefix("http://").split(":")
    request = f"GET /v1/refunds/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    with socket.create_connection((host, int(port))) as waiting:
        waiting.sendall(request.encode())
        # A later request is answered, so the earlier one has been accepted.
        mortal.books()
        begun = time.monotonic()
        assert mortal.end(number) == 0
        assert time.monotonic() - begun < 3
        assert waiting.recv(1000) == b""
    mortal.start()


def test_it_prints_its_url_as_json(tmp_path: Path) -> None:
    command = [*COMMAND, "gateway", "--port", "0", "--json", "--store", str(tmp_path / "new" / "books.db")]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        url = json.loads(program.stdout.readline())["ready"]
        answer = httpx.get(f"{url}/books", headers={"Authorization": f"Bearer {KEY}"}, trust_env=False)
        assert answer.json() == {"totals": [], "intents": [], "refunds": []}
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0


def test_a_store_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    store = tmp_path / "books.db"
    store.write_text("these are no books, and never were, however long one looks at them" * 100)
    shown = subprocess.run(
        [*COMMAND, "gateway", "--port", "0", "--store", str(store)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert shown.returncode == 1
    assert shown.stderr.startswith(f"seatledger: the store {store}: ")
    assert shown.stderr.count("\n") == 1


@pytest.fixture
def up(database_url: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, "up"],
        env=environment(
            DATABASE_URL=database_url,
            SEATLEDGER_DATA=str(tmp_path / "data"),
            SEATLEDGER_PORT=str(free_port()),
            SEATLEDGER_WORKERS="1",
            SEATLEDGER_LOG_LEVEL="ERROR",
            SEATLEDGER_GATEWAY="simulator",
        ),
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        yield program
        program.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
def test_up_starts_one_keeps_it_up_and_ends_it(up: "subprocess.Popen[str]", tmp_path: Path) -> None:
    assert up.stdout
    assert up.stdout.readline().startswith("ready ")
    first = part(up.pid, "gateway")
    url = of_process(part(up.pid, "scheduler"), "environ")["SEATLEDGER_GATEWAY_URL"]
    assert (tmp_path / "data" / "gateway.db").exists()
    assert answers(url)

    os.kill(first, signal.SIGKILL)
    wait_until(lambda: part(up.pid, "gateway") not in (0, first))
    wait_until(lambda: answers(url))

    up.send_signal(signal.SIGTERM)
    assert up.wait(10) == 0
    assert not answers(url)
    assert up.stdout.read() == ""


def part(parent: int, name: str) -> int:
    """Return the process id of this child of `up`, 0 if there is none."""
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        words = (Path("/proc") / child / "cmdline").read_bytes().split(b"\0")
        if name.encode() in words:
            return int(child)
    return 0


def of_process(number: int, what: str) -> dict[str, str]:
    pairs = (Path("/proc") / str(number) / what).read_text().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/books", trust_env=False).status_code == 401
    except httpx.TransportError:
        return False
