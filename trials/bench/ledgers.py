"""Temporary ledgers for measurements, with full durability."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from analytics.schema import migrate
from database.embedded import remove_database, running_database
from ledger.keyring import Keyring
from ledger.master_key import key_ledger
from ledger.master_key_file import load_master_key
from runtime.settings import Settings


class FreshLedger(NamedTuple):
    """Connection string and data folder of a temporary ledger."""

    url: str
    data: Path


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Create a temporary folder for a ledger, and remove it with its database."""
    with tempfile.TemporaryDirectory(prefix="seatledger-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, the embedded server runs as another user that must enter the folder
        try:
            yield folder
        finally:
            remove_database(folder)


@contextmanager
def fresh_ledger() -> Iterator[FreshLedger]:
    with fresh_folder() as data, running_database(None, data) as url:
        migrate(url)
        yield FreshLedger(url, data)


def seal_names(ledger: FreshLedger) -> bytes:
    """Create the master key in the data folder, as the program does, and return it."""
    master = load_master_key(Settings(data=ledger.data))
    key_ledger(ledger.url, Keyring(master))
    return master
