"""Settings from and to the environment: variables, or the same names in a file `.env`, and options.

A wrong value stops the start.
"""

import os
from base64 import b64encode
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runtime.settings import SETTINGS, Setting, Settings, WrongSetting

PREFIX, TEST_PREFIX = "SEATLEDGER_", "SEATLEDGER_TEST_"

CHILD = "_SEATLEDGER_CHILD"
"""Variable that marks a child process: its parent has checked the settings. It is not a setting."""


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
        name: _parse(SETTINGS[name], f"--{name}", "true" if value is True else str(value))
        for name, value in options.items()
        if value is not None
    }
    stated = parsed | given
    if stated.get("sandbox"):
        stated = SANDBOX_DEFAULTS | stated
    settings = Settings(**stated)
    _check_gateway(settings)
    return settings


SANDBOX_DEFAULTS: dict[str, Any] = {"data": Path("data-sandbox"), "sweep_cron": "* * * * * *"}
"""Defaults that differ in a sandbox: a folder of its own, and holds that expire within a second."""


TEST_KEYS = ("sk_test_", "rk_test_")
"""How keys begin with which Stripe moves no money."""


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
    if isinstance(value, bool):
        return str(value).lower()
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
    if settings.sandbox and not settings.gateway_key.startswith(TEST_KEYS):
        raise WrongSetting("SEATLEDGER_GATEWAY_KEY: a sandbox takes only test keys of Stripe (sk_test_…)")
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
