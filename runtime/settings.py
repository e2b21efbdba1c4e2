"""Settings: their names, types, defaults and help.

Each setting is declared once, in `Settings`. Reading (`runtime/environment.py`), redaction, the help of
command-line options, the environment of child processes and the table in the README all derive from that
declaration.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runtime import setting_values as values
from runtime.failures import USAGE, CommandFailed

GENERATED = "generated, kept in the data folder"


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

    ledger: str = "main"
    """The ledger that a command works on. It is an option and no variable: a server serves all ledgers."""

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
    sandbox: bool = _setting(
        "SEATLEDGER_SANDBOX",
        values.true_or_false,
        "`true`: a sandbox to try an integration with, on a ledger of its own (docs/how-to/testing.md)",
        default=False,
    )
    host: str = _setting("SEATLEDGER_HOST", str, "address that the API listens on", default="127.0.0.1")
    port: int = _setting(
        "SEATLEDGER_PORT", values.whole_number(1, 65_535), "port that the API listens on", default=8000
    )
    workers: int = _setting("SEATLEDGER_WORKERS", values.whole_number(1, 64), "API processes", default=2)
    connections_max: int = _setting(
        "SEATLEDGER_CONNECTIONS_MAX",
        values.whole_number(4, 10_000),
        "connections of each process to each database, of all ledgers together; one ledger uses at most 11",
        default=24,
    )
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
    delay_hours_max: int = _setting(
        "SEATLEDGER_DELAY_HOURS_MAX",
        values.whole_number(0, 720),
        "how long after the scheduled departure operators may change or cancel a flight whose departure is"
        " not recorded",
        default=24,
    )
    small_change_minutes: int = _setting(
        "SEATLEDGER_SMALL_CHANGE_MINUTES",
        values.whole_number(0, 1_440),
        "a change of a flight's times below this needs no answer from its customers",
        default=60,
    )
    answer_hours: int = _setting(
        "SEATLEDGER_ANSWER_HOURS",
        values.whole_number(1, 8_760),
        "how long customers may accept a larger change, or cancel with all money back; at most until the"
        " departure",
        default=168,
    )
    private_airports: tuple[str, ...] = _setting(
        "SEATLEDGER_PRIVATE_AIRPORTS",
        values.airports,
        "airports besides those with an IATA code, separated by commas, each with its time zone (UTC without"
        " one), like `XXA=Europe/Paris,XXB` (docs/reference/airports.md)",
        default=(),
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
    jwks_url: str | None = _setting(
        "SEATLEDGER_JWKS_URL",
        values.key_url,
        "https URL of such a set, fetched every five minutes and when a token names an unknown key",
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
    cors_origins: tuple[str, ...] = _setting(
        "SEATLEDGER_CORS_ORIGINS",
        values.origins,
        "origins, separated by commas, whose pages may call the API from a browser",
        default=(),
    )
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = _setting(
        "SEATLEDGER_WEBHOOK_NETWORKS",
        values.networks,
        "private networks, separated by commas, that webhooks may reach, like 127.0.0.0/8"
        " (docs/reference/webhooks.md)",
        default=(),
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

    @property
    def has_public_keys(self) -> bool:
        """True if public keys check tokens, so that the program has no secret to make tokens with."""
        return self.jwks_file is not None or self.jwks_url is not None

    def of_ledger(self, name: str) -> "Settings":
        """Return the settings for this ledger. Its checkpoints and the key that signs them have its name."""
        if name == "main":
            return replace(self, ledger=name)
        sink, key = self.checkpoints, self.checkpoint_key
        if sink and "://" in sink:
            sink += f"{'&' if urlsplit(sink).query else '?'}ledger={name}"
        elif sink:
            sink = str(_named(Path(sink), name))
        return replace(self, ledger=name, checkpoints=sink, checkpoint_key=key and _named(key, name))


def _named(path: Path, name: str) -> Path:
    return path.with_stem(f"{path.stem}-{name}")


SETTINGS: dict[str, Setting] = {
    field.name: field.metadata["setting"] for field in fields(Settings) if "setting" in field.metadata
}
"""Declarations by field name."""
