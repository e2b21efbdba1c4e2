"""The API as a program: processes, sockets and signals."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

import api.main
import api.serve
from tests.api.conftest import SECRET, token
from trials.programs.ports import free_port

WORKERS = 2


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def program(database_url: str, port: int, checkout: Path) -> Iterator[subprocess.Popen[bytes]]:
    settings = {
        "DATABASE_URL": database_url,
        "SEATLEDGER_JWT_SECRET": SECRET,
        "SEATLEDGER_PORT": str(port),
        "SEATLEDGER_WORKERS": str(WORKERS),
        "SEATLEDGER_LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(checkout),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "api.serve"], env={**os.environ, **settings}, start_new_session=True
    )
    try:
        wait_for(lambda: answers(port))
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture
async def operator(port: int) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {token('operator', 'operator')}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
        yield client


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def wait_for(condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def read_connections(port: int) -> int:
    """Return the number of open connections to the port without unread bytes."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        local.endswith(f":{port:04X}") and state == "01" and queues.endswith(":00000000")
        for _, local, _, state, queues, *_ in lines
    )


def workers(program: subprocess.Popen[bytes]) -> set[int]:
    """Return the process ids of the main process's children."""
    listed = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text()
    return {int(number) for number in listed.split()}


@pytest.mark.parametrize("to", ["main process", "process group"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_requests_in_flight_are_answered_before_the_program_exits(
    program: subprocess.Popen[bytes], operator: httpx.AsyncClient, port: int, number: int, to: str
) -> None:
    sent: list[str] = []

    async def trace(event: str, _: object) -> None:
        if event == "http11.send_request_body.complete":
            sent.append(event)

    request = operator.build_request(
        "GET",
        "/api/v1/info?min_position=1",
        headers={"connection": "close"},
        extensions={"trace": trace},
    )
    slow = [asyncio.create_task(operator.send(request)) for _ in range(10)]
    await asyncio.to_thread(wait_for, lambda: len(sent) == 10 and read_connections(port) >= 10)
    for _ in range(2):
        os.kill(program.pid, number) if to == "main process" else os.killpg(program.pid, number)
    assert {answer.status_code for answer in await asyncio.gather(*slow)} == {503}
    assert await asyncio.to_thread(program.wait, 10) == 0


async def test_workers_exit_when_the_main_process_is_killed(
    program: subprocess.Popen[bytes], port: int
) -> None:
    orphans = workers(program)
    assert len(orphans) == WORKERS
    program.kill()
    program.wait()
    wait_for(lambda: not any(Path(f"/proc/{worker}/fd").exists() for worker in orphans), 5)
    assert not answers(port)


async def test_a_killed_worker_is_replaced(program: subprocess.Popen[bytes], port: int) -> None:
    victim = min(workers(program))
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(workers(program)) == WORKERS and victim not in workers(program))
    wait_for(lambda: answers(port))
    assert program.poll() is None


async def test_workers_that_are_killed_again_and_again_are_replaced(
    program: subprocess.Popen[bytes], port: int
) -> None:
    for _ in range(4):
        killed = workers(program)
        for victim in killed:
            os.kill(victim, signal.SIGKILL)
        wait_for(lambda killed=killed: len(workers(program) - killed) == WORKERS)
    wait_for(lambda: answers(port))
    assert program.poll() is None


async def test_metrics_are_summed_over_all_workers(
    program: subprocess.Popen[bytes], operator: httpx.AsyncClient, port: int
) -> None:
    for _ in range(20):
        # Each call opens a new connection, so that both workers get requests.
        assert answers(port)
    text = (await operator.get("/metrics")).text
    line = 'seatledger_http_requests_total{method="GET",route="/health/live",status="200"}'
    counted = [float(found.split()[-1]) for found in text.splitlines() if found.startswith(line)]
    assert counted
    assert counted[0] >= 20


async def test_silent_and_slow_clients_do_not_block_others(
    program: subprocess.Popen[bytes], operator: httpx.AsyncClient, port: int
) -> None:
    bearer = token("operator", "operator")
    head = f"POST /api/v1/flights HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {bearer}\r\n"
    partial_requests = [
        b"",
        head.encode(),
        f"{head}content-type: application/json\r\ncontent-length: 9\r\n\r\n{{".encode(),
    ]
    callers = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    try:
        for number, caller in enumerate(callers):
            caller.sendall(partial_requests[number % 3])
        for _ in range(5):
            assert (await operator.get("/api/v1/info", timeout=2)).status_code == 200
    finally:
        for caller in callers:
            caller.close()


@pytest.mark.parametrize("wrong", ["SEATLEDGER_PORT", "SEATLEDGER_JWT_SECRET", "DATABASE_URL"])
def test_an_invalid_setting_stops_the_start_with_one_line(checkout: Path, wrong: str) -> None:
    right = {"DATABASE_URL": "postgresql://nowhere/", "SEATLEDGER_JWT_SECRET": SECRET}
    settings = {
        **os.environ,
        **right,
        wrong: "short" if wrong != "DATABASE_URL" else "",
        "PYTHONPATH": str(checkout),
    }
    process = subprocess.run(
        [sys.executable, "-m", "api.serve"],
        env=settings,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert process.returncode != 0
    assert process.stderr.count("\n") == 1
    assert wrong in process.stderr


def test_the_application_is_built_before_workers_are_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
    monkeypatch.setenv("SEATLEDGER_JWT_SECRET", SECRET)
    api.main.build.cache_clear()
    try:
        api.serve._preload()
        assert api.main.build.cache_info().currsize == 1
    finally:
        api.main.build.cache_clear()
