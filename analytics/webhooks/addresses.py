"""Addresses that webhooks may reach: public ones, and the networks that a setting allows."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOCAL_NAMES = ("localhost", ".localhost")

_REFUSED = tuple(
    map(
        ip_network,
        (
            # Azure's metadata and host services have a public address.
            "168.63.129.16/32",
            # Addresses that carry an IPv4 address by local rules: NAT64, and IPv4-compatible ones.
            "64:ff9b:1::/48",
            "::/96",
        ),
    )
)
_NAT64 = ip_network("64:ff9b::/96")


class WrongUrl(ValueError):
    """The URL cannot be that of a webhook. The message says why."""


def check_url(url: str, allowed: Sequence[Network]) -> None:
    """Raise WrongUrl unless this is https, or http to a loopback address, without user, password, fragment.

    A host name is resolved at each delivery and not here; an address in the URL is checked here as well.
    """
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise WrongUrl("must be printable ASCII without spaces")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise WrongUrl("must be https://HOST[:PORT]/PATH") from None
    if parts.scheme not in ("https", "http") or not host or port == 0:
        raise WrongUrl("must be https://HOST[:PORT]/PATH")
    if "@" in parts.netloc or parts.fragment:
        raise WrongUrl("must have no user, no password and no fragment")
    address = parse_address(host)
    is_local = address.is_loopback if address else host.endswith(LOCAL_NAMES[1]) or host == LOCAL_NAMES[0]
    if parts.scheme == "http" and not is_local:
        raise WrongUrl("must be https; http is only for loopback addresses")
    if address and not is_allowed(address, allowed):
        raise WrongUrl(_PRIVATE)
    if is_local and not any(is_allowed(one, allowed) for one in _LOOPBACK):
        raise WrongUrl(_PRIVATE)


def parse_address(host: str) -> Address | None:
    """Return the address that a host of a URL is; None for a name.

    Raises WrongUrl for other forms of an IPv4 address, which a resolver reads: `127.1` and `0x7f000001`.
    """
    try:
        return ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        if last.isdigit() or last.lower().startswith("0x"):
            raise WrongUrl("must have a host name, or an IP address in its usual form") from None
        return None


def is_allowed(address: Address, allowed: Sequence[Network]) -> bool:
    """Return whether a webhook may reach this address. An IPv4 address in an IPv6 one decides for it."""
    inner = _embedded(address)
    if inner is not None:
        return is_allowed(inner, allowed)
    if any(address in network for network in allowed):
        return True
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_unspecified)
        and not (isinstance(address, IPv6Address) and address.is_site_local)
        and not any(address in network for network in _REFUSED)
    )


def _embedded(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that a mapped, translated or tunnelled IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


_LOOPBACK = (ip_address("127.0.0.1"), ip_address("::1"))
_PRIVATE = (
    "must not lead to a private address; SEATLEDGER_WEBHOOK_NETWORKS lists the private networks"
    " that webhooks may reach"
)
