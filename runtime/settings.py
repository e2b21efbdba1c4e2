"""Settings: environment variables, or the same names in a file `.env`; a wrong value stops the start."""

import os
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from runtime.cron import check_cron

MASTER_KEY_BYTES = 32


class WrongSetting(Exception):
    """A setting has a value that it cannot have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One program's settings. Times in seconds."""

    database_url: str | None = None
    data: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2
    hold_seconds: int = 300
    capture_seconds: int = 900
    offer_seconds: int = 900
    sweep_cron: str = "*/30 * * * *"
    jwt_secret: str | None = None
    jwks_file: Path | None = None
    master_key: bytes | None = field(default=None, repr=False)
    log_format: str = "text"
    log_level: str = "INFO"
    log_file: Path | None = None
    deadline_seconds: float = 5.0
    gateway: str | None = None
    gateway_url: str | None = None
    gateway_key: str | None = field(default=None, repr=False)
    gateway_seconds: float = 4.0
    checkpoints: str | None = field(default=None, repr=False)
    checkpoint_key: Path | None = None
    checkpoint_events: int = 10_000
    checkpoint_seconds: int = 300

    @property
    def gateway_patience(self) -> float:
        """How long a caller waits for all that the gateway is asked, before others may take over."""
        return 2 * self.gateway_seconds


def read_settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Settings from `given` (command-line options; None means not given), the environment and `.env`.

    Raises WrongSetting with one line that names the variable and what it may be.
    """
    environment = os.environ if environment is None else environment
    values = {**_dotenv(Path(".env")), **environment}
    read: dict[str, Any] = {}
    for name, (variable, parse) in _READERS.items():
        text = values.get(variable)
        # An empty SEATLEDGER_SWEEP_CRON means something (never sweep); elsewhere empty means not set.
        if text is None or (text == "" and name != "sweep_cron"):
            continue
        try:
            read[name] = parse(text)
        except ValueError as error:
            shown = "" if name in _SECRET else f"={text!r}"
            raise WrongSetting(f"{variable}{shown}: {error}") from None
    read.update({name: value for name, value in given.items() if value is not None})
    settings = Settings(**read)
    _check_gateway(settings)
    return settings


def _check_gateway(settings: Settings) -> None:
    if settings.gateway != "stripe":
        return
    if not settings.gateway_key:
        raise WrongSetting("SEATLEDGER_GATEWAY_KEY: required when SEATLEDGER_GATEWAY is stripe")
    url = urlsplit(settings.gateway_url or "https:")
    if url.scheme != "https" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        # The key that moves money travels in every request.
        raise WrongSetting("SEATLEDGER_GATEWAY_URL: must be https when SEATLEDGER_GATEWAY is stripe")


def _dotenv(path: Path) -> dict[str, str]:
    """NAME=value lines; comments and blank lines are passed over, one pair of quotes is taken off."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        return {}
    pairs = (line.partition("=") for line in map(str.strip, lines) if line and not line.startswith("#"))
    return {name.removeprefix("export ").strip(): _unquoted(value.strip()) for name, _, value in pairs}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _whole(least: int, most: int) -> Any:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 60:
        raise ValueError("must be seconds from 0.1 to 60")
    return value


def _one_of(*allowed: str) -> Any:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return parse


def _secret(text: str) -> str:
    if len(text.encode()) < 32:
        # RFC 7518, section 3.2: an HS256 key has at least the size of the hash. The value is not shown.
        raise ValueError("must be at least 32 bytes long")
    return text


def master_key(text: str) -> bytes:
    """32 bytes in base64; the value is not shown."""
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise ValueError(
            f"must be {MASTER_KEY_BYTES} bytes in base64: openssl rand -base64 {MASTER_KEY_BYTES}"
        )
    return key


def _cron(text: str) -> str:
    check_cron(text)
    return text


def _existing_file(text: str) -> Path:
    if not Path(text).is_file():
        raise ValueError("must name a file that exists")
    return Path(text)


def _postgres_url(text: str) -> str:
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        # Its own message repeats the text, with the password in it.
        raise ValueError(
            "must be a PostgreSQL connection string, like postgresql://user:password@host/name"
        ) from None
    return text


def _gateway_key(text: str) -> str:
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("must be printable ASCII without spaces")
    return text


def _gateway_url(text: str) -> str:
    """Scheme, host and port only."""
    try:
        url = urlsplit(text)
        right = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        raise ValueError("must be http[s]://HOST[:PORT]") from None
    if not right or "@" in url.netloc or url.path.strip("/") or url.query or url.fragment:
        raise ValueError("must be http[s]://HOST[:PORT]")
    return f"{url.scheme}://{url.netloc}"


def sink(text: str) -> str:
    """A file's name, or a URL; what may stand in a URL's path or query to let us in is not shown."""
    if "://" not in text:
        return text
    try:
        url = urlsplit(text)
        right = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        raise ValueError("must be a file or http[s]://HOST[:PORT]/PATH") from None
    if not (right and text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("must be a file or http[s]://HOST[:PORT]/PATH")
    if "@" in url.netloc or url.fragment:
        raise ValueError("must be a URL without user, password and fragment")
    return text


_SECRET = {"jwt_secret", "master_key", "database_url", "gateway_key", "checkpoints"}

_READERS: dict[str, tuple[str, Any]] = {
    "database_url": ("DATABASE_URL", _postgres_url),
    "data": ("SEATLEDGER_DATA", Path),
    "host": ("SEATLEDGER_HOST", str),
    "port": ("SEATLEDGER_PORT", _whole(1, 65535)),
    "workers": ("SEATLEDGER_WORKERS", _whole(1, 64)),
    "hold_seconds": ("SEATLEDGER_HOLD_SECONDS", _whole(1, 86_400)),
    "capture_seconds": ("SEATLEDGER_CAPTURE_SECONDS", _whole(1, 604_800)),
    "offer_seconds": ("SEATLEDGER_OFFER_SECONDS", _whole(1, 86_400)),
    "sweep_cron": ("SEATLEDGER_SWEEP_CRON", _cron),
    "jwt_secret": ("SEATLEDGER_JWT_SECRET", _secret),
    "jwks_file": ("SEATLEDGER_JWKS_FILE", _existing_file),
    "master_key": ("SEATLEDGER_MASTER_KEY", master_key),
    "log_format": ("SEATLEDGER_LOG_FORMAT", _one_of("text", "json")),
    "log_level": ("SEATLEDGER_LOG_LEVEL", _one_of("DEBUG", "INFO", "WARNING", "ERROR")),
    "log_file": ("SEATLEDGER_LOG_FILE", Path),
    "deadline_seconds": ("SEATLEDGER_DEADLINE_SECONDS", _seconds),
    "gateway": ("SEATLEDGER_GATEWAY", _one_of("simulator", "stripe")),
    "gateway_url": ("SEATLEDGER_GATEWAY_URL", _gateway_url),
    "gateway_key": ("SEATLEDGER_GATEWAY_KEY", _gateway_key),
    "gateway_seconds": ("SEATLEDGER_GATEWAY_SECONDS", _seconds),
    "checkpoints": ("SEATLEDGER_CHECKPOINTS", sink),
    "checkpoint_key": ("SEATLEDGER_CHECKPOINT_KEY", _existing_file),
    "checkpoint_events": ("SEATLEDGER_CHECKPOINT_EVENTS", _whole(1, 1_000_000_000)),
    "checkpoint_seconds": ("SEATLEDGER_CHECKPOINT_SECONDS", _whole(1, 86_400)),
}
