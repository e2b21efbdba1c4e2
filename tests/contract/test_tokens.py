"""Tokens: a valid signature, an expiry in the future and the right header, or a 401."""

import base64
import json
import time

import jwt
import pytest

from tests.contract.people import ALICE, mint

SOON = int(time.time()) + 3600
CLAIMS = {"sub": ALICE.sub, "roles": ["client"], "exp": SOON}


def without(claim):
    return {name: value for name, value in CLAIMS.items() if name != claim}


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def make_unsigned(algorithm):
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(CLAIMS)}."


def change_payload():
    """Return a token of Alice with another payload under the old signature."""
    head, _, signature = ALICE.token().split(".")
    return f"{head}.{part(CLAIMS | {'roles': ['operator']})}.{signature}"


BAD_TOKENS = {
    "expired": mint(**CLAIMS | {"exp": int(time.time()) - 60}),
    "expired since the epoch": mint(**CLAIMS | {"exp": 0}),
    "no exp": mint(**without("exp")),
    "no sub": mint(**without("sub")),
    "exp is not a number": mint(**CLAIMS | {"exp": "for ever"}),
    "another key": jwt.encode(CLAIMS, "another-key-of-more-than-thirty-two-bytes", algorithm="HS256"),
    "a blank key": jwt.encode(CLAIMS, " " * 32, algorithm="HS256"),
    "alg none": make_unsigned("none"),
    "alg None": make_unsigned("None"),
    "alg HS256 and no signature": make_unsigned("HS256"),
    "payload swapped": change_payload(),
    "not a token": "not-a-token",
    "two dots": "..",
    "nothing": "",
    "a huge token": "a" * 5000,
}


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_is_a_401(api, name):
    answer = await api.call("GET", "/api/v1/bookings", token=BAD_TOKENS[name])
    answer.refusal(401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        f"Basic {ALICE.token()}",
        f"Token {ALICE.token()}",
        ALICE.token(),
        f"Bearer{ALICE.token()}",
        f"Bearer {ALICE.token()} {ALICE.token()}",
        f"Bearer {ALICE.token()}, Basic abc",
        "Bearer naïve",
    ],
)
async def test_only_the_bearer_scheme_is_accepted(api, header):
    answer = await api.call("GET", "/api/v1/bookings", headers={"Authorization": header})
    answer.refusal(401)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_token_in_the_query_string_is_ignored(api):
    for name in ("token", "access_token", "authorization"):
        answer = await api.call("GET", f"/api/v1/bookings?{name}={ALICE.token()}")
        answer.refusal(401)


async def test_the_scheme_in_lower_case_is_accepted_or_refused(api):
    answer = await api.call("GET", "/api/v1/bookings", headers={"Authorization": f"bearer {ALICE.token()}"})
    assert answer.status in (200, 401)


@pytest.mark.parametrize("roles", [[], ["admin"], ["OPERATOR"], "operator", None, {"operator": True}, [1]])
async def test_unknown_roles_grant_no_rights(api, roles):
    answer = await api.call("GET", "/api/v1/bookings", token=mint(**CLAIMS | {"roles": roles}))
    assert answer.status in (401, 403), answer


async def test_a_token_without_roles_grants_no_rights(api):
    answer = await api.call("GET", "/api/v1/bookings", token=mint(**without("roles")))
    assert answer.status in (401, 403), answer


async def test_a_token_needs_three_claims_only(api):
    assert (await api.call("GET", "/api/v1/bookings", token=mint(**CLAIMS))).status == 200


async def test_a_bad_token_is_refused_before_anything_is_written(api):
    before = await api.position()
    for name in ("expired", "alg none", "another key"):
        (await api.call("POST", "/api/v1/flights", token=BAD_TOKENS[name], json={})).refusal(401)
    assert await api.position() == before
