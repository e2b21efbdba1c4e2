"""Run wrk with a file of prepared requests."""

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
    """A prepared request. The script adds an idempotency key to every POST."""

    method: str
    path: str
    token: str
    body: str = ""


class LoadResult(msgspec.Struct, frozen=True):
    """Result of a load. Latencies cover all answers, as measured by wrk's closed loop.

    `cpu_us` is the CPU time of the server's processes, PostgreSQL included, per accepted answer.
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
    persistent: bool = True,
) -> LoadResult:
    """Send the requests in order, each `repeat` times in a row, over `connections` for `seconds`.

    With `persistent=False` each request opens a connection; the rate includes the time for that, the
    latencies do not. Raises NoLoadGenerator, and RuntimeError with the output of wrk.
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
            [*command, url, "--", file.name, str(repeat), "keep" if persistent else "close"],
            env=wrk.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    lines = [line for line in ran.stdout.splitlines() if line.startswith("result ")]
    if ran.returncode or not lines:
        raise RuntimeError(f"wrk failed: {ran.stdout}{ran.stderr}")
    return _read(json.loads(lines[0].removeprefix("result ")))


def _read(result: dict[str, Any]) -> LoadResult:
    seconds = result["microseconds"] / 1e6
    return LoadResult(
        accepted_per_second=(result["requests"] - result["refused"]) / seconds,
        refused=result["refused"],
        broken=result["broken"],
        p50_ms=result["p50_us"] / 1000,
        p99_ms=result["p99_us"] / 1000,
        max_ms=result["max_us"] / 1000,
    )
