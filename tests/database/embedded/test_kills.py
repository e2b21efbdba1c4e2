"""After SIGKILL of anything the next start works, and no acknowledged row is gone."""

import os
import signal
import subprocess

import psycopg

from database.embedded import running_database

from .conftest import answers, eventually, is_alive, kill_keeper, kill_server


def seats(url):
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT count(*) FROM kept").fetchone()[0]


def write_a_seat(url):
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept (seat int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def test_a_killed_keeper_takes_its_server_along_and_is_replaced(folder):
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


def test_a_keeper_killed_while_the_server_is_busy_is_replaced_once_that_has_ended(folder):
    user = folder.user()
    write_a_seat(user.url)
    first = folder.postmaster()
    os.kill(first, signal.SIGSTOP)  # as long as it is frozen it cannot end
    kill_keeper(folder)
    user.ensure_running()
    assert folder.postmaster() == first
    assert not answers(user.url)
    os.kill(first, signal.SIGCONT)
    eventually(lambda: answers(user.url))
    assert folder.postmaster() != first
    assert seats(user.url) == 1


def test_a_killed_server_is_restarted_with_all_that_was_committed(folder):
    user = folder.user()
    write_a_seat(user.url)
    first = folder.postmaster()
    kill_server(folder)
    eventually(lambda: not is_alive(first))
    eventually(lambda: answers(user.url))
    assert seats(user.url) == 1
    assert "the server ended with -9" in folder.log


def test_a_killed_postmaster_does_not_leave_busy_children_in_the_way(folder):
    user = folder.user()
    busy = psycopg.connect(user.url, autocommit=True)
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 10000000000)")
    os.kill(folder.postmaster(), signal.SIGKILL)
    eventually(lambda: answers(user.url))
    busy.close()


def test_everything_killed_at_once_starts_again(folder):
    user = folder.user()
    write_a_seat(user.url)
    keeper = folder.keeper()
    os.kill(keeper, signal.SIGSTOP)
    kill_server(folder)
    os.kill(keeper, signal.SIGKILL)
    user.kill()
    with running_database(None, folder.data) as url:
        assert seats(url) == 1


def test_a_kill_while_the_database_is_made_leaves_nothing_half_made(fresh_folder):
    user = fresh_folder.user()
    eventually(lambda: list(fresh_folder.place.glob("new-*/base")))
    os.kill(user.process.pid, signal.SIGKILL)
    makers = subprocess.run(["pgrep", "-f", str(fresh_folder.data)], capture_output=True, text=True)
    for process in makers.stdout.split():
        os.kill(int(process), signal.SIGKILL)
    with running_database(None, fresh_folder.data) as url:
        assert answers(url)
    assert not list(fresh_folder.place.glob("new-*"))


def test_the_lock_file_of_a_dead_server_is_no_obstacle(folder):
    with running_database(None, folder.data):
        pass
    ended = subprocess.Popen(["true"])
    ended.wait()
    name_in_lock_file(folder, ended.pid)
    with running_database(None, folder.data) as url:
        assert answers(url)


def test_a_stranger_with_the_dead_servers_process_id_is_left_alone(folder):
    with running_database(None, folder.data):
        pass
    owner = folder.cluster.stat()
    # Under the server's own account, because PostgreSQL itself sees through another account's processes.
    stranger = subprocess.Popen(["sleep", "60"], user=owner.st_uid, group=owner.st_gid)
    try:
        name_in_lock_file(folder, stranger.pid)
        with running_database(None, folder.data) as url:
            assert answers(url)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def name_in_lock_file(folder, process):
    path = folder.cluster / "postmaster.pid"
    path.write_text(f"{process}\n{folder.cluster}\n1700000000\n5432\n/nowhere\n\n  1 1\nready   \n")
    owner = folder.cluster.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    path.chmod(0o600)
