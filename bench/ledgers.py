"""A ledger to measure: a fresh database in a folder of its own, with full durability, gone at the end."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger.postgres import remove_database, running_database
from ledger.schema import migrate


class Fresh(NamedTuple):
    """Its connection string, and its data folder."""

    url: str
    data: Path


@contextmanager
def fresh_ledger() -> Iterator[Fresh]:
    with tempfile.TemporaryDirectory(prefix="seatledger-bench-", ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        data.chmod(0o755)  # the embedded database refuses to run as root, and its own user must get through
        try:
            with running_database(None, data) as url:
                migrate(url)
                yield Fresh(url, data)
        finally:
            remove_database(data)
