"""Run wrk with a file of prepared requests."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trials.bench.load_generator import generator
from trials.bench.pace import Pace

SCRIPT = Path(__file__).with_name("requests.lua")
ROOT = "/api/v1"


class Request(NamedTuple):
    """A prepared request, its path below ROOT. The script adds an idempotency key to every POST."""

    method: str
    path: str
    token: str
    body: str = ""


def load(
    url: str,
    requests: Sequence[Request],
    connections: int,
    seconds: float,
    *,
    repeat: int = 1,
    persistent: bool = True,
) -> Pace:
    """Send the requests in order, each `repeat` times in a row, over `connections` for `seconds`.

    This is a closed loop, and its latencies cover all answers. With `persistent=False` each request opens a
    connection; the rate includes the time for that, the latencies do not. Raises NoLoadGenerator, and
    RuntimeError with the output of wrk.
    """
    wrk = generator()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.writelines("\t".join([r.method, ROOT + r.path, r.token, r.body]) + "\n" for r in requests)
        file.flush()
        size = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
        ran = subprocess.run(
            [wrk.program, *size, url, "--", file.name, str(repeat), "keep" if persistent else "close"],
            env=wrk.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    lines = [line for line in ran.stdout.splitlines() if line.startswith("result ")]
    if ran.returncode or not lines:
        raise RuntimeError(f"wrk failed: {ran.stdout}{ran.stderr}")
    result = json.loads(lines[0].removeprefix("result "))
    return Pace(
        per_second=(result["requests"] - result["refused"]) / result["microseconds"] * 1e6,
        refused=result["refused"],
        broken=result["broken"],
        p50_ms=result["p50_us"] / 1000,
        p99_ms=result["p99_us"] / 1000,
        max_ms=result["max_us"] / 1000,
    )
