"""The key that signs checkpoints: the setting's file, or one made once and kept in the data folder."""

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

from runtime.secret_files import read_or_create
from runtime.settings import Settings, WrongSetting

KEY_FILE = "checkpoint-key.pem"


def signing_key(settings: Settings) -> Ed25519PrivateKey:
    """Raises WrongSetting when the file holds no Ed25519 private key (PEM, not encrypted), OSError."""
    path = settings.checkpoint_key
    if path is None:
        path = settings.data / KEY_FILE
        return _loaded(path, read_or_create(path, _made).encode())
    return _loaded(path, path.read_bytes())


def public_pem(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def kept_public_pem(settings: Settings) -> str | None:
    """The public half of the key, where it is on this host; none is made. Raises as above."""
    path = settings.checkpoint_key or settings.data / KEY_FILE
    return public_pem(_loaded(path, path.read_bytes())) if path.exists() else None


def _made() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()


def _loaded(path: Path, pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        # The library's own message may repeat a part of the file.
        raise WrongSetting(
            f"SEATLEDGER_CHECKPOINT_KEY: {path} must hold an Ed25519 private key (PEM, not encrypted)"
        )
    return key
