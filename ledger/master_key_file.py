"""The master key of a process: from the settings, or from a file in the data folder."""

import secrets
from base64 import b64encode
from pathlib import Path

from ledger.keyring import NO_KEYRING, Keyring, derive_key
from runtime.secret_files import read_existing, read_or_create
from runtime.setting_values import MASTER_KEY_BYTES, master_key
from runtime.settings import Settings, WrongSetting

MASTER_KEY_FILE = "master-key"


def load_master_key(settings: Settings) -> bytes:
    """Return the key of the settings, or the one in the data folder. Raises WrongSetting."""
    if settings.master_key is not None:
        return settings.master_key
    return read_or_create_key(settings.data / MASTER_KEY_FILE, settings.jwt_secret)


def existing_master_key(settings: Settings) -> bytes:
    """Return the key like `load_master_key`, but never create one. Raises WrongSetting."""
    if settings.master_key is None:
        read_existing(settings.data / MASTER_KEY_FILE, "master key", "SEATLEDGER_MASTER_KEY")
    return load_master_key(settings)


def read_or_create_key(path: Path, secret: str | None = None) -> bytes:
    """Return the master key in the file; create it if there is none. Raises WrongSetting.

    Hosts with the same `secret` create the same key, each in its own data folder.
    """

    def create() -> str:
        if secret is None:
            return b64encode(secrets.token_bytes(MASTER_KEY_BYTES)).decode()
        return b64encode(derive_key(secret.encode(), b"seatledger master key")[:MASTER_KEY_BYTES]).decode()

    try:
        return master_key(read_or_create(path, create))
    except ValueError as error:
        raise WrongSetting(f"{path}: {error}") from None


def find_keyring(settings: Settings) -> Keyring:
    """Return the keyring for a read-only program; never create a master key. Raises WrongSetting."""
    if settings.master_key is None and not (settings.data / MASTER_KEY_FILE).exists():
        return NO_KEYRING
    return Keyring(load_master_key(settings))
