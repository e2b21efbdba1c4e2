"""Ledgers for measurements, with full durability and sealed names."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from analytics.schema import migrate
from database.embedded import remove_database, running_database
from ledger.keyring import Keyring
from ledger.ledger import Ledger, open_ledger
from ledger.master_key import key_ledger
from ledger.master_key_file import load_master_key
from runtime.settings import Settings


class BenchLedger(NamedTuple):
    """A migrated ledger on a running server: connection string, data folder, master key."""

    url: str
    data: Path
    master: bytes

    def open(self, hold_seconds: int = 30 * 86_400) -> AbstractAsyncContextManager[Ledger]:
        """Open its writer and its reads. By default, holds outlast the measurement."""
        settings = Settings(hold_seconds=hold_seconds, deadline_seconds=60, master_key=self.master)
        return open_ledger(self.url, settings)


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
def ledger_in(data: Path) -> Iterator[BenchLedger]:
    """Run the server of the data folder, with a ledger that has a master key, as the program makes it."""
    with running_database(None, data) as url:
        migrate(url)
        master = load_master_key(Settings(data=data))
        key_ledger(url, Keyring(master))
        yield BenchLedger(url, data, master)


@contextmanager
def fresh_ledger() -> Iterator[BenchLedger]:
    with fresh_folder() as data, ledger_in(data) as ledger:
        yield ledger
