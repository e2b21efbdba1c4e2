"""The master keys of a process: from the settings, or from files in the data folder.

`master-key` holds the key in use. A rotation moves it to `master-key.old`, where each line is an earlier key
and the time of its rotation, the latest first. The old keys open a backup from before the rotation.
"""

import os
import secrets
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ledger.keyring import derive_key
from runtime.secret_files import read_existing, read_or_create, replace_secret
from runtime.setting_values import MASTER_KEY_BYTES, master_key
from runtime.settings import Settings, WrongSetting

MASTER_KEY_FILE = "master-key"
OLD_KEYS_FILE = "master-key.old"


def load_master_key(settings: Settings) -> bytes:
    """Return the key of the settings, or the one in the data folder. Raises WrongSetting."""
    if settings.master_key is not None:
        return settings.master_key
    return read_or_create_key(settings.data / MASTER_KEY_FILE, settings.jwt_secret)


def require_keys(settings: Settings) -> list[bytes]:
    """Return the keys as `find_keys` does. Raises WrongSetting if there is none."""
    if not holds_keys(settings):
        read_existing(settings.data / MASTER_KEY_FILE, "master key", "SEATLEDGER_MASTER_KEY")
    return find_keys(settings)


def holds_keys(settings: Settings) -> bool:
    """Return whether a key is set or stored, and not only one that could be derived."""
    stored = (settings.data / name for name in (MASTER_KEY_FILE, OLD_KEYS_FILE))
    return bool(settings.master_key or settings.old_master_keys) or any(file.exists() for file in stored)


def find_keys(settings: Settings) -> list[bytes]:
    """Return the master keys at hand, the one in use first, then the old ones. Creates none.

    Raises WrongSetting, OSError.
    """
    file = settings.data / MASTER_KEY_FILE
    if settings.master_key is not None:
        current = [settings.master_key]
    elif file.exists():
        current = [read_or_create_key(file)]
    else:
        # The key that this host would derive; it is right if another host has derived it.
        current = [_derive(settings.jwt_secret)] if settings.jwt_secret else []
    old = [key for key, _ in read_old_keys(settings.data)]
    return list(dict.fromkeys([*current, *(settings.old_master_keys or ()), *old]))


def with_master_keys(settings: Settings) -> Settings:
    """Return the settings with all keys at hand, for a child process. Raises WrongSetting."""
    current = load_master_key(settings)
    old = tuple(key for key in find_keys(settings) if key != current)
    return replace(settings, master_key=current, old_master_keys=old or None)


def read_or_create_key(path: Path, secret: str | None = None) -> bytes:
    """Return the master key in the file; create it if there is none. Raises WrongSetting.

    Hosts with the same `secret` create the same key, each in its own data folder.
    """
    return _parse(path, read_or_create(path, lambda: _encode(_derive(secret) if secret else new_key())))


def new_key() -> bytes:
    return secrets.token_bytes(MASTER_KEY_BYTES)


def read_old_keys(data: Path) -> list[tuple[bytes, str]]:
    """Return the earlier keys in the data folder, each with the time of its rotation. Raises WrongSetting."""
    path = data / OLD_KEYS_FILE
    if not path.exists():
        return []
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(_parse(path, key), time[0] if time else "") for key, *time in lines]


def keep_old_key(data: Path, old: bytes, new: bytes) -> None:
    """Make `new` the key of the data folder, and keep `old` beside it. A crash at any point loses neither."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    earlier = [(old, now), *((key, time) for key, time in read_old_keys(data) if key not in (old, new))]
    lines = "".join(f"{_encode(key)} {time}\n" for key, time in earlier)
    replace_secret(data / OLD_KEYS_FILE, lines.rstrip("\n"))
    replace_secret(data / MASTER_KEY_FILE, _encode(new))


def destroy_old_keys(data: Path) -> list[str]:
    """Remove the earlier keys of the data folder. Return the times of their rotations, the latest first."""
    times = [time for _, time in read_old_keys(data)]
    path = data / OLD_KEYS_FILE
    if path.exists():
        # Overwritten first: a removed file's blocks keep their content.
        with path.open("r+b") as file:
            file.write(b"0" * path.stat().st_size)
            os.fsync(file.fileno())
        path.unlink()
    return times


def write_new_key(path: Path, key: bytes) -> None:
    replace_secret(path, _encode(key))


def _derive(secret: str) -> bytes:
    return derive_key(secret.encode(), b"seatledger master key")[:MASTER_KEY_BYTES]


def _encode(key: bytes) -> str:
    return b64encode(key).decode()


def _parse(path: Path, text: str) -> bytes:
    try:
        return master_key(text)
    except ValueError as error:
        raise WrongSetting(f"{path}: {error}") from None
