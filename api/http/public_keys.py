"""Public keys that check tokens: JWK sets (RFC 7517) of a file, or of the answer of a URL."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from jwt.algorithms import get_default_algorithms

from runtime.settings import WrongSetting

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


def fit_keys(body: bytes) -> Keys:
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
