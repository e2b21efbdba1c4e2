"""`python3 run.py` installs once, repairs a broken environment, and starts the program."""

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.programs import find_program, needs, program_path
from tests.waiting import wait_until

from .conftest import ROOT


def older_pythons():
    found = [find_program(f"python3.{minor}") for minor in range(6, 11)]
    found += sorted(map(str, Path("~/.pyenv/versions").expanduser().glob("3.[6-9].*/bin/python")))
    found += sorted(map(str, Path("~/.pyenv/versions").expanduser().glob("3.10.*/bin/python")))
    return [python for python in found if python and not subprocess.call([python, "-c", ""])]


def test_an_old_python_can_at_least_read_it():
    ast.parse((ROOT / "run.py").read_text(), feature_version=(3, 6))


def test_an_old_python_gets_one_clear_line():
    pythons = older_pythons()
    if not pythons:
        pytest.skip("no Python older than 3.11 is installed here")
    done = subprocess.run([pythons[0], ROOT / "run.py", "up"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("run.py: needs Python 3.11 to 3.14; this is 3.")
    assert done.stderr.count("\n") == 1


def test_the_first_start_installs_and_the_second_only_starts(checkout):
    first, second = checkout.run("token", "--sub", "alice"), checkout.run("demo")
    assert first.stdout == f"program ['token', '--sub', 'alice'] {checkout.folder}\n"
    assert "installing" in first.stderr
    assert second.stdout == f"program ['demo'] {checkout.folder}\n"
    assert second.stderr == ""
    assert checkout.installs == 1


def test_a_later_start_costs_next_to_nothing(checkout):
    checkout.run("demo")
    times = []
    for _ in range(3):
        started = time.monotonic()
        checkout.run("demo")
        times.append(time.monotonic() - started)
    assert min(times) < 1  # two interpreters and a hash; about 0.05 s


def test_it_runs_where_the_user_stands_and_takes_no_code_from_there(checkout, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "cli").mkdir(parents=True)
    (elsewhere / "cli" / "main.py").write_text("raise SystemExit('the wrong program')")
    assert checkout.run("demo", cwd=elsewhere).stdout == f"program ['demo'] {elsewhere}\n"


def test_starts_at_the_same_time_install_once(checkout):
    starts = [checkout.start("demo", UV_SECONDS="0.3") for _ in range(3)]
    for process in starts:
        output, _ = process.communicate(timeout=60)
        assert output.startswith("program")
    assert checkout.installs == 1


def test_a_killed_install_is_waited_for_and_then_done_again(checkout):
    killed = checkout.start("demo", UV_SECONDS="1")
    wait_until(lambda: checkout.installs > 0)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    (checkout.folder / ".venv" / "half").touch()
    done = checkout.run("demo")
    assert done.stdout.startswith("program")
    assert "waiting for another start" in done.stderr
    assert not (checkout.folder / ".venv" / "half").exists()
    assert checkout.installs == 2


def test_a_changed_lock_is_installed(checkout):
    checkout.run("demo")
    with (checkout.folder / "requirements.lock").open("a") as lock:
        lock.write("# one more\n")
    assert checkout.run("demo").stdout.startswith("program")
    assert checkout.installs == 2


def test_a_moved_checkout_is_installed_again(checkout):
    checkout.run("demo")
    moved = checkout.folder.rename(checkout.folder.with_name("moved"))
    checkout.folder, checkout.tools = moved, moved / "tools"
    assert checkout.run("demo").stdout == f"program ['demo'] {moved}\n"
    assert checkout.installs == 2


@needs("bash", "mktemp", "ln", "rm")
def test_ci_runs_the_tests_with_python_alone_on_the_path(ci_run, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    path = f"{programs}{os.pathsep}{program_path()}"
    environment = {"PATH": path, "TMPDIR": str(tmp_path / "programs")}
    done = subprocess.run([find_program("bash"), ci_run], env=environment, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    shown = "['python3', 'uv']" if find_program("uv") else "['python3']"
    assert done.stdout == f"['test'] {shown} {path}\n"
    assert list(programs.iterdir()) == [programs / "python3"], "no folder is left"


def test_the_program_is_a_command_of_the_environment(checkout, tmp_path):
    checkout.run("demo")
    command = checkout.folder / ".venv" / "bin" / "seatledger"
    done = subprocess.run([command, "token", "a  b"], cwd=tmp_path, env={}, capture_output=True, text=True)
    assert done.stdout == f"program ['token', 'a  b'] {tmp_path}\n"
    command.unlink()
    assert checkout.run("demo").stdout.startswith("program")
    assert command.exists(), "a later start writes it again"
    assert checkout.installs == 1


def test_no_package_index_is_one_clear_line(checkout):
    done = checkout.run("demo", UV_CODE="1")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "check the network and the package index" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert checkout.run("demo").stdout.startswith("program"), "the next start must try again"
