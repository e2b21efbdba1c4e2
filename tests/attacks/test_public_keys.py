"""Tokens by public keys: a key opens by its own algorithm and under its own name, and in no other way."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from api.http.http_errors import Unauthenticated
from api.http.tokens import Tokens
from runtime.settings import Settings
from tests.attacks.forgeries import CLAIMS, sign

MAKERS = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


def fresh_keys():
    return {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }


@pytest.fixture(scope="module")
def keys():
    return fresh_keys()


@pytest.fixture(scope="module")
def jwks(keys):
    return [MAKERS[name].to_jwk(key.public_key(), as_dict=True) | {"kid": name} for name, key in keys.items()]


@pytest.fixture
def tokens(jwks, tmp_path):
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": jwks}))
    return Tokens(Settings(jwks_file=tmp_path / "jwks.json"))


def refused(tokens, text):
    with pytest.raises(Unauthenticated):
        tokens.verify(b"Bearer " + text.encode())


@pytest.mark.parametrize("owner", MAKERS)
@pytest.mark.parametrize("named", MAKERS)
def test_a_token_opens_under_its_own_keys_name_only(tokens, keys, owner, named):
    text = jwt.encode(CLAIMS, keys[owner], algorithm=owner, headers={"kid": named})
    if owner == named:
        assert tokens.verify(b"Bearer " + text.encode()).caller.subject == CLAIMS["sub"]
    else:
        refused(tokens, text)


@pytest.mark.parametrize("algorithm", MAKERS)
def test_a_strangers_key_opens_nothing_under_a_known_name(tokens, jwks, algorithm):
    stranger = fresh_keys()[algorithm]
    own = MAKERS[algorithm].to_jwk(stranger.public_key(), as_dict=True) | {"kid": algorithm}
    for header in ({}, {"jwk": own}, {"jku": "http://127.0.0.1:9/keys.json"}):
        refused(
            tokens, jwt.encode(CLAIMS, stranger, algorithm=algorithm, headers=header | {"kid": algorithm})
        )


@pytest.mark.parametrize("name", MAKERS)
def test_what_everybody_knows_of_a_public_key_is_no_shared_secret(tokens, keys, jwks, name):
    public = keys[name].public_key()
    known = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).strip(),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        *(json.dumps(jwk).encode() for jwk in jwks if jwk["kid"] == name),
        *(value.encode() for jwk in jwks if jwk["kid"] == name for value in jwk.values() if len(value) > 40),
        b"",
    ]
    for secret in known:
        for header in (
            {"alg": "HS256", "kid": name},
            {"alg": name, "kid": name},
            {"alg": "none", "kid": name},
        ):
            refused(tokens, sign(header=header, secret=secret))


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "rs256",
        "RS256 ",
        "RS256\x00",
        "RS256' or '1'='1",
        "../RS256",
        None,
        1,
        ["RS256"],
        {"RS256": 1},
        True,
    ],
)
def test_only_the_exact_name_of_a_key_finds_it(tokens, keys, kid):
    refused(tokens, sign(header={"alg": "HS256", "kid": kid}))
    genuine = jwt.encode(CLAIMS, keys["RS256"], algorithm="RS256", headers={"kid": "RS256"})
    _, payload, signature = genuine.split(".")
    head = sign(header={"alg": "RS256", "kid": kid}).split(".")[0]
    refused(tokens, f"{head}.{payload}.{signature}")


def test_a_token_that_names_no_key_opens_nothing(tokens, keys):
    refused(tokens, jwt.encode(CLAIMS, keys["RS256"], algorithm="RS256"))


def test_another_algorithm_of_the_same_key_opens_nothing(tokens, keys):
    for algorithm in ("RS384", "RS512", "PS256"):
        refused(tokens, jwt.encode(CLAIMS, keys["RS256"], algorithm=algorithm, headers={"kid": "RS256"}))
