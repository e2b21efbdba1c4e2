"""Public keys of a URL: cached, rotated, and robust against a server that fails."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm
from jwt.utils import base64url_encode

from api.app import create_app
from api.http import remote_keys
from api.http.http_errors import KeysUnavailable, Unauthenticated
from api.http.tokens import Tokens
from ledger.ledger import open_ledger
from runtime.setting_values import key_url
from runtime.settings import Settings, WrongSetting
from tests.api.conftest import client, running
from tests.api.test_tokens import CLAIMS, SECRET, caller, forged


class KeyServer:
    """A real server of a key set. `status`, `body` and `is_silent` change what it answers."""

    def __init__(self) -> None:
        self.body, self.status, self.is_silent, self.fetches = b"{}", 200, False, 0
        self.headers: dict[str, str] = {}
        self.stopped = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.fetches += 1
                if outer.is_silent:
                    outer.stopped.wait(30)
                    return
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def publish(self, **keys: Any) -> None:
        """Serve the public keys of these private ones, by key id, beside keys of no use here."""
        makers = {ec.EllipticCurvePrivateKey: ECAlgorithm, ed25519.Ed25519PrivateKey: OKPAlgorithm}
        jwks = [
            next(maker for kind, maker in makers.items() if isinstance(key, kind)).to_jwk(
                key.public_key(), as_dict=True
            )
            | {"kid": kid, "use": "sig"}
            for kid, key in keys.items()
        ]
        secret = {"kty": "oct", "kid": "shared", "k": base64url_encode(SHARED.encode()).decode()}
        other = {**jwks[0], "kid": "encryption", "use": "enc"}
        self.body = json.dumps({"keys": [secret, other, "nonsense", *jwks]}).encode()

    def close(self) -> None:
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()


SHARED = "a shared secret that the set should not have"
FIRST, SECOND = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    served = KeyServer()
    served.publish(first=FIRST)
    yield served
    served.close()


@pytest.fixture
async def tokens(key_server: KeyServer) -> AsyncIterator[Tokens]:
    async with fetching(key_server) as tokens:
        yield tokens


@asynccontextmanager
async def fetching(key_server: KeyServer) -> AsyncIterator[Tokens]:
    tokens = Tokens(Settings(jwks_url=key_server.url, jwt_secret=SECRET))
    async with tokens.following_keys():
        yield tokens


def signed_by(key: Any, kid: str, algorithm: str = "ES256") -> str:
    return jwt.encode(CLAIMS, key, algorithm=algorithm, headers={"kid": kid})


def expire_pause(tokens: Tokens) -> None:
    """Let the next unknown key cause a fetch, as after the pause."""
    assert tokens._remote is not None
    tokens._remote._started = -remote_keys.PAUSE_SECONDS


async def test_a_key_of_the_url_checks_tokens_and_is_fetched_once(
    tokens: Tokens, key_server: KeyServer
) -> None:
    for _ in range(3):
        assert caller(signed_by(FIRST, "first"), tokens).subject == "alice"
    assert key_server.fetches == 1


async def test_a_rotated_key_is_fetched_and_the_old_one_refused(
    tokens: Tokens, key_server: KeyServer
) -> None:
    # The same text, whose first verification is in the cache.
    old = signed_by(FIRST, "first")
    assert caller(old, tokens).subject == "alice"
    key_server.publish(second=SECOND)
    expire_pause(tokens)
    with pytest.raises(Unauthenticated):
        caller(signed_by(SECOND, "second", "EdDSA"), tokens)
    assert await tokens.fetch_keys()
    assert caller(signed_by(SECOND, "second", "EdDSA"), tokens).subject == "alice"
    with pytest.raises(Unauthenticated):
        caller(old, tokens)


async def test_unknown_keys_cause_one_fetch_in_a_while(tokens: Tokens, key_server: KeyServer) -> None:
    assert not await tokens.fetch_keys()
    expire_pause(tokens)
    assert await asyncio.gather(*(tokens.fetch_keys() for _ in range(20))) == [True] * 20
    assert not any([await tokens.fetch_keys() for _ in range(20)])
    assert key_server.fetches == 2


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (503, b"", {}),
        (200, b"<html>", {}),
        (200, b"\xff", {}),
        (200, b"[]", {}),
        (200, b'{"keys": 1}', {}),
        (200, b'{"keys": []}', {}),
        (200, b'{"keys": [{"kty": "RSA", "kid": "first"}]}', {}),
        (200, b'{"keys": []}'.ljust(remote_keys.SET_BYTES_MAX + 1), {}),
        (302, b"", {"location": "/elsewhere"}),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_the_last_keys_go_on_while_the_server_answers_wrongly(
    tokens: Tokens, key_server: KeyServer, status: int, body: bytes, headers: dict[str, str]
) -> None:
    key_server.status, key_server.body, key_server.headers = status, body, headers
    expire_pause(tokens)
    assert not await tokens.fetch_keys()
    assert caller(signed_by(FIRST, "first"), tokens).subject == "alice"


async def test_the_last_keys_go_on_while_the_server_is_down_or_silent(
    tokens: Tokens, key_server: KeyServer
) -> None:
    key_server.is_silent = True
    expire_pause(tokens)
    async with asyncio.timeout(5):
        assert not await tokens.fetch_keys()
    key_server.close()
    expire_pause(tokens)
    assert not await tokens.fetch_keys()
    assert caller(signed_by(FIRST, "first"), tokens).subject == "alice"


async def test_a_shared_secret_in_the_set_or_a_public_key_as_a_secret_checks_nothing(tokens: Tokens) -> None:
    public = FIRST.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    texts = [forged("first", public)]
    texts += [
        jwt.encode(CLAIMS, secret, algorithm="HS256", headers={"kid": kid})
        for secret, kid in ((SECRET, "first"), (SECRET, "shared"), (SHARED, "shared"))
    ]
    for text in texts:
        with pytest.raises(Unauthenticated):
            caller(text, tokens)


async def test_without_any_keys_the_answer_is_a_503(key_server: KeyServer) -> None:
    key_server.status = 500
    async with fetching(key_server) as tokens:
        with pytest.raises(KeysUnavailable):
            caller(signed_by(FIRST, "first"), tokens)
        key_server.status = 200
        expire_pause(tokens)
        assert await tokens.fetch_keys()
        assert caller(signed_by(FIRST, "first"), tokens).subject == "alice"


async def test_a_request_with_a_new_key_is_accepted_at_once(database_url: str, key_server: KeyServer) -> None:
    settings = Settings(jwks_url=key_server.url, deadline_seconds=3)
    app = create_app(settings, lambda: open_ledger(database_url, settings))
    async with running(app):
        key_server.publish(first=FIRST, second=SECOND)
        new = client(app, signed_by(SECOND, "second", "EdDSA"))
        assert (await new.get("/api/v1/flights")).status_code == 401
        expire_pause(app.state.shared.tokens)
        assert (await new.get("/api/v1/flights")).status_code == 200


@pytest.mark.parametrize("text", ["http://id.example/keys", "ftp://id.example", "https://a@b/", "keys.json"])
def test_a_url_that_another_machine_could_answer_for_stops_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="must be https"):
        key_url(text)


def test_keys_of_a_file_and_of_a_url_together_stop_the_start(tmp_path: Any) -> None:
    with pytest.raises(WrongSetting, match="not both"):
        Tokens(Settings(jwks_file=tmp_path, jwks_url="https://id.example/keys"))
