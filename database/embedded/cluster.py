"""The folder of the embedded database: its place, its owner, and its creation.

Only the keeper changes the folder, and holds a lock meanwhile.
"""

import os
import pwd
import secrets
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from database.embedded.processes import ensure_startable
from database.embedded.programs import ServerAccount, run_program, write_line
from database.embedded.reachable import OWNER_FILE, reachable_binaries, remove_abandoned_places, system_folder

NAME = "seatledger"  # of the role, which is a superuser, and of the database
PORT = 5432  # only part of the socket's name: the server listens on no network
POINTER_FILE = "postgres.place"
PASSWORD_FILE = "postgres.password"  # noqa: S105 - its name, not what is in it

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - its place on every Linux
WITHOUT_SHARED_MEMORY = """
# This system has no writable /dev/shm. Files in the folder of the database replace it, at some cost in speed.
dynamic_shared_memory_type = mmap
"""

# sun_path, with its closing zero, has 108 bytes on Linux and 104 on macOS and the BSDs.
SOCKET_PATH_BYTES_MAX = 103

# All connections need the password, even those of accounts that may enter the folder of the socket.
ACCESS = "local all all scram-sha-256\nlocal replication all scram-sha-256\n"


class ClusterMissing(Exception):
    """The folder of the database is no longer at its recorded place."""


@dataclass(frozen=True)
class EmbeddedCluster:
    """A database folder, and the programs, account and password to run it with."""

    place: Path
    binaries: Path
    account: ServerAccount | None
    password: str

    @property
    def folder(self) -> Path:
        return self.place / "cluster"

    def url(self, socket: Path) -> str:
        """Return the superuser's connection string for psycopg and psql.

        The empty `hostaddr` keeps PGHOSTADDR from sending the password to another server.
        """
        host = quote(str(socket), safe="")
        return f"postgresql://{NAME}:{self.password}@/{NAME}?host={host}&port={PORT}&hostaddr="


def open_cluster(data: Path, binaries: Path, log: BinaryIO) -> EmbeddedCluster:
    """Find or create the cluster of the data folder; its server must not be running.

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
            # Written last: a pointer to a place without a cluster means that bookings were lost.
            _replace(data / POINTER_FILE, f"{place}\n")
    password = _password(data, folder, binaries, account, log)
    # Written before every start, so that the settings of a new release reach old folders.
    settings = Path(__file__).with_name("postgresql.conf").read_text()
    if not has_shared_memory(account):
        write_line(log, f"{SHARED_MEMORY} is not writable: starting with dynamic_shared_memory_type = mmap")
        settings += WITHOUT_SHARED_MEMORY
    _replace(folder / "postgresql.conf", settings)
    _replace(folder / "pg_hba.conf", ACCESS)
    return EmbeddedCluster(place, binaries, account, password)


def has_shared_memory(account: ServerAccount | None) -> bool:
    """Return whether the server can create shared memory as PostgreSQL does by default on this system."""
    if sys.platform != "linux":
        return True
    if not SHARED_MEMORY.is_dir() or os.statvfs(SHARED_MEMORY).f_flag & os.ST_RDONLY:
        return False
    return account.may_write(SHARED_MEMORY) if account else os.access(SHARED_MEMORY, os.W_OK | os.X_OK)


def find_place(data: Path) -> Path | None:
    """Return the folder of the database, or None if there is none yet. Raises ClusterMissing."""
    pointer = data / POINTER_FILE
    if pointer.exists():
        place = Path(pointer.read_text().strip())
        if not (place / "cluster").is_dir():
            # A new, empty database would look like a loss of all bookings.
            raise ClusterMissing(
                f"{pointer} says that the database is in {place}, which is gone: bring it back"
            )
        return place
    place = data / "postgres"
    return place if (place / "cluster").is_dir() else None


def open_socket_folder(cluster: EmbeddedCluster) -> Path:
    """Return an empty folder for the server's account alone, with a path short enough for a socket."""
    close_socket_folder(cluster)
    link = cluster.place / "socket"
    if len(os.fsencode(link / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES_MAX:
        _make_owned(link, cluster.account)
        return link
    short = Path(tempfile.mkdtemp(prefix="seatledger-", dir="/tmp"))
    _own(short, cluster.account)
    link.symlink_to(short)
    return short


def close_socket_folder(cluster: EmbeddedCluster) -> None:
    """Remove the folder of the socket, including one that a killed keeper left."""
    link = cluster.place / "socket"
    shutil.rmtree(link.readlink() if link.is_symlink() else link, ignore_errors=True)
    link.unlink(missing_ok=True)


def account_for(place: Path | None) -> ServerAccount | None:
    """Return the account for the server if this process is root: the owner of its folder, or a default.

    PostgreSQL refuses to run as root.
    """
    if os.geteuid() != 0:
        return None
    if place and (owner := (place / "cluster").stat()).st_uid != 0:
        return ServerAccount(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerAccount(entry.pw_uid, entry.pw_gid)
    raise ClusterMissing("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def shares_account(place: Path | None) -> bool:
    """Return whether root runs the server as nobody, an account that other programs may use as well."""
    account = account_for(place)
    return account is not None and account.uid == pwd.getpwnam("nobody").pw_uid


def _new_place(data: Path, account: ServerAccount | None) -> Path:
    """Create the place below the data folder, or below /var/lib if the server's account cannot reach it.

    The modes of the folders above the data folder belong to its owner and stay unchanged.
    """
    if not account or account.may_enter(data):
        place = data / "postgres"
    else:
        remove_abandoned_places()
        place = system_folder() / secrets.token_hex(8)
    place.mkdir(exist_ok=True)
    (place / OWNER_FILE).write_text(str(data))
    # Owned by root, so that a compromised server cannot redirect root's later removal of files.
    place.chmod(0o711 if account else 0o700)
    return place


def _make(folder: Path, binaries: Path, account: ServerAccount | None, log: BinaryIO) -> None:
    """Create the cluster under another name, and rename it when complete, so that a kill leaves no half."""
    for left_over in folder.parent.glob("new-*"):
        shutil.rmtree(left_over)
    new = Path(tempfile.mkdtemp(prefix="new-", dir=folder.parent))
    _own(new, account)
    # Locale C: byte order never changes with the machine's libraries, which would corrupt indexes.
    options = ["--encoding=UTF8", "--locale=C", "--data-checksums", "--auth=reject", f"--username={NAME}"]
    run_program([binaries / "initdb", f"--pgdata={new}", "--no-instructions", *options], account, log)
    _run_alone(f"CREATE DATABASE {NAME}", new, binaries, account, log)
    new.rename(folder)


def _password(data: Path, folder: Path, binaries: Path, account: ServerAccount | None, log: BinaryIO) -> str:
    """Return the superuser's password. If its file is missing, set a new one."""
    path = data / PASSWORD_FILE
    if path.exists():
        return path.read_text().strip()
    password = secrets.token_hex(24)
    # More iterations slow down guesses of weak passwords, and every connection. 192 random bits need one.
    # PostgreSQL 15 knows no such setting: it logs that, and runs the second statement.
    statements = f"SET scram_iterations = 1\nALTER ROLE {NAME} PASSWORD '{password}'"
    _run_alone(statements, folder, binaries, account, log)
    _replace(path, f"{password}\n")
    return password


def _run_alone(
    statements: str, folder: Path, binaries: Path, account: ServerAccount | None, log: BinaryIO
) -> None:
    """Run statements, one a line, in PostgreSQL's single-user mode, without a server or a client."""
    command: list[str | Path] = [binaries / "postgres", "--single", "-D", folder, "template1"]
    run_program(command, account, log, text=statements + "\n")


def _make_owned(folder: Path, account: ServerAccount | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    _own(folder, account)


def _own(folder: Path, account: ServerAccount | None) -> None:
    if account:
        os.chown(folder, account.uid, account.gid)


def _replace(path: Path, text: str) -> None:
    """Write the file completely or not at all, for the owner of its folder."""
    if path.exists() and path.read_text() == text:
        return  # a start needs no free disk space
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
