"""Requests of the program to its own API, to learn when it answers and when it serves."""

import http.client
import json
from contextlib import closing

ANSWER_SECONDS_MAX = 2

CHECK_SECONDS_MAX = 5.0
"""Longest pause between checks whether the API serves."""


def is_reachable(host: str, port: int) -> bool:
    """Return whether the API answers at all; it may still wait for its database."""
    answer = _get(host, port, "/health/live")
    return answer is not None and answer[0] == 200


def is_open(host: str, port: int) -> bool:
    """Return whether the API has opened its ledger. Failures of other checks do not matter."""
    answer = _get(host, port, "/health/ready")
    if answer is None:
        return False
    status, body = answer
    return status == 200 or any(check["name"] == "database" and check["ok"] for check in _checks(body))


def _checks(body: bytes) -> list[dict[str, object]]:
    try:
        return list(json.loads(body).get("checks", []))
    except ValueError:
        return []


def _get(host: str, port: int, path: str) -> tuple[int, bytes] | None:
    """Return status and body; None without an answer."""
    with closing(
        http.client.HTTPConnection(_reachable(host), port, timeout=ANSWER_SECONDS_MAX)
    ) as connection:
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None


def _reachable(host: str) -> str:
    """Return an address for requests to a server that may listen on all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
