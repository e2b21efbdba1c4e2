"""Tokens, and the secret that signs them: the setting, or one made once and kept in the data folder."""

import secrets
import time

import jwt

from domain.caller import as_subject
from runtime.secret_files import kept
from runtime.settings import Settings, WrongSetting

SECRET_FILE = "jwt-secret"  # noqa: S105 - a name


def token(settings: Settings, sub: str, roles: list[str], minutes: int) -> int:
    """Print a token and nothing else."""
    if settings.jwks_file:
        raise WrongSetting("SEATLEDGER_JWKS_FILE: tokens come from whoever holds its private keys")
    if not 1 <= minutes <= 525_600:
        raise WrongSetting("--minutes: must be from 1 to 525600")
    try:
        as_subject(sub)
    except ValueError as wrong:
        raise WrongSetting(f"--sub={sub!r}: {wrong}") from None
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
    return kept(settings.data / SECRET_FILE, lambda: secrets.token_urlsafe(48))
