"""After SIGKILL of any process the next start works, and no committed row is lost."""

import contextlib
import os
import signal
import subprocess
import sys

import psycopg

from database.embedded import running_database
from tests.programs import processes_with

from .conftest import answers, eventually, is_alive, kill_keeper, kill_server

# The account is changed inside, because it may not be able to start this Python.
WAIT_AS = """
import os, sys, time
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
print("waits", flush=True)
time.sleep(60)
"""


def seats(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT count(*) FROM kept").fetchone()[0]


def write_a_seat(url):
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept (seat int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def test_the_server_of_a_killed_keeper_ends_and_both_are_replaced(folder):
    user = folder.user()
    write_a_seat(user.url)
    first = folder.postmaster()
    kill_keeper(folder)
    eventually(lambda: not is_alive(first))
    user.ensure_running()
    eventually(lambda: answers(user.url))
    assert seats(user.url) == 1
    assert user.leave() == 0
    assert not folder.server_processes()


def test_a_keeper_killed_before_its_busy_server_is_replaced_after_the_server_ends(folder):
    user = folder.user()
    write_a_seat(user.url)
    first = folder.postmaster()
    os.kill(first, signal.SIGSTOP)  # a frozen server cannot end
    kill_keeper(folder)
    user.ensure_running()
    assert folder.postmaster() == first
    assert not answers(user.url)
    os.kill(first, signal.SIGCONT)
    eventually(lambda: answers(user.url))
    assert folder.postmaster() != first
    assert seats(user.url) == 1


def test_a_killed_server_is_restarted_with_all_committed_rows(folder):
    user = folder.user()
    write_a_seat(user.url)
    first = folder.postmaster()
    kill_server(folder)
    eventually(lambda: not is_alive(first))
    eventually(lambda: answers(user.url))
    assert seats(user.url) == 1
    assert "the server ended with -9" in folder.log


def test_busy_children_of_a_killed_postmaster_do_not_block_the_restart(folder):
    user = folder.user()
    busy = psycopg.connect(user.url, autocommit=True)
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 10000000000)")
    os.kill(folder.postmaster(), signal.SIGKILL)
    eventually(lambda: answers(user.url))
    busy.close()


def test_a_start_after_all_processes_were_killed_at_once_works(folder):
    user = folder.user()
    write_a_seat(user.url)
    keeper = folder.keeper()
    os.kill(keeper, signal.SIGSTOP)
    kill_server(folder)
    os.kill(keeper, signal.SIGKILL)
    user.kill()
    with running_database(None, folder.data) as url:
        assert seats(url) == 1


def test_a_kill_during_creation_leaves_no_partial_database(fresh_folder):
    user = fresh_folder.user()
    eventually(lambda: list(fresh_folder.place.glob("new-*/base")))
    os.kill(user.process.pid, signal.SIGKILL)
    for process in processes_with(str(fresh_folder.data)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    with running_database(None, fresh_folder.data) as url:
        assert answers(url)
    assert not list(fresh_folder.place.glob("new-*"))


def test_the_lock_file_of_a_dead_server_does_not_block_a_start(folder):
    with running_database(None, folder.data):
        pass
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    name_in_lock_file(folder, ended.pid)
    with running_database(None, folder.data) as url:
        assert answers(url)


def test_another_process_with_the_id_of_a_dead_server_is_not_touched(folder):
    with running_database(None, folder.data):
        pass
    owner = folder.cluster.stat()
    # Under the account of the server, because PostgreSQL itself ignores processes of other accounts.
    command = [sys.executable, "-c", WAIT_AS, str(owner.st_uid), str(owner.st_gid)]
    other = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert other.stdout.readline() == b"waits\n"
        name_in_lock_file(folder, other.pid)
        with running_database(None, folder.data) as url:
            assert answers(url)
        assert other.poll() is None
    finally:
        other.kill()
        other.communicate()


def name_in_lock_file(folder, process):
    path = folder.cluster / "postmaster.pid"
    path.write_text(f"{process}\n{folder.cluster}\n1700000000\n5432\n/nowhere\n\n  1 1\nready   \n")
    owner = folder.cluster.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    path.chmod(0o600)
