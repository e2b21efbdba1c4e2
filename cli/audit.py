"""Command `verify`, with a progress bar on a terminal and JSON on request."""

import sys
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.proofs.checkpoint import PEM_BYTES_MAX, Checkpoint, check_signature, read_public_keys
from audit.proofs.checkpoint_file import read_checkpoints
from audit.proofs.keys import read_public_pem
from audit.proofs.not_proved import NotProved, OtherKey
from audit.verify import Verification
from audit.verify import verify as check
from audit.verify.evidence import Keys
from cli.existing_ledger import ledger_url
from cli.options import ALL_LEDGERS, DATA, JSON, LEDGER, add
from ledger.keyring import NO_KEYRING, Keyring
from ledger.master_key import find_keyring, hidden_names, read_check
from ledger.master_key_file import find_keys, holds_keys
from runtime.settings import Settings, WrongSetting

NOT_CHECKED = 3


def register(commands: Any) -> None:
    command = add(
        commands,
        "verify",
        verify,
        "verify chain, positions, versions, commands, seats and views; exit 1 on a divergence,"
        " 3 if a part could not be checked, or the verification was cut short",
        [DATA, LEDGER, ALL_LEDGERS, JSON],
    )
    command.add_argument("--names", action="store_true", help="also decrypt all names and sealed texts")
    command.add_argument(
        "--against", type=Path, metavar="FILE", help="also compare with the checkpoints saved in FILE"
    )
    command.add_argument(
        "--key", type=Path, metavar="PEM", help="public key of the checkpoints (the ledger's own)"
    )


def verify(settings: Settings, json: bool, names: bool, against: Path | None, key: Path | None) -> int:
    """Verify the ledger; with `names`, also decrypt all names and texts. The program may run meanwhile.

    Return 0 if all holds, 1 if something does not, 3 if a part could not be checked: the saved checkpoints
    cannot be read or are of another key, or the master key at hand is not the ledger's.
    """
    try:
        # Read before the database, so that the log has at least the length of the saved checkpoints.
        keys = _public_keys(settings, key)
        saved = _saved_checkpoints(against, keys)
    except (OtherKey, OSError) as problem:
        print(f"seatledger: not checked: {problem}", file=sys.stderr)
        return NOT_CHECKED
    except NotProved as refuted:
        print(f"seatledger: {refuted}", file=sys.stderr)
        return 1
    keyrings = [Keyring(master) for master in find_keys(settings)]
    with ledger_url(settings) as url:
        check = read_check(url)
        keyring = find_keyring(keyrings, check)
        result = _with_progress(url, saved, keys, keyring if names else NO_KEYRING)
    obstacle = hidden_names(settings, check, keyring)
    hidden = obstacle or (check and not names and "only --names decrypts them")
    if json:
        fields = msgspec.to_builtins(result)
        print(
            msgspec.json.encode({**fields, "ledger": settings.ledger, "names": hidden or "checked"}).decode()
        )
    elif result.ok:
        columns = sum(len(one.columns) for one in result.unchecked)
        more = f"{columns} columns hold what no rule can check; --json lists them with the reasons"
        print(more, file=sys.stderr)
        print(
            f"ok: {result.checked} events checked; chain, positions, versions, commands, seats and views hold"
        )
        if saved:
            print(f"ok: {len(saved)} saved checkpoints fit, the last at position {saved[-1].position}")
        if hidden:
            # An answer about the ledger, or advice about this command.
            to = sys.stdout if obstacle else sys.stderr
            print(f"not checked: names and sealed texts: {hidden}", file=to)
    else:
        print(f"NOT ok: first bad position {result.first_bad_position}: {result.reason}")
    if not result.ok:
        return 1
    return NOT_CHECKED if obstacle and holds_keys(settings) else 0


def _public_keys(settings: Settings, key: Path | None) -> dict[str, Ed25519PublicKey]:
    """Return the public keys in the file `key`, by default the one of this host if it has one.

    Raises WrongSetting, NotProved, OSError.
    """
    if key and not key.exists():
        raise WrongSetting(f"--key: {key} must name a file that exists")
    pem = _read_pem(key) if key else (read_public_pem(settings) or "").encode()
    return read_public_keys(pem) if pem else {}


def _saved_checkpoints(against: Path | None, keys: dict[str, Ed25519PublicKey]) -> list[Checkpoint]:
    """Read checkpoints from a file and check their signatures. Raises WrongSetting, NotProved, OSError."""
    if against is None:
        return []
    if not keys:
        raise WrongSetting("--key: required, since there is no key in the data folder")
    found = read_checkpoints(against)
    if not found:
        raise NotProved(f"{against} holds no checkpoint")
    for saved in found:
        try:
            check_signature(saved, keys)
        except NotProved as error:
            raise type(error)(f"{against}, position {saved.position}: {error}") from None
    return found


def _read_pem(file: Path) -> bytes:
    with file.open("rb") as pem:
        return pem.read(PEM_BYTES_MAX)


def _with_progress(url: str, saved: list[Checkpoint], keys: Keys, keyring: Keyring) -> Verification:
    if not sys.stderr.isatty():
        return check(url, saved=saved, keyring=keyring, keys=keys)
    # Imported here, because only a terminal needs it.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("verify"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("verify")

        def advance(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        return check(url, advance, saved, keyring=keyring, keys=keys)
