"""One HTTP request to a receiver: to an address that was just resolved and checked, without redirects."""

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from time import monotonic
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from analytics.webhooks.addresses import Address, Network, WrongUrl, check_url, is_allowed, parse_address
from analytics.webhooks.queue import ANSWER_CHARACTERS_MAX
from runtime import VERSION
from scheduler.webhooks.post_result import PostResult

SECONDS_MAX = 10.0
"""Limit on one request, from the resolution of the name to the end of the answer."""

CONNECT_SECONDS_MAX = 4.0
KEPT_SECONDS = 15.0
"""An unused connection to a checked address is kept for this long."""

ADDRESSES_MAX = 2
WISHING = (429, 503)
"""The sender honours Retry-After of these answers."""

ANSWER_BYTES_MAX = 4 * ANSWER_CHARACTERS_MAX
ERROR_CHARACTERS_MAX = 200

_FIELDS = {"content-type": "application/json", "user-agent": f"Seatledger/{VERSION}"}


def open_session(trusted: ssl.SSLContext | None = None) -> aiohttp.ClientSession:
    """Open the session of all requests. It follows no proxy of the environment, and keeps no cookies.

    `trusted` has the authorities of certificates; None: those of the system.
    """
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_SECONDS, ssl=trusted or True)
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
    )


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: str,
    fields: dict[str, str],
    allowed: Sequence[Network],
    resolvers: Executor,
) -> PostResult:
    """Send the body. Every failure is a result: none is raised."""
    began, wait = monotonic(), 0.0
    try:
        async with asyncio.timeout(SECONDS_MAX):
            status, answer, wait = await _post(session, url, body, fields, allowed, resolvers)
        error = None if 200 <= status < 300 else f"answered {status}"
    except TimeoutError:
        status, answer, error = None, None, f"no answer within {SECONDS_MAX:.0f} s"
    except WrongUrl as problem:
        status, answer, error = None, None, f"not sent: the URL {problem}"
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        status, answer, error = None, None, _describe(problem)
    return PostResult(status, answer, error, int((monotonic() - began) * 1000), wait)


def seconds_to_wait(retry_after: str, date: str) -> float:
    """Return the seconds that a Retry-After asks for, in either form (RFC 9110, section 10.2.3); else 0.

    `date` is the answer's own Date: the receiver's clock may differ from that of the ledger.
    """
    text = retry_after.strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return float(text)
    try:
        wait = _instant(text) - _instant(date)
    except ValueError:
        return 0.0
    return max(wait.total_seconds(), 0.0)


def _instant(text: str) -> datetime:
    found = parsedate_to_datetime(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _post(
    session: aiohttp.ClientSession,
    url: str,
    body: str,
    fields: dict[str, str],
    allowed: Sequence[Network],
    resolvers: Executor,
) -> tuple[int, str, float]:
    check_url(url, allowed)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    addresses = await _resolve(host, port, resolvers)
    if refused := next((one for one in addresses if not is_allowed(one, allowed)), None):
        raise WrongUrl(
            f"leads to {refused}, a private address that SEATLEDGER_WEBHOOK_NETWORKS does not list"
        )
    if parts.scheme == "http" and not all(one.is_loopback for one in addresses):
        raise WrongUrl("is http and does not lead to a loopback address")
    for last, address in zip([False] * (len(addresses) - 1) + [True], addresses, strict=True):
        try:
            return await _post_to(session, URL(url), address, body, fields | {"host": parts.netloc})
        except aiohttp.ClientConnectorError:
            # Nothing was sent: the next address of the name may answer.
            if last:
                raise
    raise OSError("the name has no address")


async def _resolve(host: str, port: int, resolvers: Executor) -> list[Address]:
    """Return the addresses of the host now. No answer is kept, so a changed name is checked again."""
    if address := parse_address(host):
        return [address]
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(
        resolvers, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    # An IPv6 address of a link names its interface behind a percent sign.
    texts = dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found)
    return [ip_address(text) for text in texts][:ADDRESSES_MAX]


async def _post_to(
    session: aiohttp.ClientSession, url: URL, address: Address, body: str, fields: dict[str, str]
) -> tuple[int, str, float]:
    """Connect to this address; TLS verifies the certificate for the name in the URL.

    Return the status, the begin of the answer, and the seconds after which the receiver wants more.
    """
    request = session.post(
        url.with_host(str(address)),
        data=body.encode(),
        headers=_FIELDS | fields,
        allow_redirects=False,
        server_hostname=url.host if url.scheme == "https" else None,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS_MAX),
    )
    async with request as response:
        content = await response.content.read(ANSWER_BYTES_MAX)
        text = content.decode("utf-8", "replace").replace("\0", "")
        wishes = response.headers.get("retry-after", "") if response.status in WISHING else ""
        wait = seconds_to_wait(wishes, response.headers.get("date", ""))
        return response.status, text[:ANSWER_CHARACTERS_MAX], wait


def _describe(problem: Exception) -> str:
    """Return the reason in one line, without the pinned address, which tells of the network."""
    if isinstance(problem, socket.gaierror):
        return "the host name has no address"
    if isinstance(problem, aiohttp.ClientConnectorCertificateError | ssl.SSLError):
        reason = getattr(problem, "certificate_error", problem)
        return f"TLS: {getattr(reason, 'verify_message', None) or type(reason).__name__}"[
            :ERROR_CHARACTERS_MAX
        ]
    if isinstance(problem, aiohttp.ClientConnectorError):
        reason = problem.os_error
        return f"not connected: {os.strerror(reason.errno) if reason.errno else type(reason).__name__}"
    return type(problem).__name__
