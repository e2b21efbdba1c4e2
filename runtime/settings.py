"""Settings: environment variables, or the same names in a file `.env`. A wrong value stops the start.

Each setting is declared once, in `Settings`. Reading, redaction, the help of command-line options, the
environment of child processes and the table in the README all derive from that declaration.
"""

import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runtime import setting_values as values
from runtime.failures import USAGE, CommandFailed

GENERATED = "generated, kept in the data folder"
PREFIX, TEST_PREFIX = "SEATLEDGER_", "SEATLEDGER_TEST_"


CHILD = "_SEATLEDGER_CHILD"
"""Variable that marks a child process: its parent has checked the settings. It is not a setting."""


class WrongSetting(CommandFailed):
    """A setting or a command-line option has a value that is not allowed."""

    exit_code = USAGE


@dataclass(frozen=True, slots=True)
class Setting:
    """Declaration of one setting. `default_note` describes a default that no value can show."""

    variable: str
    parse: Callable[[str], Any]
    help: str
    default: Any = None
    default_note: str = "none"
    secret: bool = False
    """Keep the value out of error messages and of `repr`."""
    empty_is_a_value: bool = False
    """An empty variable is a value of this setting. For all other settings it means: not set."""


def _setting(variable: str, parse: Callable[[str], Any], help: str, **options: Any) -> Any:
    setting = Setting(variable, parse, help, **options)
    return field(default=setting.default, repr=not setting.secret, metadata={"setting": setting})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one program. Times in seconds."""

    database_url: str | None = _setting(
        "DATABASE_URL",
        values.postgres_url,
        "PostgreSQL 15 or later. Without it the program runs its own server in the data folder",
        secret=True,
    )
    data: Path = _setting(
        "SEATLEDGER_DATA",
        Path,
        "the data folder: embedded database, signing secret, master key, checkpoint key",
        default=Path("data"),
    )
    host: str = _setting("SEATLEDGER_HOST", str, "address that the API listens on", default="127.0.0.1")
    port: int = _setting(
        "SEATLEDGER_PORT", values.whole_number(1, 65_535), "port that the API listens on", default=8000
    )
    workers: int = _setting("SEATLEDGER_WORKERS", values.whole_number(1, 64), "API processes", default=2)
    hold_seconds: int = _setting(
        "SEATLEDGER_HOLD_SECONDS",
        values.whole_number(1, 86_400),
        "how long an unpaid booking keeps its seats",
        default=300,
    )
    unpaid_seats_per_user: int = _setting(
        "SEATLEDGER_UNPAID_SEATS_PER_USER",
        values.whole_number(0, 1_000_000),
        "unpaid seats that a user may hold at a time; operators may hold more for it; 0: no limit."
        " The default fits agencies: set about 20 where clients are persons (docs/reference/limits.md)",
        default=5_000,
    )
    commands_per_minute: int = _setting(
        "SEATLEDGER_COMMANDS_PER_MINUTE",
        values.whole_number(0, 1_000_000_000),
        "commands a minute of each caller but operators, on each host; 0: no limit",
        default=60_000,
    )
    streams_per_caller: int = _setting(
        "SEATLEDGER_STREAMS_PER_CALLER",
        values.whole_number(0, 64),
        "open event streams of each caller but operators, on each host; 0: no limit",
        default=16,
    )
    capture_seconds: int = _setting(
        "SEATLEDGER_CAPTURE_SECONDS",
        values.whole_number(1, 604_800),
        "how long an authorised payment may wait to be captured",
        default=900,
    )
    offer_seconds: int = _setting(
        "SEATLEDGER_OFFER_SECONDS",
        values.whole_number(1, 86_400),
        "how long an offer to a waiting party stands",
        default=900,
    )
    sweep_cron: str = _setting(
        "SEATLEDGER_SWEEP_CRON",
        values.cron,
        "when the scheduler expires all due holds (UTC; six fields: seconds first; empty: never)",
        default="*/30 * * * *",
        empty_is_a_value=True,
    )
    jwt_secret: str | None = _setting(
        "SEATLEDGER_JWT_SECRET",
        values.jwt_secret,
        "HS256 secret that signs and checks tokens, at least 32 bytes",
        default_note=GENERATED,
        secret=True,
    )
    jwks_file: Path | None = _setting(
        "SEATLEDGER_JWKS_FILE",
        values.existing_file,
        "JWK set of public keys (RSA, P-256, Ed25519) that check tokens instead of the secret",
    )
    jwt_issuer: str | None = _setting(
        "SEATLEDGER_JWT_ISSUER",
        values.printable,
        "`iss` that tokens must have; without it any is accepted",
    )
    jwt_audience: str | None = _setting(
        "SEATLEDGER_JWT_AUDIENCE",
        values.printable,
        "name that must be in the `aud` of tokens; without it a token with `aud` is refused",
    )
    jwt_leeway_seconds: int = _setting(
        "SEATLEDGER_JWT_LEEWAY_SECONDS",
        values.whole_number(0, 300),
        "how far the clock of the tokens' issuer may be ahead (`iat`, `nbf`); `exp` is exact",
        default=30,
    )
    master_key: bytes | None = _setting(
        "SEATLEDGER_MASTER_KEY",
        values.master_key,
        "decrypts names: 32 bytes in base64, the same on all hosts. Without it all names are lost"
        " (docs/explanation/erasure.md)",
        default_note=GENERATED,
        secret=True,
    )
    old_master_keys: tuple[bytes, ...] | None = _setting(
        "SEATLEDGER_OLD_MASTER_KEYS",
        values.master_keys,
        "earlier master keys, separated by commas: they open a backup from before a rotation",
        default_note="in the data folder",
        secret=True,
    )
    log_format: str = _setting(
        "SEATLEDGER_LOG_FORMAT",
        values.one_of("text", "json"),
        "`text` for reading, `json` for log processors",
        default="text",
    )
    log_level: str = _setting(
        "SEATLEDGER_LOG_LEVEL",
        values.one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        "`INFO` logs requests that were refused or failed; `DEBUG` logs every request and every block",
        default="INFO",
    )
    log_file: Path | None = _setting(
        "SEATLEDGER_LOG_FILE", Path, "also write the log to this file; it rotates at 20 MB"
    )
    deadline_seconds: float = _setting(
        "SEATLEDGER_DEADLINE_SECONDS",
        values.seconds,
        "limit on one command; after it the caller gets 503, outcome unknown, safe to repeat with the key",
        default=5.0,
    )
    gateway: str | None = _setting(
        "SEATLEDGER_GATEWAY",
        values.one_of("simulator", "stripe"),
        "payment gateway: `stripe`, or `simulator` (docs/reference/gateway-simulator.md)",
    )
    gateway_url: str | None = _setting(
        "SEATLEDGER_GATEWAY_URL",
        values.gateway_url,
        "address of the gateway. Without it `up` runs a simulator, with its store in the data folder",
        default_note="Stripe's",
    )
    gateway_key: str | None = _setting(
        "SEATLEDGER_GATEWAY_KEY",
        values.printable,
        "secret key of the gateway; required for `stripe`, `sk_test_simulator` for the simulator",
        secret=True,
    )
    gateway_seconds: float = _setting(
        "SEATLEDGER_GATEWAY_SECONDS",
        values.seconds,
        "limit on one call to the gateway; after it the outcome is in doubt, and the call is repeated",
        default=4.0,
    )
    checkpoints: str | None = _setting(
        "SEATLEDGER_CHECKPOINTS",
        values.checkpoint_sink,
        "where signed checkpoints go: a file, or a URL for POST (docs/reference/proofs.md)",
        secret=True,
    )
    checkpoint_key: Path | None = _setting(
        "SEATLEDGER_CHECKPOINT_KEY",
        values.existing_file,
        "file with the Ed25519 private key (PEM) that signs checkpoints; the same on all hosts",
        default_note=GENERATED,
    )
    checkpoint_events: int = _setting(
        "SEATLEDGER_CHECKPOINT_EVENTS",
        values.whole_number(1, 1_000_000_000),
        "sign a checkpoint when the log has grown by so many events",
        default=10_000,
    )
    checkpoint_seconds: int = _setting(
        "SEATLEDGER_CHECKPOINT_SECONDS",
        values.whole_number(1, 86_400),
        "sign a checkpoint after so many seconds if the log has grown",
        default=300,
    )
    postgres_bin: Path | None = _setting(
        "SEATLEDGER_POSTGRES_BIN", Path, "folder of PostgreSQL programs for the embedded database"
    )

    @property
    def gateway_patience(self) -> float:
        """Seconds that a request waits for all calls to the gateway; then a reconciler may take over."""
        return 2 * self.gateway_seconds


SETTINGS: dict[str, Setting] = {field.name: field.metadata["setting"] for field in fields(Settings)}
"""Declarations by field name."""


def read_settings(environment: Mapping[str, str] | None = None, **options: Any) -> Settings:
    """Read settings from command-line options, then the environment, then `.env`; the first one wins.

    An option that is None was not given. Raises WrongSetting with one line that names the variable or option
    and its allowed values.
    """
    environment = os.environ if environment is None else environment
    texts = {**_read_dotenv(Path(".env")), **environment}
    parsed = {
        name: _parse(setting, setting.variable, texts[setting.variable])
        for name, setting in SETTINGS.items()
        if texts.get(setting.variable) or (setting.empty_is_a_value and setting.variable in texts)
    }
    given = {
        name: _parse(SETTINGS[name], f"--{name}", str(value))
        for name, value in options.items()
        if value is not None
    }
    settings = Settings(**parsed | given)
    _check_gateway(settings)
    return settings


def unknown_variables(environment: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Return the variables that look like a setting and are none, each with the nearest setting if any."""
    environment = os.environ if environment is None else environment
    known = {setting.variable for setting in SETTINGS.values()}
    given = {**_read_dotenv(Path(".env")), **environment}
    unknown = [
        name
        for name in given
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name not in known
    ]
    return {name: _nearest(name, known) for name in sorted(unknown)}


def _nearest(name: str, known: set[str]) -> str | None:
    # Without the prefix, which makes all names look alike.
    by_rest = {variable.removeprefix(PREFIX): variable for variable in sorted(known)}
    return next((by_rest[rest] for rest in get_close_matches(name.removeprefix(PREFIX), by_rest, n=1)), None)


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the settings as environment variables, with absolute paths. An unset one is empty."""
    return {setting.variable: _as_text(getattr(settings, name)) for name, setting in SETTINGS.items()}


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Path):
        return str(value.resolve())
    if isinstance(value, tuple):
        return ",".join(map(_as_text, value))
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _parse(setting: Setting, name: str, text: str) -> Any:
    """Parse the text of a variable or option with this name. Raises WrongSetting."""
    try:
        return setting.parse(text)
    except ValueError as error:
        value = "" if setting.secret else f"={text!r}"
        raise WrongSetting(f"{name}{value}: {error}") from None


def _check_gateway(settings: Settings) -> None:
    if settings.gateway != "stripe":
        return
    if not settings.gateway_key:
        raise WrongSetting("SEATLEDGER_GATEWAY_KEY: required when SEATLEDGER_GATEWAY is stripe")
    url = urlsplit(settings.gateway_url or "https:")
    if url.scheme != "https" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        # Every request carries the key that moves money.
        raise WrongSetting("SEATLEDGER_GATEWAY_URL: must be https when SEATLEDGER_GATEWAY is stripe")


def _read_dotenv(path: Path) -> dict[str, str]:
    """Read NAME=value lines. Skips blank lines and comments, and strips one pair of quotes."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        return {}
    pairs = (line.partition("=") for line in map(str.strip, lines) if line and not line.startswith("#"))
    return {name.removeprefix("export ").strip(): _unquote(value.strip()) for name, _, value in pairs}


def _unquote(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
