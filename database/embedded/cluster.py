"""The embedded database's folder: where it lies, whose it is, and how it is made, once.

Run by the keeper only, which holds its lock: nobody else is at work in the folder.
"""

import os
import pwd
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from database.embedded.processes import ensure_startable
from database.embedded.programs import Account, run_program
from database.embedded.reachable import OWNER_FILE, reachable_binaries, remove_abandoned_places, system_folder

NAME = "seatledger"  # of the role, which is a superuser, and of the database
PORT = 5432  # only part of the socket's name: the server listens on no network
POINTER_FILE = "postgres.place"
PASSWORD_FILE = "postgres.password"  # noqa: S105 - its name, not what is in it

# sun_path, with its closing zero, has 108 bytes on Linux and 104 on macOS and the BSDs.
SOCKET_PATH_BYTES_MAX = 103

# Nobody comes in without the password, also not another account that may enter the socket's folder.
ACCESS = "local all all scram-sha-256\nlocal replication all scram-sha-256\n"


class ClusterMissing(Exception):
    """The database's folder is not where it was."""


@dataclass(frozen=True)
class Cluster:
    """One database folder with what is needed to run it."""

    place: Path
    binaries: Path
    account: Account | None
    password: str

    @property
    def folder(self) -> Path:
        return self.place / "cluster"

    def url(self, socket: Path) -> str:
        """Return the superuser's connection string, in the form that psycopg and psql take."""
        return f"postgresql://{NAME}:{self.password}@/{NAME}?host={quote(str(socket), safe='')}&port={PORT}"


def open_cluster(data: Path, binaries: Path, log: BinaryIO) -> Cluster:
    """Find the cluster that belongs to the data folder, or make it; its server must not be running.

    Raises ClusterMissing, OSError, and CalledProcessError with the reason in the log.
    """
    place = find_place(data)
    account = account_for(place)
    place = place or _new_place(data, account)
    if account:
        binaries = reachable_binaries(binaries, account)
    folder = place / "cluster"
    ensure_startable(folder)
    if not folder.exists():
        _make(folder, binaries, account, log)
        if place.parent != data:
            # Only now: a pointer to a place without a cluster means that bookings were lost.
            _replace(data / POINTER_FILE, f"{place}\n")
    password = _password(data, folder, binaries, account, log)
    # Before every start, so that a new release's settings reach old folders.
    _replace(folder / "postgresql.conf", Path(__file__).with_name("postgresql.conf").read_text())
    _replace(folder / "pg_hba.conf", ACCESS)
    return Cluster(place, binaries, account, password)


def find_place(data: Path) -> Path | None:
    """Return where the data folder's database lies, or None when there is none yet. Raises ClusterMissing."""
    pointer = data / POINTER_FILE
    if pointer.exists():
        place = Path(pointer.read_text().strip())
        if not (place / "cluster").is_dir():
            # An empty database instead would look like a total loss of bookings.
            raise ClusterMissing(
                f"{pointer} says that the database is in {place}, which is gone: bring it back"
            )
        return place
    place = data / "postgres"
    return place if (place / "cluster").is_dir() else None


def open_socket_folder(cluster: Cluster) -> Path:
    """Return an empty folder that only the server's account enters, with a path short enough for a socket."""
    close_socket_folder(cluster)
    link = cluster.place / "socket"
    if len(os.fsencode(link / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES_MAX:
        _make_own(link, cluster.account)
        return link
    short = Path(tempfile.mkdtemp(prefix="seatledger-", dir="/tmp"))
    _own(short, cluster.account)
    link.symlink_to(short)
    return short


def close_socket_folder(cluster: Cluster) -> None:
    """Remove the socket's folder, also one that a killed keeper left."""
    link = cluster.place / "socket"
    shutil.rmtree(link.readlink() if link.is_symlink() else link, ignore_errors=True)
    link.unlink(missing_ok=True)


def account_for(place: Path | None) -> Account | None:
    """PostgreSQL refuses to run as root. An existing folder goes on under its owner."""
    if os.geteuid() != 0:
        return None
    if place and (owner := (place / "cluster").stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ClusterMissing("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def _new_place(data: Path, account: Account | None) -> Path:
    """Below the data folder, or, where the server's account cannot get there, below /var/lib.

    Opening the folders on the way would be simpler, but they are not ours to open.
    """
    if not account or account.may_enter(data):
        place = data / "postgres"
    else:
        remove_abandoned_places()
        place = system_folder() / secrets.token_hex(8)
    place.mkdir(exist_ok=True)
    (place / OWNER_FILE).write_text(str(data))
    # Root's own, so that a server which was broken into cannot lead root's later clean-ups astray.
    place.chmod(0o711 if account else 0o700)
    return place


def _make(folder: Path, binaries: Path, account: Account | None, log: BinaryIO) -> None:
    """Make the cluster beside its place and rename it when it is complete: a kill leaves no half of it."""
    for left_over in folder.parent.glob("new-*"):
        shutil.rmtree(left_over)
    new = Path(tempfile.mkdtemp(prefix="new-", dir=folder.parent))
    _own(new, account)
    # Locale C: byte order never changes with the machine's libraries, which would corrupt indexes.
    options = ["--encoding=UTF8", "--locale=C", "--data-checksums", "--auth=reject", f"--username={NAME}"]
    run_program([binaries / "initdb", f"--pgdata={new}", "--no-instructions", *options], account, log)
    _run_alone(f"CREATE DATABASE {NAME}", new, binaries, account, log)
    new.rename(folder)


def _password(data: Path, folder: Path, binaries: Path, account: Account | None, log: BinaryIO) -> str:
    """Return the superuser's password; where its file is missing, a new one is set."""
    kept = data / PASSWORD_FILE
    if kept.exists():
        return kept.read_text().strip()
    password = secrets.token_hex(24)
    _run_alone(f"ALTER ROLE {NAME} PASSWORD '{password}'", folder, binaries, account, log)
    _replace(kept, f"{password}\n")
    return password


def _run_alone(statement: str, folder: Path, binaries: Path, account: Account | None, log: BinaryIO) -> None:
    """Run one statement without a server, in PostgreSQL's single-user mode: no client is needed."""
    command: list[str | Path] = [binaries / "postgres", "--single", "-D", folder, "template1"]
    run_program(command, account, log, text=statement + "\n")


def _make_own(folder: Path, account: Account | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    _own(folder, account)


def _own(folder: Path, account: Account | None) -> None:
    if account:
        os.chown(folder, account.uid, account.gid)


def _replace(path: Path, text: str) -> None:
    """Write the file in full or not at all, for the account that its folder belongs to."""
    if path.exists() and path.read_text() == text:
        return  # a start needs no free disk
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            owner = path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
            raise
