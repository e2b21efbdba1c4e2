"""Command `verify`, with a progress bar on a terminal and JSON on request."""

import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from audit.proofs.checkpoint import Checkpoint
from audit.proofs.not_proved import NotProved, OtherKey
from audit.verify import Verification
from audit.verify import verify as check
from audit.verify.evidence import Keys
from cli.proofs import public_keys, saved_checkpoints
from database.embedded import existing_database
from ledger.keyring import Keyring
from ledger.master_key import find_keyring, hidden_names, read_check
from ledger.master_key_file import find_keys, holds_keys
from runtime.settings import Settings

NOT_CHECKED = 3


def verify(settings: Settings, json: bool, against: Path | None, key: Path | None) -> int:
    """Verify the ledger. The program may run meanwhile or not.

    Return 0 if all holds, 1 if something does not, 3 if a part could not be checked: the saved checkpoints
    cannot be read or are of another key, or the master key at hand is not the ledger's.
    """
    try:
        # Read before the database, so that the log has at least the length of the saved checkpoints.
        keys = public_keys(settings, key)
        saved = saved_checkpoints(against, keys)
    except (OtherKey, OSError) as problem:
        print(f"seatledger: not checked: {problem}", file=sys.stderr)
        return NOT_CHECKED
    except NotProved as refuted:
        print(f"seatledger: {refuted}", file=sys.stderr)
        return 1
    keyrings = [Keyring(master) for master in find_keys(settings)]
    with existing_database(settings.database_url, settings.data) as url:
        check = read_check(url)
        keyring = find_keyring(keyrings, check)
        result = _with_progress(url, saved, keys, keyring)
    names = hidden_names(settings, check, keyring)
    if json:
        fields = msgspec.to_builtins(result)
        print(msgspec.json.encode({**fields, "names": names or "checked"}).decode())
    elif result.ok:
        columns = sum(len(one.columns) for one in result.unchecked)
        more = f"{columns} columns hold what no rule can check; --json lists them with the reasons"
        print(more, file=sys.stderr)
        print(
            f"ok: {result.checked} events checked; chain, positions, versions, commands, seats and views hold"
        )
        if saved:
            print(f"ok: {len(saved)} saved checkpoints fit, the last at position {saved[-1].position}")
        if names:
            print(f"not checked: names and sealed texts: {names}")
    else:
        print(f"NOT ok: first bad position {result.first_bad_position}: {result.reason}")
    if not result.ok:
        return 1
    return NOT_CHECKED if names and holds_keys(settings) else 0


def _with_progress(url: str, saved: list[Checkpoint], keys: Keys, keyring: Keyring) -> Verification:
    columns = (TextColumn("verify"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("verify")

        def advance(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        return check(url, advance, saved, keyring=keyring, keys=keys)
