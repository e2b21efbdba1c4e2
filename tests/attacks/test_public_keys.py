"""Tokens signed with public keys: a key is valid with its own algorithm and name only."""

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


def make_keys():
    return {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }


@pytest.fixture(scope="module")
def keys():
    return make_keys()


@pytest.fixture(scope="module")
def jwks(keys):
    return [MAKERS[name].to_jwk(key.public_key(), as_dict=True) | {"kid": name} for name, key in keys.items()]


@pytest.fixture
def tokens(jwks, tmp_path):
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": jwks}))
    return Tokens(Settings(jwks_file=tmp_path / "jwks.json"))


def check_refused(tokens, text):
    with pytest.raises(Unauthenticated):
        tokens.verify(b"Bearer " + text.encode())


@pytest.mark.parametrize("owner", MAKERS)
@pytest.mark.parametrize("named", MAKERS)
def test_a_token_is_valid_under_the_name_of_its_own_key_only(tokens, keys, owner, named):
    text = jwt.encode(CLAIMS, keys[owner], algorithm=owner, headers={"kid": named})
    if owner == named:
        assert tokens.verify(b"Bearer " + text.encode()).caller.subject == CLAIMS["sub"]
    else:
        check_refused(tokens, text)


@pytest.mark.parametrize("algorithm", MAKERS)
def test_a_foreign_key_under_a_known_name_check_refused(tokens, jwks, algorithm):
    stranger = make_keys()[algorithm]
    own = MAKERS[algorithm].to_jwk(stranger.public_key(), as_dict=True) | {"kid": algorithm}
    for header in ({}, {"jwk": own}, {"jku": "http://127.0.0.1:9/keys.json"}):
        check_refused(
            tokens, jwt.encode(CLAIMS, stranger, algorithm=algorithm, headers=header | {"kid": algorithm})
        )


@pytest.mark.parametrize("name", MAKERS)
def test_a_public_key_cannot_be_used_as_a_shared_secret(tokens, keys, jwks, name):
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
            check_refused(tokens, sign(header=header, secret=secret))


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
def test_a_key_is_found_by_its_exact_name_only(tokens, keys, kid):
    check_refused(tokens, sign(header={"alg": "HS256", "kid": kid}))
    genuine = jwt.encode(CLAIMS, keys["RS256"], algorithm="RS256", headers={"kid": "RS256"})
    _, payload, signature = genuine.split(".")
    head = sign(header={"alg": "RS256", "kid": kid}).split(".")[0]
    check_refused(tokens, f"{head}.{payload}.{signature}")


def test_a_token_without_a_key_name_check_refused(tokens, keys):
    check_refused(tokens, jwt.encode(CLAIMS, keys["RS256"], algorithm="RS256"))


def test_another_algorithm_of_the_same_key_check_refused(tokens, keys):
    for algorithm in ("RS384", "RS512", "PS256"):
        check_refused(
            tokens, jwt.encode(CLAIMS, keys["RS256"], algorithm=algorithm, headers={"kid": "RS256"})
        )
