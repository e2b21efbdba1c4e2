"""Forged and unusual tokens: each is a 401."""

import json

import pytest

from tests.attacks.forgeries import CLAIMS, HS256, part, sign, sign_content

ATTACKERS_SECRET = b"a secret of the attacker, long enough for HS256"


def claim_twice(name, value):
    """Return claims with one claim twice: first the attacker's value, then the one in the sample."""
    return json.dumps(CLAIMS).replace("{", "{" + json.dumps({name: value})[1:-1] + ", ", 1).encode()


def with_header(**header):
    return sign(header=HS256 | header, secret=ATTACKERS_SECRET)


UNSIGNED = {
    "alg none": f"{part({'alg': 'none'}).decode()}.{part(CLAIMS).decode()}.",
    "alg none, signed": sign(header={"alg": "none"}),
    "alg nOnE": f"{part({'alg': 'nOnE'}).decode()}.{part(CLAIMS).decode()}.",
    "no alg": sign(header={"typ": "JWT"}),
    "alg a list": sign(header={"alg": ["HS256"]}),
    "alg another": sign(header={"alg": "HS384"}),
    "alg RS256": sign(header={"alg": "RS256"}),
    "signature cut": sign()[:-2],
    "signature empty": sign().rpartition(".")[0] + ".",
    "five parts": f"{sign()}.e30.e30",
}
KEY_FROM_THE_TOKEN = {
    "jwk": with_header(jwk={"kty": "oct", "k": part(ATTACKERS_SECRET).decode()}),
    "jku": with_header(jku="http://127.0.0.1:9/keys.json"),
    "x5u": with_header(x5u="http://127.0.0.1:9/cert.pem"),
    "x5c": with_header(x5c=["MIIB"]),
    "kid up the path": sign(header=HS256 | {"kid": "../../../../../../dev/null"}, secret=b""),
    "kid in SQL": with_header(kid="x' UNION SELECT 'a secret of the attacker' --"),
    "kid a command": with_header(kid="key; touch /tmp/owned"),
    "kid an object": sign(header=HS256 | {"kid": {"a": 1}}),
    "kid a number": sign(header=HS256 | {"kid": 0}),
    "empty secret": sign(secret=b""),
}
CRITICAL = {
    "crit unknown": sign(header=HS256 | {"crit": ["exp"], "exp": 1}),
    "crit of nothing": sign(header=HS256 | {"crit": []}),
    "crit absent header": sign(header=HS256 | {"crit": ["not-there"]}),
}
CLAIMED = {
    name: sign(CLAIMS | change)
    for name, change in {
        "exp text": {"exp": "4000000000"},
        "exp true": {"exp": True},
        "exp null": {"exp": None},
        "exp a list": {"exp": [4_000_000_000]},
        "exp negative": {"exp": -1},
        "exp huge": {"exp": 10**400},
        "exp infinite": {"exp": float("inf")},
        "exp no number": {"exp": float("nan")},
        "nbf later": {"nbf": 3_900_000_000},
        "nbf text": {"nbf": "soon"},
        "iat later": {"iat": 3_900_000_000},
        "for others": {"aud": "another-program"},
        "sub a number": {"sub": 1},
        "sub null": {"sub": None},
        "sub a list": {"sub": ["alice"]},
        "sub with NUL": {"sub": "alice\x00"},
        "sub with an escape": {"sub": "alice\x1b[31m"},
        "sub of two lines": {"sub": "alice\u2028bob"},
        "sub with C1": {"sub": "alice\x85"},
        "sub written backwards": {"sub": "\u202ealice"},
        "sub a lone surrogate": {"sub": "alice\ud800"},
        "sub the ledger's own": {"sub": "seatledger"},
        "roles an object": {"roles": {"operator": True}},
        "roles nested": {"roles": [["operator"]]},
    }.items()
}
SHAPED = {
    "payload a list": sign([CLAIMS]),
    "payload text": sign("operator"),
    "payload null": sign(None),
    "payload no JSON": sign(b"{'sub': 'alice'}"),
    "payload no UTF-8": sign(b'{"sub": "\xff"}'),
    "payload deep": sign(b"[" * 4000),
    "header a list": sign(header=[HS256]),
    "header deep": sign(header=b"[" * 4000),
    "too long": sign(CLAIMS | {"padding": "x" * 8192}),
    "spaces inside": sign().replace(".", " . "),
    "space before": " " + sign(),
    "tab before": "\t" + sign(),
    "in quotes": f'"{sign()}"',
    "signature with a stranger": sign() + "!",
    "signature padded": sign() + "=",
    "signed with spaces": sign_content(part(HS256) + b" . " + part(CLAIMS), b""),
    "percent": sign().replace(".", "%2e"),
    "full stops": sign().replace(".", "。"),
}
ALL = UNSIGNED | KEY_FROM_THE_TOKEN | CRITICAL | CLAIMED | SHAPED


@pytest.mark.parametrize("name", ALL)
async def test_a_forged_or_unusual_token_is_a_401(api, name):
    header = f"Bearer {ALL[name]}".encode().decode("latin-1", "ignore")
    answer = await api.call("POST", "/api/v1/flights", json={}, headers={"Authorization": header})
    answer.refusal(401, "unauthenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="seatledger", error="invalid_token"'


async def test_a_token_without_the_unusual_part_is_accepted(api):
    """Control: the unusual part alone is the reason of the refusals."""
    (await api.call("POST", "/api/v1/flights", json={}, token=sign())).refusal(400)
    dated = CLAIMS | {"iat": 1, "nbf": 1, "exp": 4_000_000_000.5}
    (await api.call("POST", "/api/v1/flights", json={}, token=sign(dated))).refusal(400)
    strange = HS256 | {"kid": "unused", "jku": "http://127.0.0.1:9/", "typ": "at+jwt"}
    (await api.call("POST", "/api/v1/flights", json={}, token=sign(header=strange))).refusal(400)


async def test_the_last_of_two_equal_claims_counts(api):
    """RFC 7519, section 4: a duplicate is refused, or the last one counts."""
    bearer = sign(claim_twice("roles", ["auditor"]))
    (await api.call("POST", "/api/v1/flights", json={}, token=bearer)).refusal(400)
    expired_last = sign(json.dumps(CLAIMS).encode()[:-1] + b', "exp": 1}')
    (await api.call("POST", "/api/v1/flights", json={}, token=expired_last)).refusal(401)


async def test_two_authorization_headers_are_a_401(api):
    for second in (sign(), "x"):
        headers = [("Authorization", f"Bearer {sign()}"), ("Authorization", f"Bearer {second}")]
        async with api.session.get(f"{api.url}/api/v1/bookings", headers=headers) as answer:
            assert answer.status == 401
