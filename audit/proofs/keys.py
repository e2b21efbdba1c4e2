"""The key that signs checkpoints: the file of the setting, or a key created in the data folder."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from runtime.secret_files import read_existing, read_or_create
from runtime.settings import Settings, WrongSetting

KEY_FILE = "checkpoint-key.pem"


def signing_key(settings: Settings) -> Ed25519PrivateKey:
    """Load the key, creating it in the data folder if needed.

    Raises WrongSetting if the file has no Ed25519 private key (PEM, not encrypted); OSError.
    """
    path = _path(settings)
    if settings.checkpoint_key is None:
        return _load(path, read_or_create(path, _generate).encode())
    return _load(path, path.read_bytes())


def existing_key(settings: Settings) -> Ed25519PrivateKey:
    """Load the key like `signing_key`, but never create one. Raises WrongSetting, OSError."""
    path = _path(settings)
    return _load(path, read_existing(path, "checkpoint key", "SEATLEDGER_CHECKPOINT_KEY").encode())


def public_pem(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def read_public_pem(settings: Settings) -> str | None:
    """Return the public key if this host has the key; never create one. Raises as `signing_key` does."""
    path = _path(settings)
    return public_pem(_load(path, path.read_bytes())) if path.exists() else None


def _path(settings: Settings) -> Path:
    own = KEY_FILE if settings.ledger == "main" else f"checkpoint-key-{settings.ledger}.pem"
    return settings.checkpoint_key or settings.data / own


def _generate() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()


def _load(path: Path, pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        # The library's message may quote the file, so it is not repeated.
        raise WrongSetting(
            f"SEATLEDGER_CHECKPOINT_KEY: {path} must hold an Ed25519 private key (PEM, not encrypted)"
        )
    return key
