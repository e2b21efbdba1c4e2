"""The load generator: wrk, told what to send by a file of prepared requests."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from trials.bench.load_generator import generator

SCRIPT = Path(__file__).with_name("requests.lua")


class Request(NamedTuple):
    """A prepared request; the generator adds an idempotency key to every POST."""

    method: str
    path: str
    token: str
    body: str = ""


class Load(msgspec.Struct, frozen=True):
    """What one round of load came to. Latencies are of all answers, as the closed loop of wrk sees them.

    `cpu_us`: what the server's processes took for each answer accepted, PostgreSQL's among them.
    """

    accepted_per_second: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_us: float = 0.0


def load(
    url: str,
    requests: Sequence[Request],
    *,
    connections: int,
    seconds: float,
    repeat: int = 1,
    kept: bool = True,
) -> Load:
    """Sends the requests in order, each `repeat` times in a row, over that many connections for so long.

    Where connections are not `kept` each request has one of its own; the latencies leave out what it took to
    open it, the pace does not. Raises NoLoadGenerator, RuntimeError with what wrk said.
    """
    wrk = generator()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.writelines("\t".join([r.method, r.path, r.token or "-", r.body]) + "\n" for r in requests)
        file.flush()
        command = [
            wrk.program,
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout",
            "10s",
            "-s",
            str(SCRIPT),
        ]
        ran = subprocess.run(
            [*command, url, "--", file.name, str(repeat), "keep" if kept else "close"],
            env=wrk.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    lines = [line for line in ran.stdout.splitlines() if line.startswith("result ")]
    if ran.returncode or not lines:
        raise RuntimeError(f"wrk failed: {ran.stdout}{ran.stderr}")
    return _read(json.loads(lines[0].removeprefix("result ")))


def _read(result: dict[str, Any]) -> Load:
    seconds = result["microseconds"] / 1e6
    return Load(
        accepted_per_second=(result["requests"] - result["refused"]) / seconds,
        refused=result["refused"],
        broken=result["broken"],
        p50_ms=result["p50_us"] / 1000,
        p99_ms=result["p99_us"] / 1000,
        max_ms=result["max_us"] / 1000,
    )
