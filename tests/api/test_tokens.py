"""Tokens: which are valid, and with which key."""

import base64
import hmac
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from api.http.http_errors import Unauthenticated
from api.http.tokens import Tokens
from domain.caller import Caller, Role
from runtime.settings import Settings, WrongSetting
from tests.api.conftest import SECRET, SETTINGS, token

CLAIMS: dict[str, Any] = {"sub": "alice", "roles": ["client"], "exp": 4_000_000_000}


def signed(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def without(name: str) -> str:
    return signed({key: value for key, value in CLAIMS.items() if key != name})


def unsigned(header: dict[str, Any]) -> str:
    parts = (json.dumps(header), json.dumps(CLAIMS))
    return ".".join([*(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts), ""])


def forged(kid: str, secret: bytes) -> str:
    """Sign with a public key's bytes as a shared secret. The JWT library refuses to do that."""
    head = {"alg": "HS256", "kid": kid}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, CLAIMS)]
    mac = hmac.digest(secret, b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


def caller(text: str, tokens: Tokens | None = None) -> Caller:
    return (tokens or Tokens(SETTINGS)).verify(b"Bearer " + text.encode()).caller


def test_a_valid_token_identifies_the_caller() -> None:
    assert caller(token("alice", "client", "pilot")) == Caller("alice", frozenset({Role.CLIENT}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b.c",
        "a" * 10_000,
        unsigned({"alg": "none"}),
        unsigned({"alg": "HS256"}),
        signed(CLAIMS, "another secret that is long enough too"),
        signed(CLAIMS, SECRET * 2, "HS512"),
        without("sub"),
        without("exp"),
        without("roles"),
        signed({**CLAIMS, "exp": int(time.time()) - 1}),
        signed({**CLAIMS, "nbf": 4_000_000_000}),
        signed({**CLAIMS, "sub": ""}),
        signed({**CLAIMS, "sub": "a\nb"}),
        signed({**CLAIMS, "sub": "a" * 256}),
        signed({**CLAIMS, "roles": "operator"}),
        signed({**CLAIMS, "roles": [1]}),
        signed({**CLAIMS, "exp": 10**400}),
    ],
    ids=lambda text: text[:12] or "empty",
)
def test_an_invalid_token_is_refused(text: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        caller(text)
    assert b'error="invalid_token"' in refused.value.headers[0][1]


@pytest.mark.parametrize("header", [b"Basic YTpi", b"bearer", b"Bearer", b"Token x", b"Bearer a, Bearer b"])
def test_another_authentication_scheme_is_refused(header: bytes) -> None:
    with pytest.raises(Unauthenticated):
        Tokens(SETTINGS).verify(header)


def test_the_scheme_is_case_insensitive() -> None:
    assert Tokens(SETTINGS).verify(b"bEARER " + token("alice", "client").encode()).caller.subject == "alice"


def now_plus(seconds: float) -> int:
    return int(time.time() + seconds)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_the_clock_of_the_issuer_may_be_ahead_by_the_leeway(claim: str) -> None:
    strict = Tokens(replace(SETTINGS, jwt_leeway_seconds=0))
    assert caller(signed({**CLAIMS, claim: now_plus(20)})).subject == "alice"
    for tokens, seconds in ((Tokens(SETTINGS), 120), (strict, 20)):
        with pytest.raises(Unauthenticated, match="clock") as refused:
            caller(signed({**CLAIMS, claim: now_plus(seconds)}), tokens)
        assert refused.value.reason == "iat or nbf lies in the future"


def test_the_expiry_has_no_leeway() -> None:
    for seconds in (0, -1, -20):
        with pytest.raises(Unauthenticated, match="expired") as refused:
            caller(signed({**CLAIMS, "exp": now_plus(seconds)}))
        assert (refused.value.reason, refused.value.subject) == ("expired", "alice")


def test_issuer_and_audience_are_required_where_settings_name_them() -> None:
    tokens = Tokens(replace(SETTINGS, jwt_issuer="https://id.example", jwt_audience="seatledger"))
    right = {"iss": "https://id.example", "aud": ["other", "seatledger"]}
    assert caller(signed(CLAIMS | right), tokens).subject == "alice"
    for wrong in (
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"aud": [1]},
    ):
        claims = {name: value for name, value in (CLAIMS | right | wrong).items() if value is not None}
        with pytest.raises(Unauthenticated) as refused:
            caller(signed(claims), tokens)
        assert refused.value.reason in ("another issuer", "another audience", "a claim is missing")
    assert caller(signed(CLAIMS | {"iss": "anybody"})).subject == "alice"


def test_a_cached_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens, text = Tokens(SETTINGS), token("alice", "client")
    assert caller(text, tokens).subject == "alice"
    now = time.time()
    monkeypatch.setattr("api.http.tokens.time.time", lambda: now + 601)
    with pytest.raises(Unauthenticated, match="expired"):
        caller(text, tokens)


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def keys(rsa_key: rsa.RSAPrivateKey) -> dict[str, Any]:
    return {
        "RS256": rsa_key,
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }


@pytest.fixture
def tokens(keys: dict[str, Any], tmp_path: Path) -> Tokens:
    makers = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
    jwks = [makers[name].to_jwk(key.public_key(), as_dict=True) | {"kid": name} for name, key in keys.items()]
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": jwks}))
    return Tokens(Settings(jwks_file=path, jwt_secret=SECRET))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_verifies_tokens_of_its_algorithm(
    algorithm: str, keys: dict[str, Any], tokens: Tokens
) -> None:
    text = jwt.encode(CLAIMS, keys[algorithm], algorithm=algorithm, headers={"kid": algorithm})
    assert caller(text, tokens).subject == "alice"


def test_a_key_verifies_no_token_of_another_key_or_algorithm(keys: dict[str, Any], tokens: Tokens) -> None:
    public = keys["RS256"].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    texts = [
        signed(CLAIMS),
        jwt.encode(CLAIMS, SECRET, algorithm="HS256", headers={"kid": "RS256"}),
        forged("RS256", public),
        jwt.encode(CLAIMS, keys["RS256"], algorithm="RS512", headers={"kid": "RS256"}),
        jwt.encode(CLAIMS, keys["ES256"], algorithm="ES256", headers={"kid": "RS256"}),
        jwt.encode(CLAIMS, keys["RS256"], algorithm="RS256", headers={"kid": "unknown"}),
        jwt.encode(CLAIMS, keys["RS256"], algorithm="RS256"),
    ]
    for text in texts:
        with pytest.raises(Unauthenticated):
            caller(text, tokens)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "eHg", "kid": "1"}]}']
)
def test_a_key_file_without_public_keys_stops_the_start(text: str, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(text)
    with pytest.raises(WrongSetting, match="SEATLEDGER_JWKS_FILE"):
        Tokens(Settings(jwks_file=path))


@pytest.mark.parametrize("wrong", [{"alg": "RS512"}, {"alg": "HS256"}, {"kid": 1}, {"kid": None}], ids=str)
def test_a_key_with_a_contradictory_algorithm_or_id_stops_the_start(
    wrong: dict[str, Any], rsa_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    path = tmp_path / "jwks.json"
    good = RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True) | {"kid": "1", "alg": "RS256"}
    path.write_text(json.dumps({"keys": [good]}))
    Tokens(Settings(jwks_file=path))
    path.write_text(json.dumps({"keys": [good | wrong]}))
    with pytest.raises(WrongSetting, match="SEATLEDGER_JWKS_FILE"):
        Tokens(Settings(jwks_file=path))


def test_a_private_key_in_the_key_file_stops_the_start(rsa_key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [RSAAlgorithm.to_jwk(rsa_key, as_dict=True) | {"kid": "1"}]}))
    with pytest.raises(WrongSetting, match="public keys"):
        Tokens(Settings(jwks_file=path))


def test_a_missing_key_stops_the_start() -> None:
    with pytest.raises(WrongSetting, match="SEATLEDGER_JWT_SECRET"):
        Tokens(Settings())
