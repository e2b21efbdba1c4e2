"""All that is measured of speed, by one command: the writer without HTTP, then the API over HTTP."""

import json
from pathlib import Path
from statistics import median

from bench import http, writer

FIRST_LATENCY_MAX = 2.5
"""Of a lone caller's booking, in pgbench's transaction by a lone client and the no-op POST together."""


def run(smoke: bool, out: Path) -> int:
    """Raw numbers go into the folder. 0 when everything was accepted and the ledgers verify afterwards.

    `smoke`: each load for a second or two, which shows that it works and measures nothing.
    """
    flags = ["--smoke"] if smoke else []
    ended = [
        measure.main([*flags, "--out", str(out / f"{name}.json")])
        for name, measure in (("writer", writer), ("http", http))
    ]
    if not any(ended) and not smoke:
        share = _first_latency(out)
        verdict = f"{'reached' if share <= FIRST_LATENCY_MAX else 'missed'} (≤ {FIRST_LATENCY_MAX})"
        print(f"book, 1 connection: p50 {share:.2f} × that of pgbench + no-op, {verdict}")
    return max(ended)


def _first_latency(out: Path) -> float:
    def p50(file: str, *path: str) -> float:
        found = []
        for measured in json.loads((out / file).read_text(encoding="utf-8"))["rounds"]:
            for name in path:
                measured = measured[name]
            found.append(measured["p50_ms"])
        return median(found)

    least = p50("writer.json", "pgbench, 1 client") + p50("http.json", "1", "book, no-op")
    return p50("http.json", "1", "book, many flights") / least
