"""Command `verify`, with a progress bar on a terminal and JSON on request."""

import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.not_proved import NotProved
from audit.verify import Verification
from audit.verify import verify as check
from audit.verify.evidence import Keys
from cli.proofs import public_keys, saved_checkpoints
from database.embedded import existing_database
from ledger.keyring import Keyring
from ledger.master_key_file import find_keyring
from runtime.settings import Settings


def verify(settings: Settings, json: bool, against: Path | None, key: Path | None) -> int:
    """Verify the ledger. Return 0 if all holds, else 1. The program may run meanwhile or not."""
    try:
        # Read before the database, so that the log has at least the length of the saved checkpoints.
        keys = public_keys(settings, key)
        saved = saved_checkpoints(against, keys)
    except NotProved as refuted:
        print(f"seatledger: {refuted}", file=sys.stderr)
        return 1
    with existing_database(settings.database_url, settings.data) as url:
        result = _with_progress(url, saved, keys, find_keyring(settings))
    if json:
        print(msgspec.json.encode(result).decode())
    elif result.ok:
        print(
            f"ok: {result.checked} events checked; chain, positions, versions, commands, seats and views hold"
        )
        if saved:
            print(f"ok: {len(saved)} saved checkpoints fit, the last at position {saved[-1].position}")
    else:
        print(f"NOT ok: first bad position {result.first_bad_position}: {result.reason}")
    return 0 if result.ok else 1


def _with_progress(url: str, saved: list[Checkpoint], keys: Keys, keyring: Keyring) -> Verification:
    columns = (TextColumn("verify"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("verify")

        def advance(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        return check(url, advance, saved, keyring=keyring, keys=keys)
