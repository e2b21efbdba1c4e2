"""Verification of bearer tokens: signed JWTs (RFC 7519) with the caller's subject and roles."""

import math
import re
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
from jwt.exceptions import InvalidSubjectError

from api.http.http_errors import KeysUnavailable, Unauthenticated
from api.http.public_keys import Key, Keys, read_key_file
from domain.caller import Caller, Role, as_subject
from runtime.settings import Settings, WrongSetting

if TYPE_CHECKING:
    from api.http.remote_keys import RemoteKeys

TOKEN_BYTES_MAX = 8192
UNKNOWN_KEY = "unknown key"
"""Reason to refuse a token that keys fetched since may accept."""
TOKENS_MAX = 10_000
"""Size of the cache of verified tokens. Expiry is checked on each request."""

_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""Compact serialization (RFC 7515, section 3.1). Decoders skip other characters, so that one token would
have many spellings.
"""

_ROLES = {role.value: role for role in Role}


class VerifiedToken(NamedTuple):
    """Caller of a valid token. `expires_at` is in seconds since the epoch."""

    caller: Caller
    expires_at: float


class Tokens:
    """Token verifier, by the public keys of a file or a URL in the settings, else by the shared secret."""

    def __init__(self, settings: Settings) -> None:
        self._keys: Keys = {}
        self._remote: RemoteKeys | None = None
        if settings.jwks_file is not None and settings.jwks_url is not None:
            raise WrongSetting("Set SEATLEDGER_JWKS_FILE or SEATLEDGER_JWKS_URL, not both")
        if settings.jwks_file is not None:
            self._keys = read_key_file(settings.jwks_file)
        elif settings.jwks_url is not None:
            # Its HTTP client takes 6 MB, and most ledgers have a shared secret or a file.
            from api.http import remote_keys

            self._remote = remote_keys.RemoteKeys(settings.jwks_url, self._replace_keys)
        elif settings.jwt_secret is not None:
            self._keys = {None: Key(settings.jwt_secret, "HS256")}
        else:
            raise WrongSetting(
                "SEATLEDGER_JWT_SECRET, SEATLEDGER_JWKS_FILE or SEATLEDGER_JWKS_URL must be set"
            )
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._leeway = settings.jwt_leeway_seconds
        self._decode_cached = lru_cache(TOKENS_MAX)(self._decode)

    def following_keys(self) -> AbstractAsyncContextManager[None]:
        """Return the context in which the keys of a URL are fetched, first on entry."""
        return nullcontext() if self._remote is None else self._remote.following()

    async def fetch_keys(self) -> bool:
        """Fetch the keys of the URL, because a token names an unknown one. Return whether that was done."""
        return self._remote is not None and await self._remote.fetch_unless_recent()

    def _replace_keys(self, keys: Keys) -> None:
        self._keys = keys
        # Tokens of a key that is gone must not stay valid.
        self._decode_cached.cache_clear()

    def verify(self, authorization: bytes | None) -> VerifiedToken:
        """Verify an Authorization header. Raises Unauthenticated."""
        if authorization is None:
            raise Unauthenticated
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not token or len(token) > TOKEN_BYTES_MAX:
            raise Unauthenticated(
                "The Authorization header must be `Bearer`, a space and a token.", True, "not a bearer token"
            )
        verified = self._decode_cached(token)
        if verified.expires_at <= time.time():
            raise Unauthenticated("The token has expired.", True, "expired", verified.caller.subject)
        return verified

    def _decode(self, token: bytes) -> VerifiedToken:
        try:
            if not _COMPACT.fullmatch(token):
                raise _UnfitToken("not a compact JWS")
            key = self._key(token)
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                # `verify` checks the expiry on each request, and without leeway.
                options={"require": ["exp", "sub", "roles"], "verify_exp": False},
            )
            caller = Caller(
                _subject(claims["sub"]), _roles(claims["roles"]), _ledgers(claims.get("ledgers", []))
            )
            return VerifiedToken(caller, _expiry(claims["exp"]))
        except jwt.ImmatureSignatureError as error:
            raise Unauthenticated(
                "The token is not valid yet. Check the clock of its issuer.", True, _reason(error)
            ) from error
        except (jwt.PyJWTError, ValueError, OverflowError, RecursionError) as error:
            raise Unauthenticated("The token is not valid.", True, _reason(error)) from error

    def _key(self, token: bytes) -> Key:
        if None in self._keys:
            return self._keys[None]
        if not self._keys:
            raise KeysUnavailable
        key = self._keys.get(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise _UnfitToken(UNKNOWN_KEY)
        return key


def _subject(claim: Any) -> str:
    try:
        return as_subject(claim)
    except ValueError:
        raise _UnfitToken("sub is not a name") from None


class _UnfitToken(ValueError):
    """The token lacks a property that this API requires. The message holds no part of the token."""


_REASONS: dict[type[Exception], str] = {
    jwt.InvalidSignatureError: "wrong signature",
    jwt.InvalidAlgorithmError: "another algorithm than that of the key",
    jwt.ImmatureSignatureError: "iat or nbf lies in the future",
    jwt.InvalidIssuedAtError: "iat is not a number",
    jwt.InvalidIssuerError: "another issuer",
    jwt.InvalidAudienceError: "another audience",
    jwt.MissingRequiredClaimError: "a claim is missing",
    InvalidSubjectError: "sub is not a text",
}


def _reason(error: Exception) -> str:
    """Return why a token is refused, for the log. Messages of the library may hold parts of the token."""
    return str(error) if isinstance(error, _UnfitToken) else _REASONS.get(type(error), "malformed")


def _expiry(claim: Any) -> float:
    """Return `exp`. RFC 7519, section 2, requires a number, which JSON does not define as NaN or infinite."""
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not math.isfinite(claim):
        raise _UnfitToken("exp is not a number")
    return float(claim)


def _roles(claim: Any) -> frozenset[Role]:
    """Return the known roles. Others are ignored, because tokens may carry roles of other systems."""
    if not (isinstance(claim, list) and all(isinstance(name, str) for name in claim)):
        raise _UnfitToken("roles is not a list of strings")
    return frozenset(_ROLES[name] for name in claim if name in _ROLES)


def _ledgers(claim: Any) -> frozenset[str]:
    """Return the names of the ledgers that the token allows, none for all."""
    if not (isinstance(claim, list) and all(isinstance(name, str) for name in claim)):
        raise _UnfitToken("ledgers is not a list of strings")
    return frozenset(claim)
