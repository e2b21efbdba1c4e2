"""Command `token`, and the secret that signs tokens: a setting, or generated in the data folder."""

import secrets
import time
from typing import Any

from cli.options import DATA, add
from domain.caller import as_subject
from runtime.secret_files import read_existing, read_or_create
from runtime.settings import Settings, WrongSetting

SECRET_FILE = "jwt-secret"  # noqa: S105 - a name


def register(commands: Any) -> None:
    command = add(commands, "token", token, "print a token, signed with the ledger's secret", [DATA])
    command.add_argument("--sub", required=True, metavar="USER", help="user name in the token")
    command.add_argument(
        "--role",
        required=True,
        action="append",
        dest="roles",
        choices=["client", "auditor", "analyst", "operator"],
        help="role in the token; repeatable",
    )
    command.add_argument(
        "--ledger",
        action="append",
        dest="ledgers",
        metavar="NAME",
        help="ledger that the token allows; repeatable (all)",
    )
    command.add_argument("--minutes", type=int, default=60, help="validity in minutes (60)")


def token(
    settings: Settings, sub: str, roles: list[str], minutes: int, ledgers: list[str] | None = None
) -> int:
    """Print a token and nothing else."""
    if settings.has_public_keys:
        raise WrongSetting(
            "SEATLEDGER_JWKS_FILE or SEATLEDGER_JWKS_URL is set: the private keys of that set make tokens"
        )
    if not 1 <= minutes <= 525_600:
        raise WrongSetting("--minutes: must be from 1 to 525600")
    try:
        as_subject(sub)
    except ValueError as error:
        raise WrongSetting(f"--sub={sub!r}: {error}") from None
    secret = settings.jwt_secret or read_existing(
        settings.data / SECRET_FILE, "signing secret", "SEATLEDGER_JWT_SECRET"
    )
    named: dict[str, Any] = {"iss": settings.jwt_issuer, "aud": settings.jwt_audience}
    claims = {name: value for name, value in named.items() if value is not None}
    if ledgers:
        claims["ledgers"] = ledgers
    print(sign_token(secret, sub, roles, minutes, **claims))
    return 0


def sign_token(key: str, sub: str, roles: list[str], minutes: int = 60, **claims: Any) -> str:
    """Return a token with the subject and the roles, and other claims."""
    import jwt  # imported here for commands that need the secret, but sign nothing

    own = {"sub": sub, "roles": sorted(set(roles)), "exp": int(time.time()) + minutes * 60}
    return jwt.encode(own | claims, key, algorithm="HS256")


def jwt_secret(settings: Settings) -> str:
    """Return the HS256 secret. The first call creates the file in the data folder."""
    if settings.jwt_secret:
        return settings.jwt_secret
    return read_or_create(settings.data / SECRET_FILE, lambda: secrets.token_urlsafe(48))
