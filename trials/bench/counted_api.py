"""`python -m trials.bench.counted_api URL DATA CARRIER BOOKINGS`: book by the API, without a socket."""

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from litestar import Litestar
from loguru import logger

from api.app import create_app
from api.http import served_ledgers
from cli.tokens import sign_token
from ledger.ledger import open_ledger
from ledger.master_key_file import load_master_key
from runtime.settings import Settings
from trials.bench.process import run

SECRET = "a secret of the bench, long enough for HS256"
AT_ONCE = 64
CUSTOMERS = 100
SEATS = 1000
FLIGHT = {
    "origin": "LHR",
    "destination": "JFK",
    "departs_at": "2040-05-17T22:45:00Z",
    "arrives_at": "2040-05-18T04:40:00Z",
    "seats": SEATS,
    "price": {"amount": 450000, "currency": "INR"},
}


async def main(url: str, data: Path, carrier: str, bookings: int) -> None:
    """Book so many seats on new flights of the carrier, 64 at once. Raises RuntimeError on a refusal."""
    settings = Settings(
        jwt_secret=SECRET, deadline_seconds=600, data=data, master_key=load_master_key(Settings(data=data))
    )
    app = create_app(settings, lambda: open_ledger(url, settings))
    # Valgrind slows the program down, but not the clock by which the registry is read again.
    with patch.object(served_ledgers, "REFRESH_SECONDS", 3600.0):
        async with app.lifespan():
            await _sell(app, carrier, bookings)


async def _sell(app: Litestar, carrier: str, bookings: int) -> None:
    operator = sign_token(SECRET, "operator", ["operator"], 600)
    flights = []
    for _ in range(0, bookings, SEATS):
        number = f"{carrier}{time.time_ns() % 9999 + 1}"
        flight = await _post(app, "/api/v1/flights", FLIGHT | {"number": number}, operator, number)
        flights.append(flight["id"])
    turns = iter(range(bookings))
    await asyncio.gather(*(_book(app, flights, operator, turns) for _ in range(AT_ONCE)))


async def _book(app: Litestar, flights: list[str], token: str, turns: Iterator[int]) -> None:
    for turn in turns:
        flight = flights[turn % len(flights)]
        body = {"flight_id": flight, "user_id": f"passenger-{turn % CUSTOMERS}", "seats": 1}
        await _post(app, "/api/v1/bookings", body, token, f"{flight}-{turn}")


async def _post(app: Litestar, path: str, body: dict[str, Any], token: str, key: str) -> dict[str, Any]:
    """Call the application as a server would, and return the body. Raises RuntimeError unless it is 201."""
    headers = {"host": "bench", "authorization": f"Bearer {token}", "content-type": "application/json"}
    headers["x-idempotency-key"] = key
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("bench", 80),
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": msgspec.json.encode(body), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent)
    if sent[0]["status"] != 201:
        raise RuntimeError(content.decode())
    found: dict[str, Any] = msgspec.json.decode(content)
    return found


if __name__ == "__main__":
    logger.remove()
    run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
