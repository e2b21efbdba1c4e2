"""Write an export: a complete file, and a manifest that describes it."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from analytics.exports.formulas import NEUTRALISED
from analytics.exports.snapshot import Progress, Rows, rows_at
from analytics.exports.tables import ExportTable
from runtime import VERSION

FORMATS = ("parquet", "csv", "ndjson")
BATCH_ROWS = 8_192
ROW_GROUP_ROWS = 131_072
PIECE_BYTES = 1 << 20

DIGEST_OF = "SHA-256 of the rows as CSV: what --format csv writes, whatever the format is"

_TYPES = {
    "uuid": "text",
    "text": "text",
    "bytea": "text",
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "timestamptz": "timestamp[us, UTC]",
    "date": "date",
}
"""Column types in files, by PostgreSQL type."""


class ExportedColumn(msgspec.Struct, frozen=True):
    name: str
    type: str
    nullable: bool
    comment: str


class Manifest(msgspec.Struct, frozen=True):
    """Description of an exported file. It holds no export time, so a repeated export is identical.

    `hash` is the chain hash at `position` and `recorded_at` the time of that event; null for an empty log.
    `digest` depends on table and position only, `sha256` also on format and library version. `formulas` says
    how text that begins like a formula is written; null for formats that no spreadsheet runs.
    """

    table: str
    table_version: int
    position: int
    hash: str | None
    recorded_at: datetime | None
    rows: int
    digest: str
    digest_of: str
    order: str
    columns: list[ExportedColumn]
    format: str
    file: str
    bytes: int
    sha256: str
    program: str
    formulas: str | None = None


def export(
    url: str,
    table: ExportTable,
    format: str,
    position: int | None,
    out: Path | None,
    progress: Progress,
    prefix: str = "",
) -> tuple[Path, Manifest]:
    """Write the table as of a position to `out` (default TABLE-POSITION.FORMAT), and its manifest beside it.

    A file has its final name only when it is complete. Raises OSError, and as `rows_at` does.
    """
    with rows_at(url, table, position, progress, neutral=format == "csv") as rows:
        out = out or Path(f"{prefix}{table.name}-{rows.mark.position}.{format}")
        with _atomic_file(out) as file:
            _write(rows, table, format, file)
    with out.open("rb") as written:
        sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        size = written.tell()
    mark = rows.mark
    manifest = Manifest(
        table.name,
        table.version,
        mark.position,
        mark.hash.hex() if mark.hash else None,
        mark.recorded_at,
        rows.count,
        rows.digest,
        DIGEST_OF,
        table.key,
        exported_columns(table),
        format,
        out.name,
        size,
        sha256,
        f"seatledger {VERSION}",
        NEUTRALISED if format == "csv" else None,
    )
    with _atomic_file(out.with_name(out.name + ".manifest.json")) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return out, manifest


def exported_columns(table: ExportTable) -> list[ExportedColumn]:
    return [
        ExportedColumn(
            column.name, _TYPES[column.type.split()[0]], "not null" not in column.type, column.comment
        )
        for column in table.columns
    ]


@contextmanager
def _atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file; on success sync and rename it to `path`, on failure remove it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write(rows: Rows, table: ExportTable, format: str, file: IO[bytes]) -> None:
    if format == "csv":
        while piece := rows.read(PIECE_BYTES):
            file.write(piece)
        return
    # Imported here: only exports need its 30 MB.
    from arro3 import io

    batches = io.read_csv(rows, _schema(table), has_header=True, batch_size=BATCH_ROWS)  # type: ignore[arg-type]
    try:
        if format == "ndjson":
            io.write_ndjson(batches, file, explicit_nulls=True)
        else:
            # One entry only: the order of several entries varies, and so would the file.
            label = {"seatledger": f"{table.name} at position {rows.mark.position}"}
            io.write_parquet(
                batches,
                file,
                compression="zstd(1)",
                max_row_group_size=ROW_GROUP_ROWS,
                created_by=f"seatledger {VERSION}",
                key_value_metadata=label,
            )
    except Exception as error:
        # The library turns an error in `rows` into the text of another error.
        raise rows.error or error from None


def _schema(table: ExportTable) -> Any:
    from arro3.core import DataType, Field, Schema

    kinds = {
        "text": DataType.string(),
        "int16": DataType.int16(),
        "int32": DataType.int32(),
        "int64": DataType.int64(),
        "timestamp[us, UTC]": DataType.timestamp("us", tz="UTC"),
        "date": DataType.date32(),
    }
    return Schema([Field(c.name, kinds[c.type], nullable=c.nullable) for c in exported_columns(table)])
