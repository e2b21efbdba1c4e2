"""Hostile values for every input of every route, generated from the table of routes: never a 500."""

import http.client
import itertools
import json
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest
from litestar.routes import HTTPRoute

from api.app import create_app
from api.console.cookie import NAME as COOKIE
from api.http.examples import EXAMPLES
from api.http.routes import Route
from api.resources.verification import VerifyRange
from tests.api.conftest import SETTINGS
from tests.contract.client import connect
from tests.contract.people import OLGA, ApiCaller
from tests.contract.samples import unknown_id

CONNECTIONS = 16
SECONDS_MAX = 15
FORM = b"application/x-www-form-urlencoded"
TEXTS = [
    b"",
    b"%00",
    b"a%00b",
    b"%0A",
    b"%1F%7F%C2%85",
    b"%ED%A0%80",
    b"%FF",
    b"%C0%80",
    b"%",
    b"x" * 4000,
    b"%D9%A3",
    b"%F0%9F%98%80",
    b"%E2%80%AE",
    b"-1",
    b"1",
    b"1_0",
    b"9223372036854775807",
    b"9223372036854775808",
    b"9" * 40,
    b"INR",
    b"0000-01-01",
    b"0001-01-01",
    b"10000-01-01",
    b"0001-01-01T00:00:00%2B23:59",
    b"9999-12-31T23:59:59.999999-23:59",
    b"10000-01-01T00:00:00Z",
    b"'%3B--",
]
"""Percent-encoded: NUL, controls, half a surrogate, broken UTF-8, other digits, odd numbers and times."""

HEADERS = [
    b"Accept",
    b"Accept-Encoding",
    b"Authorization",
    b"Content-Encoding",
    b"Content-Type",
    b"Cookie",
    b"Expect",
    b"Host",
    b"HX-Request",
    b"Idempotency-Key",
    b"If-Match",
    b"If-None-Match",
    b"Last-Event-ID",
    b"Origin",
    b"Range",
    b"Sec-Fetch-Site",
    b"traceparent",
    b"X-Forwarded-For",
    b"x-idempotency-key",
    b"x-request-id",
]
BYTES = [
    b"",
    b"\x00",
    b"\x01\x1f\x7f",
    b"\xed\xa0\x80",
    b"\x80\xff",
    "é\N{ARABIC-INDIC DIGIT ONE}".encode(),
    b"x" * 5000,
    b'"' * 99,
    b",;=" * 30,
    b'*, "v1", W/"v2"',
    b"9" * 40,
    b"-1",
    b"Bearer \xff.\xff.\xff",
    b"Bearer e30.e30.e30",
    b"bytes=0-,-1",
    f"{COOKIE}=\xff; {COOKIE}=%00".encode("latin-1"),
]
METHODS = [b"get", b"pOST", b"BREW", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"HEAD"]
FORM_TYPES = [b"", b"text/plain", b"application/json", b"multipart/form-data; boundary=x", FORM + b";"]
CONTENT_LENGTHS = [b"", b"-1", b"+1", b"1, 2", b"9" * 30, b"\xd9\xa3"]


class Attempt(NamedTuple):
    method: bytes
    path: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""


@asynccontextmanager
async def no_ledger():
    yield object()


def table():
    """Return method, path and description of each route that the application has."""
    return [
        (method.encode(), routed.path_format, handler.opt["route"])
        for routed in create_app(SETTINGS, no_ledger).routes
        if isinstance(routed, HTTPRoute)
        for handler in routed.route_handlers
        if "route" in handler.opt
        for method in sorted(handler.http_methods)
    ]


ROUTES: list[tuple[bytes, str, Route]] = table()


class Targets(NamedTuple):
    """Ids that exist, and a cursor of one list."""

    flight: str
    booking: str
    refund: str
    cursor: bytes

    def path(self, template: str) -> bytes:
        """Fill in a path with values that exist."""
        return template.format(
            id=self.flight
            if "flights" in template
            else self.refund
            if "refunds" in template
            else self.booking,
            code="malformed",
            name="index.html",
            actor=OLGA.sub,
            operation="pay_booking",
            key="k",
        ).encode()


@pytest.fixture
async def targets(program):
    async with connect(program) as api:
        olga = ApiCaller.of(api, OLGA)
        flight = await olga.create_flight(seats=9)
        booking = await olga.book_and_pay(flight)
        (await olga.cancel(await olga.book_and_pay(flight))).ok()
        refunds = (await olga.get("/refunds?limit=200")).ok()["data"]
        cursor = (await olga.get("/bookings?limit=1")).ok()["next_cursor"]
    return Targets(flight["id"], booking["id"], refunds[-1]["id"], cursor.encode())


class RawConnections:
    """A connection for each thread, kept open where the server keeps it open."""

    def __init__(self, program):
        self.program = program
        self.address = urlsplit(program.url).hostname, urlsplit(program.url).port
        self.own = threading.local()
        self.opened: list[socket.socket] = []
        self.token = OLGA.token().encode()

    def send(self, attempt: Attempt) -> str | None:
        """Send the attempt. Return what is wrong with the answer, or None."""
        names = {name.lower() for name, _ in attempt.headers}
        headers = [*attempt.headers]
        if not names & {b"authorization", b"cookie"}:
            headers.append((b"Authorization", b"Bearer " + self.token))
        for name, value in ((b"Host", b"x"), (b"Content-Length", b"%d" % len(attempt.body))):
            if name.lower() not in names:
                headers.append((name, value))
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        request = b"%b %b HTTP/1.1\r\n%b\r\n%b" % (attempt.method, attempt.path, lines, attempt.body)
        kept, self.own.connection = getattr(self.own, "connection", None), None
        try:
            response, body = self._exchange(attempt, request, kept or self._dial())
        except OSError:
            if kept is None:
                raise
            # The server closed the connection, because it did not read the whole body of the last attempt.
            response, body = self._exchange(attempt, request, self._dial())
        waits = response.status == 503 and "ledger-position" in response.headers
        return None if response.status < 500 or waits else f"{attempt}: {response.status} {body[:500]!r}"

    def _dial(self):
        self.opened.append(socket.create_connection(self.address, timeout=SECONDS_MAX))
        return self.opened[-1]

    def close(self):
        for connection in self.opened:
            connection.close()

    def _exchange(self, attempt, request, connection):
        connection.sendall(request)
        response = http.client.HTTPResponse(connection, method=attempt.method.decode())
        response.begin()
        # A stream of events has no end.
        endless = "event-stream" in response.headers.get("content-type", "")
        body = b"" if endless else response.read()
        if endless or response.will_close:
            connection.close()
        else:
            self.own.connection = connection
        response.close()
        return response, body


@pytest.fixture(scope="module")
def attack(program):
    """Return a function that sends attempts over several connections and fails on a 500."""
    connections = RawConnections(program)
    with ThreadPoolExecutor(CONNECTIONS) as threads:

        def send_all(attempts):
            attempts = list(attempts)
            assert attempts
            faults = [fault for fault in threads.map(connections.send, attempts) if fault]
            assert not faults, f"{len(faults)} of {len(attempts)}: " + "\n".join(faults[:5])

        yield send_all
    connections.close()


def body_of(route: Route) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return headers and body that the route accepts, as far as it has any."""
    if route.form is not None:
        return [(b"Content-Type", FORM), (b"Sec-Fetch-Site", b"same-origin")], b"key=k&token=x"
    if route.body is None:
        return [], b""
    # A range in the wrong order, because a verification takes long.
    example: Any = {"from": 2, "to": 1} if route.body is VerifyRange else EXAMPLES.get(route.body, {})
    headers = [(b"Content-Type", b"application/json"), (b"Idempotency-Key", unknown_id().encode())]
    return headers, msgspec.json.encode(example)


def names_of(*kinds: Any) -> list[bytes]:
    fields = [field for kind in kinds if kind is not None for field in msgspec.structs.fields(kind)]
    return [field.encode_name.encode() for field in fields]


def queries_of(route: Route, targets: Targets):
    """Yield query strings: each parameter with each text, repeated and without a value; malformed ones."""
    names = names_of(route.query) + [b"dry_run"] * (route.body is not None)
    for name, text in itertools.product(names, [*TEXTS, targets.cursor]):
        yield name + b"=" + text
    for name in names:
        yield from (name, b"%b=1&%b=1" % (name, name), b"%b[]=1" % name)
    yield from (b"x=1", b"&&", b"=", b"%00=%00", b"\x80\xff=\xff", b"&".join([b"a=1"] * 99))


def test_no_query_parameter_of_any_route_causes_a_500(attack, targets):
    attack(
        Attempt(method, targets.path(path) + b"?" + query, *body_of(route))
        for method, path, route in ROUTES
        for query in queries_of(route, targets)
    )


def test_no_path_segment_of_any_route_causes_a_500(attack, targets):
    def paths():
        for method, path, route in ROUTES:
            parts = path.split("/")
            for place in [at for at, part in enumerate(parts) if part.startswith("{")]:
                for text in [*TEXTS, b"%2F", b"..%2f..", b"\x80\xff", unknown_id().encode()]:
                    front, rest = (
                        targets.path("/".join(some)) for some in (parts[:place], parts[place + 1 :])
                    )
                    yield Attempt(
                        method, b"/".join([front, text, *([rest] if rest else [])]), *body_of(route)
                    )

    attack(paths())


def test_no_header_of_any_route_causes_a_500(attack, targets):
    """Each route gets each header; the value changes from route to route."""

    def attempts():
        values, lengths = itertools.cycle(BYTES), itertools.cycle(CONTENT_LENGTHS)
        for method, path, route in ROUTES:
            headers, body = body_of(route)
            for name in HEADERS:
                others = [header for header in headers if header[0].lower() != name.lower()]
                hostile = [(name, next(values))] * (1 + (len(body) % 2))
                yield Attempt(method, targets.path(path), others + hostile, body)
            next(values)
            yield Attempt(method, targets.path(path), [*headers, (b"Content-Length", next(lengths))])

    attack(attempts())


def test_no_cookie_of_any_page_causes_a_500(attack, targets):
    token = OLGA.token().encode()
    cookies = [*TEXTS, *BYTES, token, token + b"%00", b'"' + token + b'"', token + b"; x"]
    attack(
        Attempt(method, targets.path(path), [*headers, (b"Cookie", COOKIE.encode() + b"=" + value)], body)
        for method, path, route in ROUTES
        if route.is_page
        for headers, body in [body_of(route)]
        for value in cookies
    )


def test_no_form_of_any_page_causes_a_500(attack, targets):
    def bodies(route):
        names = names_of(route.form) or [b"x"]
        yield from (
            b"",
            b"&",
            b"=",
            b"\x00",
            b"\xff\xfe",
            b"{}",
            b"x=1",
            b"&".join([b"a=1"] * 99),
            b"x" * 70_000,
        )
        for name, text in itertools.product(names, TEXTS):
            yield name + b"=" + text
            yield b"&".join([name + b"=" + text, *(other + b"=1" for other in names if other != name)])
        for name in names:
            yield from (name, b"%b=1&%b=2" % (name, name))

    def attempts():
        for method, path, route in ROUTES:
            if route.is_page and method == b"POST":
                for body in bodies(route):
                    yield Attempt(method, targets.path(path), body_of(route)[0], body)
                for kind in (
                    b"",
                    b"text/plain",
                    b"application/json",
                    b"multipart/form-data; boundary=x",
                    FORM + b";",
                ):
                    headers = [(b"Content-Type", kind), (b"Sec-Fetch-Site", b"same-origin")]
                    yield Attempt(method, targets.path(path), headers, b"key=k&token=x")

    attack(attempts())


def test_no_method_on_any_path_causes_a_500(attack, targets):
    paths = {path for _, path, _ in ROUTES}
    attack(Attempt(method, targets.path(path)) for path in sorted(paths) for method in METHODS)


def test_the_table_has_the_forms_and_parameters_of_api_and_console():
    """Control: an empty table would pass every test above."""
    by_path = {(method, path): route for method, path, route in ROUTES}
    assert b"after" in names_of(by_path[b"GET", "/api/v1/events"].query)
    assert b"key" in names_of(by_path[b"POST", "/console/refunds/{id}/settle"].form)
    assert len(ROUTES) > 60
    assert json.loads(body_of(by_path[b"POST", "/api/v1/bookings"])[1])
