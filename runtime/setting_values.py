"""Parsers of setting values. Each one returns the value or raises ValueError with what the value must be."""

import re
from base64 import b64decode
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from runtime.cron import check_cron

MASTER_KEY_BYTES = 32
JWT_SECRET_BYTES_MIN = 32
"""RFC 7518, section 3.2: an HS256 key has at least the size of the hash."""


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return parse


def true_or_false(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 60:
        raise ValueError("must be seconds from 0.1 to 60")
    return value


def cron(text: str) -> str:
    check_cron(text)
    return text


def existing_file(text: str) -> Path:
    if not Path(text).is_file():
        raise ValueError("must name a file that exists")
    return Path(text)


def postgres_url(text: str) -> str:
    import psycopg  # imported here for commands that need no database
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        # The original message repeats the text, including the password.
        raise ValueError(
            "must be a PostgreSQL connection string, like postgresql://user:password@host/name"
        ) from None
    return text


def jwt_secret(text: str) -> str:
    if len(text.encode()) < JWT_SECRET_BYTES_MIN:
        raise ValueError(f"must be at least {JWT_SECRET_BYTES_MIN} bytes long")
    return text


def master_key(text: str) -> bytes:
    """Decode the key from base64."""
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise ValueError(
            f"must be {MASTER_KEY_BYTES} bytes in base64: openssl rand -base64 {MASTER_KEY_BYTES}"
        )
    return key


def master_keys(text: str) -> tuple[bytes, ...]:
    """Decode keys in base64, separated by commas."""
    return tuple(master_key(part.strip()) for part in text.split(","))


def printable(text: str) -> str:
    if not _is_printable_word(text):
        raise ValueError("must be printable ASCII without spaces")
    return text


def gateway_url(text: str) -> str:
    """Return scheme, host and port of the URL; anything else in it is an error."""
    url = _http_url(text)
    if url is None or "@" in url.netloc or url.path.strip("/") or url.query or url.fragment:
        raise ValueError("must be http[s]://HOST[:PORT]")
    return f"{url.scheme}://{url.netloc}"


def key_url(text: str) -> str:
    """Accept a URL that no other machine can answer for: https, or http to this machine."""
    url = _http_url(text)
    if url is None or "@" in url.netloc or url.fragment:
        raise ValueError("must be https://HOST[:PORT]/PATH")
    if url.scheme != "https" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("must be https; http is for this machine only")
    return text


def origins(text: str) -> tuple[str, ...]:
    """Return the origins in a comma-separated list, like `https://shop.example`."""
    found = tuple(one.strip().lower() for one in text.split(",") if one.strip())
    for one in found:
        url = _http_url(one)
        if url is None or url.path or url.query or url.fragment or url.username:
            raise ValueError(f"{one!r} must be an origin like https://shop.example, without a path")
    return found


def airports(text: str) -> tuple[str, ...]:
    """Return the airports in a list like `XXA=Europe/Paris,XXB`, each with a zone. Without one it is UTC."""
    found: dict[str, str] = {}
    for one in filter(None, (part.strip() for part in text.split(","))):
        code, _, zone = one.partition("=")
        if not re.fullmatch("[A-Z]{3}", code):
            raise ValueError(
                f"{one!r} must be three capital letters, and may add a time zone: XXA=Europe/Paris"
            )
        if code in found:
            raise ValueError(f"names {code} twice")
        found[code] = f"{code}={_time_zone(zone or 'UTC')}"
    return tuple(found.values())


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} must be a time zone of the IANA database, like Europe/Paris") from None
    return name


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks in a comma-separated list, like `127.0.0.0/8`."""
    try:
        return tuple(ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError:
        raise ValueError("must be networks like 127.0.0.0/8,10.1.0.0/16") from None


def checkpoint_sink(text: str) -> str:
    """Accept a file name or a URL. The path or query of a URL may hold a secret that grants access."""
    if "://" not in text:
        return text
    url = _http_url(text)
    if url is None or not _is_printable_word(text):
        raise ValueError("must be a file or http[s]://HOST[:PORT]/PATH")
    if "@" in url.netloc or url.fragment:
        raise ValueError("must be a URL without user, password and fragment")
    return text


def _http_url(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        return url if url.scheme in ("http", "https") and url.hostname and url.port != 0 else None
    except ValueError:
        return None


def _is_printable_word(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
