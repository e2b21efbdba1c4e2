"""One request goes to an address that was just checked, and TLS verifies the name in the URL."""

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from analytics.webhooks.addresses import Network
from scheduler.webhooks.post_result import PostResult
from scheduler.webhooks.posting import open_session, post
from tests.scheduler.webhooks.receiver import Receiver

LOCAL = (ip_network("127.0.0.0/8"),)
NAME = "hooks.example.com"

Resolve = Callable[..., None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Return a function that lets every name have these addresses."""

    def answer(*addresses: str) -> None:
        def find(host: str, port: int, **_: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr("scheduler.webhooks.posting.socket.getaddrinfo", find)

    return answer


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a key and a certificate for NAME, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def secure(certificate: Path) -> Iterator[Receiver]:
    """A receiver that speaks TLS with the certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with Receiver(tls=context) as receiver:
        yield receiver


async def send(url: str, allowed: tuple[Network, ...] = LOCAL, trusted: Path | None = None) -> PostResult:
    context = ssl.create_default_context(cafile=trusted) if trusted else None
    with ThreadPoolExecutor(1) as pool:
        async with open_session(context) as session:
            return await post(session, url, "{}", {"webhook-id": "1"}, allowed, pool)


async def test_tls_verifies_the_name_at_the_pinned_address(
    secure: Receiver, certificate: Path, resolve: Resolve
) -> None:
    resolve("127.0.0.1")
    result = await send(f"https://{NAME}:{secure.port}/in", trusted=certificate)
    assert (result.status, result.error) == (204, None)
    [message] = secure.messages
    assert message.headers["host"] == f"{NAME}:{secure.port}"
    other = await send(f"https://other.example.com:{secure.port}/in", trusted=certificate)
    assert (other.status, (other.error or "")[:4]) == (None, "TLS:")
    unknown = await send(f"https://{NAME}:{secure.port}/in")
    assert (unknown.status, (unknown.error or "")[:4]) == (None, "TLS:")
    assert len(secure.messages) == 1


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"]])
async def test_a_name_that_leads_to_a_private_address_is_not_reached(
    receiver: Receiver, resolve: Resolve, addresses: list[str]
) -> None:
    resolve(*addresses)
    result = await send(f"https://{NAME}:{receiver.port}/", allowed=())
    assert result.status is None
    assert "private address" in (result.error or "")
    assert receiver.messages == []


async def test_http_to_a_name_that_leads_elsewhere_is_not_sent(receiver: Receiver, resolve: Resolve) -> None:
    resolve("10.0.0.1")
    networks = (*LOCAL, ip_network("10.0.0.0/8"))
    result = await send(f"http://localhost:{receiver.port}/", allowed=networks)
    assert "loopback" in (result.error or "")


async def test_a_changed_name_is_resolved_again_at_the_next_request(
    receiver: Receiver, resolve: Resolve
) -> None:
    resolve("127.0.0.1")
    assert (await send(f"http://localhost:{receiver.port}/")).status == 204
    resolve("10.0.0.1")
    assert (await send(f"http://localhost:{receiver.port}/")).status is None
    assert len(receiver.messages) == 1


async def test_an_answer_is_cut(receiver: Receiver) -> None:
    receiver.answer, receiver.text = lambda message: 200, "x" * 1_000_000
    result = await send(receiver.url())
    assert (result.status, result.answer) == (200, "x" * 500)


async def test_a_closed_port_is_named_without_the_address() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    result = await send(f"http://127.0.0.1:{port}/")
    assert result.error == "not connected: Connection refused"
