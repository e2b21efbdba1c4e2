"""Tokens, and the secret that signs them: the setting, or one made once and kept in the data folder."""

import contextlib
import os
import secrets
import time
from pathlib import Path

import jwt

from ledger.settings import Settings, WrongSetting

SECRET_FILE = "jwt-secret"  # noqa: S105 - a name


def token(settings: Settings, sub: str, roles: list[str], minutes: int) -> int:
    """Print a token and nothing else."""
    if settings.jwks_file:
        raise WrongSetting("SEATLEDGER_JWKS_FILE: tokens come from whoever holds its private keys")
    if not 1 <= minutes <= 525_600:
        raise WrongSetting("--minutes: must be from 1 to 525600")
    print(signed(secret(settings), sub, roles, minutes))
    return 0


def signed(key: str, sub: str, roles: list[str], minutes: int = 60) -> str:
    """A token of that subject and those roles."""
    claims = {"sub": sub, "roles": sorted(set(roles)), "exp": int(time.time()) + minutes * 60}
    return jwt.encode(claims, key, algorithm="HS256")


def secret(settings: Settings) -> str:
    """The HS256 secret. The first program that asks makes the file; a half-written one is never seen."""
    if settings.jwt_secret:
        return settings.jwt_secret
    path = settings.data / SECRET_FILE
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    settings.data.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{SECRET_FILE}.{os.getpid()}")
    _write_private(draft, secrets.token_urlsafe(48))
    try:
        # A link fails where the name is taken: of two programs that start at once, one secret wins.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
