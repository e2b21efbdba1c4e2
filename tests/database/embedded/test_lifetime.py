"""The embedded server runs exactly as long as it has users."""

import os
import signal

import psycopg

from database.embedded import keep_for, keeper, running_database

from .conftest import answers, eventually, is_alive


def test_a_configured_url_is_returned_and_no_folder_is_created(tmp_path):
    with running_database("postgresql://elsewhere/bookings", tmp_path / "data") as url:
        assert url == "postgresql://elsewhere/bookings"
    assert not (tmp_path / "data").exists()


def test_the_server_answers_and_leaves_no_process_behind(folder):
    with running_database(None, folder.data) as url:
        assert answers(url)
        parent = folder.keeper()
    assert not folder.server_processes()
    assert not is_alive(parent)
    assert not (folder.data / "postgres.url").exists()


def test_committed_rows_survive_a_restart(folder):
    with running_database(None, folder.data) as url, psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT 1 AS seat")
    with running_database(None, folder.data) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT seat FROM kept").fetchone() == (1,)


def test_a_second_user_shares_the_server_and_keeps_it_after_the_first_leaves(folder):
    first, second = folder.user(), folder.user()
    assert first.url == second.url
    postmaster = folder.postmaster()
    assert first.leave() == 0
    assert folder.postmaster() == postmaster
    assert answers(second.url)
    assert second.leave() == 0
    assert not folder.server_processes()


def test_six_programs_that_start_at_once_share_one_server(fresh_folder):
    users = [fresh_folder.user() for _ in range(6)]
    urls = {user.url for user in users}
    assert len(urls) == 1
    assert all(answers(url) for url in urls)
    for user in users:
        assert user.leave() == 0
    assert not fresh_folder.server_processes()


def test_the_server_ends_when_its_last_user_is_killed(folder):
    user = folder.user()
    assert answers(user.url)
    user.kill()
    eventually(lambda: not folder.server_processes())


def test_a_printed_url_works_for_the_promised_time(folder):
    with running_database(None, folder.data) as url:
        keep_for(folder.data, 1)
    assert answers(url)
    parent = folder.keeper()
    eventually(lambda: not folder.server_processes())
    eventually(lambda: not is_alive(parent))


def test_clients_of_a_printed_url_are_not_cut_off(folder, monkeypatch):
    monkeypatch.setattr("database.embedded.LEAVE_SECONDS_MAX", 0)
    with running_database(None, folder.data) as url:
        keep_for(folder.data, 0)
        connection = psycopg.connect(url)
        eventually(folder.keeper_checks_users)
    # Without users the keeper gets the lock. It keeps the lock if it stops the server.
    eventually(lambda: not folder.keeper_checks_users())
    assert connection.execute("SELECT 1").fetchone() == (1,)
    connection.close()
    eventually(lambda: not folder.server_processes())


def test_a_signal_to_the_keeper_does_not_stop_a_server_in_use(folder):
    user = folder.user()
    assert answers(user.url)
    os.kill(folder.keeper(), signal.SIGTERM)
    assert answers(user.url)
    user.leave()
    assert not folder.server_processes()


def test_the_servers_log_stays_short_while_the_server_writes_it(folder, monkeypatch):
    monkeypatch.setattr(keeper, "LOG_BYTES_MAX", 1000)
    with running_database(None, folder.data) as url, psycopg.connect(url, autocommit=True) as connection:
        with (folder.data / "postgres.log").open("ab", buffering=0) as log:
            log.write(b"line\n" * 1000)
            keeper.keep_log_short(log)
        connection.execute("CHECKPOINT")
        assert folder.log.startswith("20")
        assert "line\nline" not in folder.log
        assert "line\nline" in (folder.data / "postgres.log.1").read_text()
