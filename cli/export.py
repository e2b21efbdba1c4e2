"""Taking tables away: `seatledger export`, as they stood at a position of the log."""

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from analytics.exports.files import FORMATS
from analytics.exports.files import export as export_table
from analytics.exports.snapshot import ExportStopped
from analytics.exports.tables import TABLES
from cli.options import DATA, JSON, add
from database.embedded import existing_database
from runtime.settings import Settings, WrongSetting

FAILED = 1

_ABOUT = """\
Write a table as it stood right after a position of the log: a fact of analysts, or `events`, the log itself.

The same position gives the same rows in the same order, whenever and by whomever it is asked. The manifest
beside the file (FILE.manifest.json) names the position, the chain's hash there, the columns and a digest:
SHA-256 of the rows as CSV, whatever the format is. So this checks any other export of bookings at 5000:

  seatledger export bookings --position 5000 --format csv --out bookings.csv && sha256sum bookings.csv

The facts where they are now need no more than the role seatledger_analyst. A position that they have left
behind, and `events`, need the right to read the log as well.
"""


def export(
    settings: Settings, table: str, format: str, position: int | None, out: Path | None, json: bool
) -> int:
    """0 when the file and its manifest are there, 1 when something stands in the way."""
    if position is not None and position < 0:
        raise WrongSetting("export: positions of the log are 0 (before all) and up")
    with existing_database(settings.database_url, settings.data) as url:
        try:
            path, manifest = export_table(url, TABLES[table], format, position, out, _tell)
        except ExportStopped as stopped:
            print(f"seatledger: {stopped}", file=sys.stderr)
            return FAILED
    if json:
        print(msgspec.json.encode(manifest).decode())
    else:
        print(f"{path}: {manifest.rows} rows at position {manifest.position}, digest {manifest.digest}")
    return 0


def _tell(table: str, rows: int) -> None:
    print(f"{table}: {rows} rows", file=sys.stderr, flush=True)


def register(commands: Any) -> None:
    command = add(
        commands, "export", export, "write a table as it stood at a position of the log", [DATA, JSON]
    )
    command.description = _ABOUT
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument("table", choices=list(TABLES), help="which")
    command.add_argument("--format", choices=FORMATS, default="parquet", help="(parquet)")
    command.add_argument("--position", type=int, metavar="N", help="as it stood right after N (as it is now)")
    command.add_argument("--out", type=Path, metavar="FILE", help="(TABLE-POSITION.FORMAT, here)")
