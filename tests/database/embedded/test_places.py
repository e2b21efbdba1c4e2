"""The embedded server starts in any folder and under any account, and gives other accounts no access."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from database.embedded import EmbeddedDatabaseFailed, account_warning, remove_database, running_database
from database.embedded.binaries import VARIABLE, find_binaries
from database.embedded.reachable import remove_abandoned_places
from tests.programs import find_program, needs

from .conftest import ENVIRONMENT, Folder, answers

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change accounts")
NOBODY = 65534


def refused(why):
    return pytest.raises(EmbeddedDatabaseFailed, match=why)


@pytest.fixture(scope="module")
def closed_data():
    """A data folder below a private folder, as `mktemp -d` creates them."""
    parent = Path(tempfile.mkdtemp(prefix="seatledger-test-"))
    (parent / "data").mkdir()
    yield parent / "data"
    remove_database(parent / "data")
    shutil.rmtree(parent)


@pytest.fixture
def closed_folder(closed_data):
    """The private data folder, with the database of earlier tests, if there were any."""
    folder = Folder(closed_data)
    yield folder
    folder.end()


@as_root
def test_root_keeps_the_database_elsewhere_if_the_data_folder_is_private(closed_folder):
    mode = stat.S_IMODE(closed_folder.data.parent.stat().st_mode)
    for _ in range(2):
        with running_database(None, closed_folder.data) as url, psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (seat int)")
            assert closed_folder.cluster.stat().st_uid != 0
    assert closed_folder.place.parent == Path("/var/lib/seatledger")
    assert stat.S_IMODE(closed_folder.data.parent.stat().st_mode) == mode


@as_root
def test_only_databases_of_missing_temporary_folders_are_removed(closed_folder):
    places = [Path("/var/lib/seatledger") / f"made-by-a-test-{number}" for number in range(3)]
    owners = [closed_folder.data, closed_folder.data / "gone", Path("/srv/not-mounted/data")]
    for place, owner in zip(places, owners, strict=True):
        place.mkdir(parents=True)
        (place / "data-folder").write_text(str(owner))
    try:
        remove_abandoned_places()
        assert [place.exists() for place in places] == [True, False, True]
    finally:
        for place in places:
            shutil.rmtree(place, ignore_errors=True)


@as_root
def test_a_missing_database_is_not_replaced_by_an_empty_one(closed_folder):
    with running_database(None, closed_folder.data):
        pass
    moved = closed_folder.place.with_name("moved-by-a-test")
    closed_folder.place.rename(moved)
    try:
        with refused("which is gone"), running_database(None, closed_folder.data):
            pass
    finally:
        moved.rename(closed_folder.place)


@as_root
def test_a_database_is_removed_at_its_place_but_never_while_in_use(closed_folder, monkeypatch):
    with running_database(None, closed_folder.data):
        place = closed_folder.place
        with monkeypatch.context() as patched, refused("in use"):
            patched.setattr("database.embedded.LEAVE_SECONDS_MAX", 0.1)
            remove_database(closed_folder.data)
    remove_database(closed_folder.data)
    assert not place.exists()


@as_root
def test_root_runs_a_copy_of_programs_in_a_private_folder(folder, monkeypatch):
    parent = Path(tempfile.mkdtemp(prefix="seatledger-test-"))
    try:
        package = find_binaries().parents[1]
        shutil.copytree(package, parent / package.name, symlinks=True)
        if (libraries := Path(f"{package}.libs")).exists():
            shutil.copytree(libraries, parent / libraries.name)
        monkeypatch.setenv(VARIABLE, str(parent / package.name / "pginstall" / "bin"))
        with running_database(None, folder.data) as url:
            assert answers(url)
            program = Path(f"/proc/{folder.postmaster()}/exe").readlink()
            assert program.is_relative_to("/var/lib/seatledger")
    finally:
        shutil.rmtree(parent)


@as_root
@needs("setpriv")
def test_an_ordinary_user_needs_no_help_of_root(fresh_folder):
    prefix = [find_program("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    works = "import psycopg, subprocess, sys; subprocess.check_call([sys.executable, '-c', ''])"
    pythons = [sys.executable, "/usr/bin/python3"]
    readable = [
        python
        for python in pythons
        if not subprocess.call(
            [*prefix, python, "-P", "-c", works], stderr=subprocess.DEVNULL, env=ENVIRONMENT
        )
    ]
    if not readable:
        pytest.skip("other accounts cannot read this environment or its Python")
    os.chown(fresh_folder.data, NOBODY, NOBODY)
    user = fresh_folder.user(prefix=prefix, python=readable[0])
    assert answers(user.url)
    assert fresh_folder.cluster.stat().st_uid == NOBODY
    assert user.leave() == 0
    # The database of an ordinary user stays under that account when root uses it.
    with running_database(None, fresh_folder.data) as url:
        assert answers(url)
        assert Path(f"/proc/{fresh_folder.postmaster()}").stat().st_uid == NOBODY


def test_a_path_too_long_for_a_socket_moves_the_socket_elsewhere(folder):
    inner = Folder(folder.data / ("d" * 60) / ("e, \"f' %" * 8))
    inner.data.mkdir(parents=True)
    with running_database(None, inner.data) as url:
        assert answers(url)
        target = (inner.place / "socket").readlink()
        assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert not target.exists()


def test_there_is_no_access_by_network_or_without_the_password(folder):
    with running_database(None, folder.data) as url:
        with psycopg.connect(url) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            sockets = connection.execute("SHOW unix_socket_directories").fetchone()[0].strip('"')
        assert stat.S_IMODE(os.stat(sockets).st_mode) == 0o700
        password = (folder.data / "postgres.password").read_text().strip()
        assert len(password) == 48, "at 192 random bits, one SCRAM iteration is enough"
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url.replace(password, "guess"))
    assert stat.S_IMODE((folder.data / "postgres.password").stat().st_mode) == 0o600


def test_a_lost_password_is_replaced(folder):
    with running_database(None, folder.data) as before:
        pass
    (folder.data / "postgres.password").unlink()
    with running_database(None, folder.data) as after:
        assert answers(after)
        assert after != before


def test_the_settings_for_durability_are_on(folder):
    names = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "jit", "TimeZone")
    with running_database(None, folder.data) as url, psycopg.connect(url) as connection:
        found = [connection.execute(f"SHOW {name}").fetchone()[0] for name in names]
    assert found == ["on", "on", "on", "on", "off", "UTC"]


def test_a_folder_without_the_programs_is_named_in_the_error(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, "/nowhere")
    with refused("SEATLEDGER_POSTGRES_BIN='/nowhere'"), running_database(None, folder.data):
        pass


def test_programs_that_fail_are_an_error_that_names_the_log(fresh_folder, monkeypatch):
    programs = fresh_folder.data / "programs"
    programs.mkdir()
    for name in ("postgres", "initdb"):
        (programs / name).write_text("#!/bin/sh\necho this is not a database >&2\nexit 3\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(programs))
    with refused(r"(?s)postgres\.log.*this is not a database"), running_database(None, fresh_folder.data):
        pass


def test_the_keeper_needs_nothing_but_the_standard_library():
    program = "import sys; sys.path.insert(0, sys.argv[1]); import database.embedded.keeper"
    root = str(Path(__file__).resolve().parents[3])
    subprocess.run([sys.executable, "-I", "-S", "-c", program, root], check=True)


@as_root
def test_a_server_that_would_run_as_nobody_is_reported(tmp_path, monkeypatch):
    known = pwd.getpwnam
    nobody = known("nobody")

    def without_postgres(name):
        return {"nobody": nobody}[name]

    monkeypatch.setattr(pwd, "getpwnam", without_postgres)
    assert "create a user postgres before the first start" in account_warning(tmp_path)
    monkeypatch.setattr(pwd, "getpwnam", lambda name: nobody if name == "nobody" else known("root"))
    assert account_warning(tmp_path) is None


@pytest.fixture
def without_shm():
    """Return the arguments that run a program with a /dev/shm to which it cannot write."""
    unshare, mount, shell = (find_program(name) for name in ("unshare", "mount", "sh"))
    if os.geteuid() != 0 or not (unshare and mount and shell):
        pytest.skip("a /dev/shm that is not writable takes root, unshare, mount and sh")
    script = f'{mount} -t tmpfs -o ro none /dev/shm && exec "$@"'
    prefix = [unshare, "--mount", shell, "-c", script, "sh"]
    if subprocess.run([*prefix, sys.executable, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    return prefix


def test_without_writable_shared_memory_the_server_uses_files_and_says_so(folder, without_shm):
    user = folder.user(prefix=without_shm)
    with psycopg.connect(user.url) as connection:
        assert connection.execute("show dynamic_shared_memory_type").fetchone() == ("mmap",)
    assert user.leave() == 0
    assert "/dev/shm is not writable: starting with dynamic_shared_memory_type = mmap" in folder.log
    user = folder.user()
    with psycopg.connect(user.url) as connection:
        assert connection.execute("show dynamic_shared_memory_type").fetchone() == ("posix",)
    assert user.leave() == 0
