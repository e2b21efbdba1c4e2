"""Verification of bearer tokens: signed JWTs (RFC 7519) with the caller's subject and roles."""

import json
import math
import re
import time
from functools import lru_cache
from typing import Any, NamedTuple

import jwt
from jwt.algorithms import get_default_algorithms
from jwt.exceptions import InvalidSubjectError

from api.http.http_errors import Unauthenticated
from domain.caller import Caller, Role, as_subject
from runtime.settings import Settings, WrongSetting

TOKEN_BYTES_MAX = 8192
TOKENS_MAX = 10_000
"""Size of the cache of verified tokens. Expiry is checked on each request."""

_ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
"""Algorithm by key type and curve. The `alg` in a token's header is never used to choose it."""

_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""Compact serialization (RFC 7515, section 3.1). Decoders skip other characters, so that one token would
have many spellings.
"""

_ROLES = {role.value: role for role in Role}


class _Key(NamedTuple):
    key: Any
    algorithm: str


class VerifiedToken(NamedTuple):
    """Caller of a valid token. `expires_at` is in seconds since the epoch."""

    caller: Caller
    expires_at: float


class Tokens:
    """Token verifier. Uses the keys of SEATLEDGER_JWKS_FILE if that is set, otherwise the shared secret."""

    def __init__(self, settings: Settings) -> None:
        self._keys: dict[str | None, _Key] = {}
        if settings.jwks_file is not None:
            self._keys.update(_read_keys(settings))
        elif settings.jwt_secret is not None:
            self._keys[None] = _Key(settings.jwt_secret, "HS256")
        else:
            raise WrongSetting("SEATLEDGER_JWT_SECRET or SEATLEDGER_JWKS_FILE must be set")
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._leeway = settings.jwt_leeway_seconds
        self._decode_cached = lru_cache(TOKENS_MAX)(self._decode)

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

    def _key(self, token: bytes) -> _Key:
        if None in self._keys:
            return self._keys[None]
        key = self._keys.get(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise _UnfitToken("unknown key")
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


def _read_keys(settings: Settings) -> dict[str | None, _Key]:
    """Read the public keys of a JWK set (RFC 7517) by key id. Raises WrongSetting."""
    assert settings.jwks_file is not None
    try:
        keys: dict[str | None, _Key] = {}
        for jwk in json.loads(settings.jwks_file.read_text(encoding="utf-8"))["keys"]:
            algorithm = _ALGORITHMS[jwk["kty"], jwk.get("crv")]
            if jwk.get("alg", algorithm) != algorithm or not isinstance(jwk["kid"], str) or "d" in jwk:
                raise ValueError("a key's `alg`, `kid` or kind is not as required")
            keys[jwk["kid"]] = _Key(get_default_algorithms()[algorithm].from_jwk(jwk), algorithm)
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError):
        raise WrongSetting(
            "SEATLEDGER_JWKS_FILE must hold a JWK set of public keys with kids: RSA, EC P-256 or Ed25519"
        ) from None
    if not keys:
        raise WrongSetting("SEATLEDGER_JWKS_FILE holds no key")
    return keys
