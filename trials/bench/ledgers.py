"""A ledger to measure: a fresh database in a folder of its own, with full durability, gone at the end."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from analytics.schema import migrate
from database.embedded import remove_database, running_database
from ledger.keyring import Keyring, master_key_of
from ledger.master_key import key_ledger
from runtime.settings import Settings


class Fresh(NamedTuple):
    """Its connection string, and its data folder."""

    url: str
    data: Path


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """A folder for a ledger that nobody has started yet."""
    with tempfile.TemporaryDirectory(prefix="seatledger-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded database refuses to run as root, and its own user must get through
        try:
            yield folder
        finally:
            remove_database(folder)


@contextmanager
def fresh_ledger() -> Iterator[Fresh]:
    with fresh_folder() as data, running_database(None, data) as url:
        migrate(url)
        yield Fresh(url, data)


def sealed(ledger: Fresh) -> bytes:
    """The master key that names are sealed by from now on, kept in the data folder as the program does it."""
    master = master_key_of(Settings(data=ledger.data))
    key_ledger(ledger.url, Keyring(master))
    return master
