"""Writing an export: the file under its name only when it is whole, and a manifest that says what it is."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from analytics.exports.snapshot import Progress, Rows, rows_at
from analytics.exports.tables import Table
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
"""What a column of PostgreSQL becomes in a file."""


class ExportedColumn(msgspec.Struct, frozen=True):
    name: str
    type: str
    nullable: bool
    comment: str


class Manifest(msgspec.Struct, frozen=True):
    """What an exported file is. It has no time of its own: made again, it is the same.

    `hash` is the chain's at `position` and `recorded_at` that event's time; null: the log was empty. `digest`
    depends on the table and the position, `sha256` on the format too, and on who wrote it.
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


def export(
    url: str, table: Table, format: str, position: int | None, out: Path | None, tell: Progress
) -> tuple[Path, Manifest]:
    """Write the table at a position into `out` (None: TABLE-POSITION.FORMAT), and its manifest beside it.

    Raises as `rows_at` does, and OSError. Whatever happens, nothing that is not whole bears a final name.
    """
    with rows_at(url, table, position, tell) as rows:
        out = out or Path(f"{table.name}-{rows.mark.position}.{format}")
        with _whole(out) as file:
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
    )
    with _whole(out.with_name(out.name + ".manifest.json")) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return out, manifest


def exported_columns(table: Table) -> list[ExportedColumn]:
    return [
        ExportedColumn(
            column.name, _TYPES[column.type.split()[0]], "not null" not in column.type, column.comment
        )
        for column in table.columns
    ]


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is complete and on the disk; else nothing is left."""
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


def _write(rows: Rows, table: Table, format: str, file: IO[bytes]) -> None:
    if format == "csv":
        while piece := rows.read(PIECE_BYTES):
            file.write(piece)
        return
    # Here, because only this needs it, and every command would wait for its 30 MB.
    from arro3 import io

    batches = io.read_csv(rows, _schema(table), has_header=True, batch_size=BATCH_ROWS)  # type: ignore[arg-type]
    try:
        if format == "ndjson":
            io.write_ndjson(batches, file, explicit_nulls=True)
        else:
            # One entry only: several come in any order, and the file would not be the same each time.
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
        # What broke in `rows` comes back as text of another error.
        raise rows.trouble or error from None


def _schema(table: Table) -> Any:
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
