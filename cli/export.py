"""Command `export`: a table as of a position of the log."""

import sys
from pathlib import Path
from typing import Any

import msgspec

from analytics.exports.files import FORMATS
from analytics.exports.files import export as export_table
from analytics.exports.tables import TABLES
from cli.existing_ledger import ledger_url
from cli.options import ALL_LEDGERS, DATA, JSON, LEDGER, add
from database.registry import MAIN
from runtime.settings import Settings, WrongSetting

_ABOUT = """\
Write a table as of a position of the log: an analytics table, or `events`, the log itself.

The same position always gives the same rows in the same order. The manifest beside the file
(FILE.manifest.json) holds the position, the chain's hash there, the columns and a digest: the SHA-256 of the
rows as CSV, for every format. This command checks any other export of bookings at position 5000:

  seatledger export bookings --position 5000 --format csv --out bookings.csv && sha256sum bookings.csv

Current analytics tables need the role seatledger_analyst only. An older position, and `events`, also need
the right to read the log.
"""


def export(
    settings: Settings, table: str, format: str, position: int | None, out: Path | None, json: bool
) -> int:
    """Export a table. Return 0 when the file and its manifest are written. Raises ExportStopped."""
    if position is not None and position < 0:
        raise WrongSetting("export: positions of the log start at 0 (before all events)")
    prefix = "" if settings.ledger == MAIN else f"{settings.ledger}-"
    with ledger_url(settings) as url:
        path, manifest = export_table(url, TABLES[table], format, position, out, _print_progress, prefix)
    if json:
        print(msgspec.json.encode(manifest).decode())
    else:
        print(f"{path}: {manifest.rows} rows at position {manifest.position}, digest {manifest.digest}")
    return 0


def _print_progress(table: str, rows: int) -> None:
    print(f"{table}: {rows} rows", file=sys.stderr, flush=True)


def register(commands: Any) -> None:
    command = add(
        commands,
        "export",
        export,
        "write a table as of a position of the log",
        [DATA, LEDGER, ALL_LEDGERS, JSON],
    )
    command.description = _ABOUT
    command.add_argument("table", choices=list(TABLES), help="the table to export")
    command.add_argument("--format", choices=FORMATS, default="parquet", help="file format (parquet)")
    command.add_argument("--position", type=int, metavar="N", help="state right after position N (now)")
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="file to write (TABLE-POSITION.FORMAT in this folder)"
    )
