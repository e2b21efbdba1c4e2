"""Public keys that check tokens: JWK sets (RFC 7517) of a file, or of a URL that is asked again and again."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import jwt
from jwt.algorithms import get_default_algorithms
from loguru import logger

from runtime.settings import WrongSetting

SET_BYTES_MAX = 256 * 1024
FETCH_SECONDS_MAX = 2.0
LIFETIME_SECONDS = 300.0
"""Time between two fetches. A key that left the set checks tokens for this long at most."""
PAUSE_SECONDS = 10.0
"""Least time between the fetches that tokens with unknown keys cause."""

_ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
"""Algorithm by key type and curve. The `alg` in a token's header is never used to choose it."""


class Key(NamedTuple):
    key: Any
    algorithm: str


Keys = dict[str | None, Key]
"""Keys by key id. A shared secret has the id None."""


def read_key_file(path: Path) -> Keys:
    """Read a file of keys, all of which can check tokens. Raises WrongSetting."""
    try:
        keys: Keys = {one["kid"]: _key(one) for one in json.loads(path.read_text(encoding="utf-8"))["keys"]}
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError):
        raise WrongSetting(
            "SEATLEDGER_JWKS_FILE must hold a JWK set of public keys with kids: RSA, EC P-256 or Ed25519"
        ) from None
    if not keys:
        raise WrongSetting("SEATLEDGER_JWKS_FILE holds no key")
    return keys


def _key(jwk: Any) -> Key:
    """Return the key of a JWK. Raises ValueError, KeyError, TypeError or PyJWTError for an unfit one."""
    algorithm = _ALGORITHMS[jwk["kty"], jwk.get("crv")]
    if jwk.get("alg", algorithm) != algorithm or not isinstance(jwk["kid"], str) or "d" in jwk:
        raise ValueError("a key's `alg`, `kid` or kind is not as required")
    return Key(get_default_algorithms()[algorithm].from_jwk(jwk), algorithm)


def _fit_keys(body: bytes) -> Keys:
    """Return the keys of a set that can check signatures here. Raises ValueError if it has none.

    An identity provider may publish keys for other uses beside them.
    """
    keys: Keys = {}
    jwks = json.loads(body)
    for jwk in jwks["keys"] if isinstance(jwks, dict) and isinstance(jwks.get("keys"), list) else ():
        with suppress(ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError):
            if jwk.get("use", "sig") == "sig":
                keys[jwk["kid"]] = _key(jwk)
    if not keys:
        raise ValueError("the answer has no key that can check tokens")
    return keys


class RemoteKeys:
    """The keys of a URL. While it does not answer well, the last keys go on.

    Requests wait for a fetch at most `FETCH_SECONDS_MAX`, all for the same one. `on_change` gets the keys.
    """

    def __init__(self, url: str, on_change: Callable[[Keys], None], pause: float = PAUSE_SECONDS) -> None:
        self._url = url
        self._on_change = on_change
        self._pause = pause
        self._fetching: asyncio.Task[bool] | None = None
        self._started = -pause

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Fetch the keys, and again after each lifetime; sooner after a failure."""
        following = asyncio.create_task(self._follow(await self.fetch()))
        try:
            yield
        finally:
            following.cancel()

    async def _follow(self, has_keys: bool) -> None:
        while True:
            await asyncio.sleep(LIFETIME_SECONDS if has_keys else self._pause)
            has_keys = await self.fetch()

    async def fetch_unless_recent(self) -> bool:
        """Fetch the keys, unless that was done a moment ago. Return whether they were fetched."""
        running = self._fetching is not None and not self._fetching.done()
        if not running and time.monotonic() - self._started < self._pause:
            return False
        return await self.fetch()

    async def fetch(self) -> bool:
        """Fetch the keys, or wait for the fetch that runs. Return whether there are new ones."""
        if self._fetching is None or self._fetching.done():
            self._started = time.monotonic()
            self._fetching = asyncio.create_task(self._fetch())
        # A caller that goes away must not end the fetch that others wait for.
        return await asyncio.shield(self._fetching)

    async def _fetch(self) -> bool:
        try:
            async with asyncio.timeout(FETCH_SECONDS_MAX):
                keys = _fit_keys(await self._read())
        except (httpx.HTTPError, ValueError, TimeoutError) as error:
            logger.bind(error=f"{type(error).__name__}: {error}"[:300]).warning("keys.not_fetched")
            return False
        self._on_change(keys)
        return True

    async def _read(self) -> bytes:
        """Read the answer. A redirect is none: the URL in the settings is the one that is trusted."""
        body = b""
        async with (
            httpx.AsyncClient(follow_redirects=False, timeout=FETCH_SECONDS_MAX) as client,
            client.stream("GET", self._url, headers={"accept": "application/json"}) as answer,
        ):
            if answer.status_code != 200:
                raise ValueError(f"status {answer.status_code}")
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > SET_BYTES_MAX:
                    raise ValueError("the answer is too large")
        return body
